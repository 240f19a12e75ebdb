// `shrike eval` from outside, and what `shrike watch --explain` adds.
#include <csignal>
#include <map>
#include <thread>

#include "tests/apps/cli_test.hpp"
#include "tests/support/machine.hpp"

namespace shrike::test {
namespace {

using ::testing::HasSubstr;

class Eval : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    if (kEmulated) GTEST_SKIP() << "the shipped model watches several streams: too long in an emulator";
  }
  // Two short streams of the shipped model: enough for `recent` to have to forget.
  static Words small(const Words& more) {
    Words words = {"eval", "--streams", "2", "--frames", "8", "--questions", "3", "--policies", "recent"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};
class Explain : public CliTest {};

// Without what is another one in every run.
Json timeless(Json cell) {
  cell.erase("frame_ms");
  cell.erase("token_ms");
  return cell;
}

void expect_cell(const Json& cell) {
  expect_keys(cell,
              {"policy", "budget", "mode", "frames", "questions", "accuracy", "accuracy_old", "full_accuracy",
               "kept_bytes", "kv_bytes", "pool_bytes", "full_kv_bytes", "frame_ms", "token_ms"});
  EXPECT_EQ(cell["frames"], 8);
  if (cell["policy"] == "full") {
    EXPECT_EQ(cell["accuracy"], cell["full_accuracy"]);
    return;
  }
  const auto bytes = [&](const char* key) { return cell[key].get<std::int64_t>(); };
  const bool is_share = cell["budget"].get<std::string>().ends_with("%");
  EXPECT_LE(bytes(is_share ? "kept_bytes" : "pool_bytes"), bytes("budget_bytes")) << cell;
  EXPECT_LE(bytes("kept_bytes"), bytes("kv_bytes"));
  EXPECT_LE(bytes("kv_bytes"), bytes("pool_bytes"));
  if (cell["accuracy"].is_null()) {
    EXPECT_EQ(cell["questions"], 0);
    EXPECT_GT(cell["needed_bytes"].get<std::int64_t>(), cell["budget_bytes"].get<std::int64_t>());
  } else {
    EXPECT_EQ(cell["questions"], 6);
    EXPECT_GT(cell["frame_ms"].get<double>(), 0);
    EXPECT_GT(cell["token_ms"].get<double>(), 0);
  }
}

TEST_F(Eval, json_is_a_line_for_each_policy_budget_and_mode_and_hangs_on_no_threads) {
  const auto lines = [](const char* threads) {
    const Finished f = run_shrike(small({"--budgets", "70,0.5,8MiB", "--json", "-t", threads}));
    EXPECT_EQ(f.code, 0) << f.err;
    EXPECT_EQ(f.err, "");
    return json_lines(f.out);
  };
  const std::vector<Json> one = lines("1"), two = lines("2");
  ASSERT_EQ(one.size(), 2 * (1 + 3u));
  ASSERT_EQ(two.size(), one.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    SCOPED_TRACE(one[i].dump());
    EXPECT_EQ(timeless(one[i]), timeless(two[i]));
    expect_cell(one[i]);
  }
  EXPECT_EQ(one[0]["mode"], "multi-request");
  EXPECT_EQ(one[4]["mode"], "multi-turn");
  EXPECT_TRUE(one[2]["accuracy"].is_null()) << "0.5 % hold not even the opening words";
  for (const std::size_t plenty : {3u, 7u}) {
    EXPECT_EQ(one[plenty]["accuracy"], one[plenty]["full_accuracy"]) << "with room for all, recent is full";
    EXPECT_EQ(one[plenty]["p_equal"], 1.0);
    EXPECT_EQ(one[plenty]["kv_bytes"], one[plenty - 3]["kv_bytes"]);
  }
}

// What a share caps is what is kept; a frame, a question and blocks have room beside it. So no policy is refused
// for the smallest of the usual shares, however short the stream.
TEST_F(Eval, every_policy_works_at_five_percent_of_a_short_stream_and_keeps_no_more) {
  const Finished f = run_shrike({"eval", "--streams", "1", "--frames", "20", "--questions", "2", "--policies",
                                 "all", "--budgets", "5", "--json"});
  ASSERT_EQ(f.code, 0) << f.err;
  int n_cells = 0;
  for (const Json& cell : json_lines(f.out)) {
    if (cell["policy"] == "full") continue;
    SCOPED_TRACE(cell.dump());
    ++n_cells;
    EXPECT_FALSE(cell["accuracy"].is_null());
    const auto share = 0.05 * cell["full_kv_bytes"].get<double>();
    EXPECT_LE(cell["kept_bytes"].get<double>(), share);
    EXPECT_GT(cell["pool_bytes"], cell["kv_bytes"]) << "a question has room";
  }
  EXPECT_GE(n_cells, 60);
}

TEST_F(Eval, calibrate_measures_a_profile_that_novel_reads) {
  const Finished worlds =
      run_shrike({"calibrate", "--streams", "1", "--frames", "10", "-o", path("a.heads")});
  ASSERT_EQ(worlds.code, 0) << worlds.err;
  EXPECT_EQ(worlds.out, "");
  const std::string text = bytes_of(path("a.heads"));
  EXPECT_NE(text.find("\n6 layers, 2 kv heads\n"), text.npos) << text;
  EXPECT_NE(text.find(" 1.00000"), text.npos) << "the head that counts most\n" << text;
  EXPECT_EQ(run_shrike({"calibrate", "--streams", "1", "--frames", "10", "-t", "2"}).out, text)
      << "again, on stdout";

  const Finished clip = run_shrike({"calibrate", "-s", "synthetic:seed=3,fps=0.5,frames=8", "--ask",
                                    "What did you see first?", "--ask", "What is in view now?"});
  ASSERT_EQ(clip.code, 0) << clip.err;
  EXPECT_NE(clip.out.find("2 questions about 8 frames"), clip.out.npos) << clip.out;

  const auto with = [&](const std::string& heads) {
    return run_shrike({"eval", "--streams", "1", "--frames", "16", "--questions", "1", "--policies", "novel",
                       "--budgets", "10", "--mode", "requests", "--kv-heads", heads, "-o", path("out")});
  };
  const auto live = [&](const std::string& heads) {  // slots of each head at the end of the stream
    const Finished f = with(heads);
    EXPECT_EQ(f.code, 0) << f.err;
    return Json::parse(bytes_of(path("out/eval.json")))["cells"].back()["live"].dump();
  };
  const std::string alike = live("none");
  EXPECT_NE(alike, "null");
  EXPECT_NE(alike, live(path("a.heads"))) << "heads that look back keep more";
  EXPECT_EQ(with("/nowhere").code, 66);
}

TEST_F(Eval, calibrate_says_what_it_lacks) {
  EXPECT_EQ(run_shrike({"calibrate", "-s", "synthetic:seed=3,frames=4"}).code, 64) << "no question";
  EXPECT_EQ(run_shrike({"calibrate", "--ask", "What is in view now?"}).code, 64) << "nothing to ask about";
  EXPECT_EQ(run_shrike({"calibrate", "--streams", "0"}).code, 64);
  EXPECT_EQ(run_shrike({"calibrate", "--streams", "1", "--frames", "4", "-o", "/nowhere/a.heads"}).code, 74);
}

// The columns of a line of answers.csv; no field of this model has a comma.
Words columns_of(const std::string& line) {
  Words columns;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(',', at), line.size());
    columns.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return columns;
}

TEST_F(Eval, answers_are_those_of_ask_about_the_same_stream) {
  const Finished f = run_shrike(small({"--budgets", "70", "--mode", "requests", "-o", path("out")}));
  ASSERT_EQ(f.code, 0) << f.err;
  const Words lines = lines_of(bytes_of(path("out/answers.csv")));
  ASSERT_EQ(lines.size(), 1 + 2 * 2 * 3u);
  int n_compared = 0;
  for (const std::string& line : lines) {
    const Words c = columns_of(line);
    ASSERT_EQ(c.size(), 10u) << line;
    if (c[5] != "full" || c[0] != "1001") continue;
    EXPECT_EQ(run_shrike({"ask", "-s", "synthetic:fps=0.5,frames=8,seed=" + c[0], c[3]}).out, c[8] + "\n");
    EXPECT_EQ(c[9], c[8] == c[4] ? "1" : "0");
    ++n_compared;
  }
  EXPECT_EQ(n_compared, 3);
}

TEST_F(Eval, writes_tables_and_pictures) {
  const Finished f = run_shrike(small({"--budgets", "70,700KiB", "-o", path("deep/out")}));
  ASSERT_EQ(f.code, 0) << f.err;
  EXPECT_EQ(f.err, "");
  for (const char* text : {"2 streams of 8 frames, 6 questions", "multi-request", "multi-turn", "  recent",
                           "700KiB", "by kind of question"})
    EXPECT_THAT(f.out, HasSubstr(text));
  EXPECT_EQ(f.out.find('\033'), f.out.npos) << "no colours where nobody looks";
  for (const char* name : {"accuracy", "age-70", "slots-70", "age-700KiB", "slots-700KiB"})
    EXPECT_EQ(bytes_of(path("deep/out/") + name + ".png").substr(0, 4), "\x89PNG") << name;
  const Json all = Json::parse(bytes_of(path("deep/out/eval.json")));
  EXPECT_FALSE(all["interrupted"].get<bool>());
  ASSERT_EQ(all["cells"].size(), 6u);
  for (const Json& cell : all["cells"]) {
    expect_keys(cell["all"], {"questions", "right", "accuracy", "low", "high"});
    EXPECT_EQ(cell["kinds"].size(), 12u);
    EXPECT_EQ(cell["live"].size(), all["layers"].get<std::size_t>());
  }
  const Words csv = lines_of(bytes_of(path("deep/out/eval.csv")));
  for (const std::string& line : csv) EXPECT_EQ(columns_of(line).size(), columns_of(csv[0]).size()) << line;
}

TEST_F(Eval, interrupted_it_writes_what_there_is) {
  Program program(SHRIKE_PROGRAM, {"eval", "--streams", "500", "--frames", "8", "--questions", "3",
                                   "--policies", "recent", "--budgets", "70", "-o", path("out"), "-t", "2"});
  while (!std::filesystem::exists(path("out"))) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  program.send(SIGINT);
  const Finished f = program.finish();
  EXPECT_EQ(f.code, 130);
  EXPECT_THAT(f.out, HasSubstr("Interrupted"));
  EXPECT_TRUE(Json::parse(bytes_of(path("out/eval.json")))["interrupted"].get<bool>());
}

TEST_F(Eval, takes_64_frames_and_at_most_as_many_as_the_model_has_positions_for) {
  const Words few = {"eval",       "--streams", "1",      "--questions", "1",
                     "--policies", "full",      "--mode", "requests"};
  const Finished f = run_shrike(few);
  EXPECT_EQ(f.code, 0) << f.err;
  EXPECT_THAT(f.out, HasSubstr("1 stream of 64 frames"));
  Words many = few;
  many.insert(many.end(), {"--frames", "500"});
  expect_refused(many, 78, {"--frames 500, at most "});
}

TEST_F(Eval, refuses_what_cannot_be_in_one_line) {
  const std::string taken = file("taken", "");
  const struct {
    Words more;
    int code;
    Words words;
  } rows[] = {{{"--policies", "nonsense"}, 64, {"nonsense"}},
              {{"--policies", "recent,recent"}, 64, {"recent", "twice"}},
              {{"--budgets", "half"}, 64, {"--budgets half"}},
              {{"--budgets", "0"}, 64, {"--budgets 0"}},
              {{"--mode", "chat"}, 64, {"--mode chat"}},
              {{"--streams", "0"}, 64, {"--streams"}},
              {{"--streams", "many"}, 64, {"--streams"}},
              {{"--questions", "0"}, 64, {"--questions"}},
              {{"--frames", "-1"}, 64, {"--frames"}},
              {{"--seed", "-1"}, 64, {"--seed"}},
              {{"-t", "-1"}, 64, {"--threads"}},
              {{"-o", taken}, 74, {taken}},
              {{"-m", "/none", "--mmproj", "/none"}, 66, {"/none"}},
              {{"-m", kText}, 64, {"--mmproj"}}};
  for (const auto& row : rows) {
    Words words = {"eval"};
    words.insert(words.end(), row.more.begin(), row.more.end());
    expect_refused(words, row.code, row.words);
  }
}

// --- watch --explain ---------------------------------------------------------------------------------------

const Words kWatch = {"watch",
                      "-q",
                      "-s",
                      "synthetic:seed=3,fps=0.5,frames=12",
                      "-n",
                      "16",
                      "--question-tokens",
                      "32",
                      "--ask",
                      kNow,
                      "--kv-budget",
                      "600KiB",
                      "--explain"};

Words watch(const Words& more) {
  Words words = kWatch;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(Explain, tells_what_is_remembered_behind_each_answer_and_once_at_the_end) {
  const Finished f = run_shrike(watch({"--at", "8s"}));
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(lines_of(f.out).size(), 1u) << "answers alone on stdout";
  const Words lines = lines_of(f.err);
  ASSERT_EQ(lines.size(), 2 * (1 + 6u)) << f.err;
  EXPECT_THAT(lines[0], HasSubstr("of 5 frames"));
  EXPECT_THAT(lines[7], HasSubstr("of 12 frames"));
  EXPECT_THAT(lines[8], HasSubstr("  layer 0  |"));
  const Finished at_end = run_shrike(watch({"--at", "end"}));
  EXPECT_EQ(lines_of(at_end.err).size(), 7u) << "not twice of the same";
}

TEST_F(Explain, is_an_object_in_json) {
  const Finished f = run_shrike(watch({"--at", "end", "--json"}));
  EXPECT_EQ(f.err, "");
  const std::vector<Json> views = of_type(json_lines(f.out), "memory");
  ASSERT_EQ(views.size(), 1u);
  const Json& view = views[0];
  expect_keys(view, {"v", "frame_ts", "seen", "kv", "frames", "layers"});
  EXPECT_EQ(view["seen"], 12);
  EXPECT_EQ(view["frames"].back()["nth"], 11);
  ASSERT_EQ(view["layers"].size(), 6u);
  for (const Json& heads : view["layers"])
    for (const Json& tokens : heads) EXPECT_EQ(tokens.size(), view["frames"].size());
  EXPECT_LE(view["kv"]["used"].get<int>(), view["kv"]["budget"].get<int>());
}

}  // namespace
}  // namespace shrike::test
