// What each verb prints when all is well: for people, and as JSON for programs.
#include <cstdint>
#include <map>

#include "core/npy.hpp"
#include "tests/apps/cli_test.hpp"

namespace shrike::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Info : public CliTest {};
class PlanVerb : public CliTest {};
class Trace : public CliTest {};
class CameraTrace : public CameraCliTest {};
class AskVerb : public CameraCliTest {};
class WatchVerb : public CameraCliTest {};
class Demo : public CameraCliTest {};

// --- info --------------------------------------------------------------------------------------------------

TEST_F(Info, tells_what_the_shipped_files_are) {
  const Finished f = run_shrike({"info"});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  for (const char* text : {"perch-f16.gguf\n", "mmproj-perch-f16.gguf\n", "general.architecture   llama",
                           "general.architecture   clip", "4,404,288", "tokens_per_image",
                           "kv_bytes_per_token", "kv_budget_smallest_bytes", "kv_budget_sensible_bytes",
                           "chat_format            shrike\n", " tensors, ", "<end_of_utterance>"})
    EXPECT_THAT(f.out, HasSubstr(text));
}

TEST_F(Info, checksums_are_those_of_the_list) {
  std::map<std::string, std::string> sums;
  std::ifstream in(kPerch + "SHA256SUMS");
  for (std::string sum, name; in >> sum >> name;) sums[name] = sum;
  Words arguments = {"info", "--json"};
  for (const auto& [name, sum] : sums)
    if (name.ends_with(".gguf")) arguments.push_back(kPerch + name);
  ASSERT_EQ(arguments.size(), 6u);
  for (const Json& object : json_lines(run_shrike(arguments).out)) {
    const std::string name = object["file"].get<std::string>().substr(kPerch.size());
    EXPECT_EQ(object["sha256"], sums.at(name)) << name;
  }
}

TEST_F(Info, json_is_one_object_a_file) {
  const std::vector<Json> objects = json_lines(run_shrike({"info", "--json", "--keys", "--tensors"}).out);
  ASSERT_EQ(objects.size(), 2u);
  for (const Json& object : objects) {
    expect_keys(object, {"file", "bytes", "sha256", "gguf", "general.architecture", "tensors", "types",
                         "parameters", "model", "keys", "tensor_list"});
    EXPECT_TRUE(object["model"]["runs"].get<bool>());
    EXPECT_EQ(object["tensors"], object["tensor_list"].size());
    std::int64_t summed = 0;
    for (const auto& [type, sum] : object["types"].items()) summed += sum["bytes"].get<std::int64_t>();
    std::int64_t bytes = 0;
    for (const Json& tensor : object["tensor_list"]) {
      expect_keys(tensor, {"name", "type", "shape", "bytes"});
      bytes += tensor["bytes"].get<std::int64_t>();
    }
    EXPECT_EQ(bytes, summed);
    EXPECT_LT(bytes, object["bytes"].get<std::int64_t>());
    EXPECT_GT(bytes, object["bytes"].get<std::int64_t>() * 9 / 10);
  }
  EXPECT_EQ(objects[0]["keys"]["tokenizer.ggml.tokens"]["count"], 517);
}

// --- plan --------------------------------------------------------------------------------------------------

TEST_F(PlanVerb, total_is_the_sum_of_its_rows) {
  for (const Words& options : {Words{}, Words{"--kv-budget", "2MiB", "--frame-size", "640x480"},
                               Words{"-t", "1", "-c", "512", "--predict", "16"}}) {
    Words arguments = {"plan", "--json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    SCOPED_TRACE(joined(arguments));
    const std::vector<Json> objects = json_lines(run_shrike(arguments).out);
    ASSERT_EQ(objects.size(), 1u);
    const Json& plan = objects[0];
    std::map<std::string, std::int64_t> sums;
    for (const Json& row : plan["rows"]) {
      expect_keys(row, {"name", "kind", "bytes", "from"});
      EXPECT_GT(row["bytes"].get<std::int64_t>(), 0) << row;
      EXPECT_NE(row["from"], "") << row;
      sums[row["kind"]] += row["bytes"].get<std::int64_t>();
    }
    EXPECT_EQ(plan["arena_bytes"], sums["arena"]);
    EXPECT_EQ(plan["beside_bytes"], sums["beside"]);
    EXPECT_EQ(plan["mapped_bytes"], sums["mapped"]);
    EXPECT_EQ(plan["total_bytes"], sums["arena"] + sums["beside"]);
    EXPECT_EQ(sums.size(), 4u) << "and what lies where a larger stage works";
    expect_keys(plan, {"memory_max_bytes", "kv_budget_bytes", "kv_budget_min_bytes", "kv_bytes_per_token",
                       "tokens_per_frame", "stream_tokens_max", "stream_frames_max", "ask_tokens_max",
                       "context_max"});
    EXPECT_TRUE(plan["fits"].get<bool>());
  }
}

TEST_F(PlanVerb, is_a_table_of_the_same_rows_for_people) {
  const Json plan = json_lines(run_shrike({"plan", "--json"}).out).at(0);
  const Finished f = run_shrike({"plan"});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  for (const Json& row : plan["rows"]) EXPECT_THAT(f.out, HasSubstr(row["name"].get<std::string>()));
  for (const char* text : {"= one arena", "= total", "never exceeded",
                           "smallest --kv-budget that works: ", " a sensible one: ", " of KV in f16"})
    EXPECT_THAT(f.out, HasSubstr(text));
  EXPECT_EQ(f.out.find('\033'), f.out.npos) << "no colours where nobody looks";
}

TEST_F(PlanVerb, a_budget_that_is_kept_is_the_kv_pool_s_size) {
  const auto pool = [](const char* budget) -> std::int64_t {
    const Json plan = json_lines(run_shrike({"plan", "--json", "--kv-budget", budget}).out).at(0);
    for (const Json& row : plan["rows"])
      if (row["name"] == "kv pool") return row["bytes"];
    return -1;
  };
  for (const auto& [text, bytes] :
       std::map<const char*, std::int64_t>{{"768KiB", 768 << 10}, {"1MiB", 1 << 20}}) {
    EXPECT_LE(pool(text), bytes);
    EXPECT_GT(pool(text), bytes - 8192) << "less than a block goes unused";
  }
}

// What `info` and `plan` say of budgets is the same, and true: with the smallest it works, with a block less not.
TEST_F(PlanVerb, budgets_that_are_said_to_work_do) {
  const Json text = json_lines(run_shrike({"info", "--json"}).out).at(0)["model"];
  for (const char* codec : {"f16", "q8_0", "q4"}) {
    const std::string policy = std::string("recent, codec=") + codec;
    const Json plan = json_lines(run_shrike({"plan", "--json", "--kv-policy", policy}).out).at(0);
    EXPECT_EQ(plan["kv_codec"], codec);
    EXPECT_EQ(plan["kv_bytes_per_token"], text["kv_bytes_per_token"][codec]);
    const std::int64_t least = plan["kv_budget_min_bytes"], sensible = plan["kv_budget_sensible_bytes"];
    EXPECT_GT(sensible, least);
    const auto code = [&](std::int64_t bytes) {
      return run_shrike({"plan", "--kv-policy", policy, "--kv-budget", std::to_string(bytes)}).code;
    };
    EXPECT_EQ(code(least), 0);
    EXPECT_EQ(code(least - 1), 78);
    const Json with = json_lines(run_shrike({"plan", "--json", "--kv-policy", policy, "--kv-budget",
                                             std::to_string(sensible)})
                                     .out)
                          .at(0);
    EXPECT_GE(with["stream_frames_max"], 16);
  }
  const Json f16 = json_lines(run_shrike({"plan", "--json"}).out).at(0);
  EXPECT_EQ(f16["kv_budget_min_bytes"], text["kv_budget_smallest_bytes"]);
  EXPECT_EQ(f16["kv_budget_sensible_bytes"], text["kv_budget_sensible_bytes"]);
}

// --- trace -------------------------------------------------------------------------------------------------

TEST_F(Trace, writes_tokens_logits_and_a_greedy_continuation) {
  const std::string out = path("deep/out");
  const Finished f =
      run_shrike({"trace", "-o", out, "--prompt", "What is in view now?", "-n", "5", "--all-logits"});
  ASSERT_EQ(f.code, 0) << f.err;
  EXPECT_EQ(f.out + f.err, "");
  const Npy tokens = read_npy(out + "/tokens.npy").value(), logits = read_npy(out + "/logits.npy").value();
  const Npy greedy = read_npy(out + "/greedy.npy").value(), steps = read_npy(out + "/steps.npy").value();
  EXPECT_GT(tokens.i32.size(), 3u);
  EXPECT_THAT(logits.shape, ElementsAre(tokens.shape[0], 517));
  EXPECT_THAT(greedy.shape, ElementsAre(5));
  EXPECT_THAT(steps.shape, ElementsAre(5, 517));
  const auto best = std::max_element(logits.f32.end() - 517, logits.f32.end());
  EXPECT_EQ(greedy.i32[0], best - (logits.f32.end() - 517)) << "the first token follows from the last logits";
}

TEST_F(Trace, text_and_its_tokens_are_the_same_prompt) {
  const std::string text = path("text"), ids = path("ids");
  ASSERT_EQ(run_shrike({"trace", "-o", text, "--prompt", "a blue star", "-n", "4"}).code, 0);
  ASSERT_EQ(run_shrike({"trace", "-o", ids, "--tokens", text + "/tokens.npy", "-n", "4"}).code, 0);
  for (const char* name : {"/tokens.npy", "/logits.npy", "/greedy.npy", "/steps.npy"})
    EXPECT_EQ(bytes_of(text + name), bytes_of(ids + name)) << name;
}

TEST_F(Trace, scalar_kernels_continue_in_the_same_way) {
  const Words prompt = {"--prompt", "What was the first thing you saw?", "-n", "8"};
  Words best = {"trace", "-o", path("best")}, scalar = {"trace", "-o", path("scalar")};
  best.insert(best.end(), prompt.begin(), prompt.end());
  scalar.insert(scalar.end(), prompt.begin(), prompt.end());
  ASSERT_EQ(run_shrike(best).code, 0);
  ASSERT_EQ(run_shrike(scalar, {"SHRIKE_ISA=scalar"}).code, 0);
  EXPECT_EQ(bytes_of(path("best/greedy.npy")), bytes_of(path("scalar/greedy.npy")));
}

TEST_F(CameraTrace, a_picture_and_its_pixels_are_the_same_to_the_model) {
  const std::string picture = file("thing.ppm", picture_of_thing(0).bytes);
  const Words prompt = {"--prompt", "<|im_start|>User:<__media__>What is in view now?", "-n", "4"};
  Words seen = {"trace", "-o", path("seen"), "--image", picture}, read = {"trace", "-o", path("read")};
  seen.insert(seen.end(), prompt.begin(), prompt.end());
  read.insert(read.end(), {"--pixels", path("seen/pixels_0.npy")});
  read.insert(read.end(), prompt.begin(), prompt.end());
  const Finished f = run_shrike(seen);
  ASSERT_EQ(f.code, 0) << f.err;
  ASSERT_EQ(run_shrike(read).code, 0);
  for (const char* name : {"/tokens.npy", "/embd_0.npy", "/logits.npy", "/greedy.npy"})
    EXPECT_EQ(bytes_of(path("seen") + name), bytes_of(path("read") + name)) << name;
  EXPECT_THAT(read_npy(path("seen/embd_0.npy")).value().shape, ElementsAre(4, 192));
}

TEST_F(CameraTrace, what_is_no_picture_is_refused) {
  const Words prompt = {"--prompt", "<__media__>"};
  for (const auto& [image, code] :
       {std::pair{file("letter.png", "Dear model,\n"), 65}, std::pair{path("none.png"), 66},
        std::pair{std::string("/dev/video98"), 69}})
    expect_refused({"trace", "-o", path("out"), "--prompt", "<__media__>", "--image", image}, code, {image});
}

// --- ask ---------------------------------------------------------------------------------------------------

TEST_F(AskVerb, about_a_picture_prints_the_answer_alone) {
  const Picture picture = picture_of_thing(0);
  const Finished f = run_shrike({"ask", "-i", file("thing.ppm", picture.bytes), kNow});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.out, picture.thing + "\n");
  EXPECT_EQ(f.err, "");
}

TEST_F(AskVerb, json_is_one_object) {
  const Picture picture = picture_of_thing(0);
  const Finished f = run_shrike({"ask", "-i", file("thing.ppm", picture.bytes), "--json", kNow});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  EXPECT_THAT(
      json_lines(f.out),
      ElementsAre(Json{{"question", kNow}, {"answer", picture.thing}, {"frames", 1}, {"finish", "stop"}}));
}

TEST_F(AskVerb, several_pictures_are_frames_one_after_the_other) {
  const Picture pictures[] = {picture_of_thing(0), picture_of_thing(1), picture_of_thing(2)};
  const std::string one = file("1.ppm", pictures[0].bytes), two = file("2.ppm", pictures[1].bytes),
                    ten = file("10.ppm", pictures[2].bytes);
  EXPECT_EQ(run_shrike({"ask", "-i", one, "-i", two, "-i", ten, kFirst}).out, pictures[0].thing + "\n");
  EXPECT_EQ(run_shrike({"ask", "-s", path(""), "--kv-policy", "recent", kNow}).out, pictures[2].thing + "\n")
      << "a folder, in the order of numbers";
}

TEST_F(AskVerb, about_a_clip_remembers_its_beginning) {
  const Finished f = run_shrike({"ask", "-s", kClip, kFirst});
  EXPECT_EQ(f.out, picture_of_thing(0).thing + "\n");
  EXPECT_EQ(f.err, "");
}

TEST_F(AskVerb, an_answer_that_was_cut_says_so) {
  const Picture picture = picture_of_thing(0);
  const std::string thing = file("thing.ppm", picture.bytes);
  const Json object = json_lines(run_shrike({"ask", "-i", thing, "--json", "-n", "2", kNow}).out).at(0);
  EXPECT_EQ(object["finish"], "length");
  EXPECT_EQ(picture.thing.find(object["answer"].get<std::string>()), 0u) << object;
}

TEST_F(AskVerb, a_question_that_is_too_long_is_refused) {
  const std::string thing = file("thing.ppm", picture_of_thing(0).bytes);
  std::string question;
  for (int i = 0; i < 400; ++i) question += "really ";
  expect_refused({"ask", "-i", thing, question}, 64, {"--question-tokens", "128"});
  const Finished f = run_shrike({"watch", "-q", "-s", thing, "--ask", question});
  expect_line(f, 64, {"--question-tokens", "128", "really"});
  EXPECT_LT(f.err.size(), 300u);
}

// --- watch -------------------------------------------------------------------------------------------------

TEST_F(WatchVerb, answers_go_to_stdout_and_everything_else_to_stderr) {
  const Finished f = run_shrike({"watch", "-s", kClip, "--frames", "6", "--ask", kNow});
  EXPECT_EQ(f.code, 0);
  const Words lines = lines_of(f.out);
  ASSERT_EQ(lines.size(), 6u) << f.out;
  const std::string arrow = "  What is in view now? \xE2\x86\x92 ";
  EXPECT_EQ(lines[0], "00:00" + arrow + in_view_of_clip(0));
  EXPECT_EQ(lines[5], "00:10" + arrow + in_view_of_clip(5));
  for (const char* text : {"Memory plan\n", "End of the stream.\n", "6 seen, 0 dropped", "  answers     6"})
    EXPECT_THAT(f.err, HasSubstr(text));
  EXPECT_EQ((f.out + f.err).find('\033'), std::string::npos) << "no colours where nobody looks";
}

TEST_F(WatchVerb, asks_at_the_times_it_was_told) {
  const Finished f = run_shrike({"watch", "-q", "-s", kClip, "--frames", "7", "--ask", kNow, "--ask",
                                 "How many?", "--at", "00:05", "--at", "11s", "--at", "end"});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  const Words lines = lines_of(f.out);
  ASSERT_EQ(lines.size(), 6u) << f.out;
  const char* clocks[] = {"00:04", "00:04", "00:10", "00:10", "00:12", "00:12"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].substr(0, 5), clocks[i]);
    EXPECT_THAT(lines[i], HasSubstr(i % 2 == 0 ? kNow : "How many?"));
  }
}

void expect_answer(const Json& answer, std::int64_t seq) {
  expect_keys(answer, {"v", "frame_ts", "prompt_id", "prompt", "text", "finish", "ms", "tokens", "kv"});
  EXPECT_EQ(answer["v"], 1);
  EXPECT_EQ(answer["seq"], seq);
  EXPECT_EQ(answer["finish"], "stop");
  expect_keys(answer["ms"], {"encode", "prefill", "decode"});
  expect_keys(answer["tokens"], {"image", "out"});
  expect_keys(answer["kv"], {"used", "budget", "evicted", "oldest_frame_ts"});
  EXPECT_LE(answer["kv"]["used"].get<int>(), answer["kv"]["budget"].get<int>());
}

TEST_F(WatchVerb, json_is_a_plan_answers_and_a_summary) {
  const Finished f = run_shrike({"watch", "--json", "-s", kClip, "--frames", "6", "--ask", kNow});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  const std::vector<Json> objects = json_lines(f.out);
  ASSERT_EQ(objects.size(), 8u);
  EXPECT_EQ(objects.front()["type"], "plan");
  const std::vector<Json> answers = of_type(objects, "answer");
  ASSERT_EQ(answers.size(), 6u);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    expect_answer(answers[i], static_cast<std::int64_t>(i));
    EXPECT_EQ(answers[i]["frame_ts"], 2.0 * static_cast<double>(i));
    EXPECT_EQ(answers[i]["prompt"], kNow);
  }
  EXPECT_EQ(answers[5]["text"], in_view_of_clip(5));
  const Json& summary = objects.back();
  EXPECT_EQ(summary["type"], "summary");
  EXPECT_EQ(summary["frames"], 6);
  EXPECT_EQ(summary["answers"], 6);
  EXPECT_EQ(summary["dropped"], 0);
  EXPECT_EQ(summary["restarts"], 0);
  EXPECT_FALSE(summary["interrupted"].get<bool>());
  EXPECT_EQ(summary["planned_bytes"], objects.front()["total_bytes"]);
#ifndef SHRIKE_SLOW_MACHINE  // a sanitizer's own memory is in no plan
  EXPECT_LE(summary["peak_bytes"].get<std::int64_t>(), summary["planned_bytes"].get<std::int64_t>());
#endif
}

TEST_F(WatchVerb, a_small_budget_forgets_the_oldest_frames_and_a_full_one_says_so) {
  const auto watch = [](const std::string& policy) {
    return run_shrike({"watch", "--json", "-s", kClip, "--ask", kNow, "--at", "end", "--kv-budget", "1200KiB",
                       "--kv-policy", policy});
  };
  const Finished recent = watch("recent"), full = watch("full");
  const Json forgets = json_lines(recent.out).back(), keeps = json_lines(full.out).back();
  EXPECT_EQ(recent.err, "");
  EXPECT_GT(forgets["tokens_evicted"].get<int>(), 0);
  EXPECT_GT(forgets["oldest_frame_seconds"].get<double>(), 0);
  EXPECT_EQ(of_type(json_lines(recent.out), "answer").at(0)["text"],
            in_view_of_clip(clip_footage().n_frames() - 1));
  EXPECT_EQ(keeps["tokens_evicted"], 0);
  EXPECT_GT(keeps["not_remembered"].get<int>(), 0);
  expect_line(full, 0, {"memory full", "--kv-policy recent"});
}

#ifdef SHRIKE_SLOW_MACHINE
constexpr const char* kFew = "3";
#else
constexpr const char* kFew = "7";
#endif

TEST_F(WatchVerb, scalar_kernels_give_the_same_answers) {
  const auto answers = [](const Words& environment) {
    const Finished f = run_shrike(
        {"watch", "--json", "-s", kClip, "--frames", kFew, "--ask", kNow, "--ask", kFirst, "--every", "6s"},
        environment);
    Words texts;
    for (const Json& answer : of_type(json_lines(f.out), "answer")) texts.push_back(answer["text"]);
    return texts;
  };
  const Words best = answers({});
  EXPECT_GE(best.size(), 4u);
  EXPECT_EQ(answers({"SHRIKE_ISA=scalar"}), best);
}

// --- demo --------------------------------------------------------------------------------------------------

TEST_F(Demo, answers_at_least_eight_of_ten) {
  const Finished f = run_shrike({"demo", "--json"});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  const std::vector<Json> objects = json_lines(f.out);
  int n_asked = 0, n_right = 0;
  for (const Json& object : objects) {
    if (object.contains("summary")) continue;
    expect_keys(object, {"at", "question", "answer", "expected", "correct", "in_view"});
    EXPECT_EQ(object["correct"].get<bool>(), object["answer"] == object["expected"]);
    n_right += object["correct"].get<bool>() ? 1 : 0;
    ++n_asked;
  }
  EXPECT_EQ(n_asked, 10);
  EXPECT_GE(n_right, 8);
  EXPECT_EQ(objects.back().value("summary", Json::object()).value("right", -1), n_right);
}

// Questions that nobody chose, about a camera that shakes in MJPEG and one at night in MPEG-4.
TEST_F(Demo, other_clips_of_other_codecs_are_answered_as_well) {
  for (const char* script : {"perch-shaky.json", "perch-dusk.json"}) {
    const Finished f = run_shrike({"demo", "--json", "--script", kPerch + script});
    ASSERT_EQ(f.code, 0) << f.err;
    const Json summary = json_lines(f.out).back().at("summary");
    EXPECT_GE(summary.at("right").get<int>(), 7) << script << ", of 10, where guessing gives two or three";
  }
}

TEST_F(Demo, shows_people_plan_answers_and_score) {
  const Finished f = run_shrike({"demo"});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  for (const char* text :
       {"Memory plan\n", "Watching perch-demo.mp4, a frame every 2 s\n", "What came before everything else?",
        " of 10 answers right", "out of view", "  memory "})
    EXPECT_THAT(f.out, HasSubstr(text));
}

}  // namespace
}  // namespace shrike::test
