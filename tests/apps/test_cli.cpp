// The program as a person meets it: help, wrong words, files that are not what they should be, plans that do
// not fit. What goes wrong is told in one line on stderr, with an exit code of sysexits.h.
#include <sys/stat.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tests/apps/cli_test.hpp"

namespace shrike::test {
namespace {

using ::testing::HasSubstr;

const char* const kVerbs[] = {"demo", "watch", "ask", "plan", "info", "trace"};

class Help : public CliTest {};
class Usage : public CliTest {};
class ModelFiles : public CliTest {};
class Budget : public CliTest {};

// --- help --------------------------------------------------------------------------------------------------

TEST_F(Help, goes_to_stdout_with_examples) {
  for (const Words& arguments : {Words{"--help"}, Words{"-h"}, Words{}}) {
    const Finished f = run_shrike(arguments);
    EXPECT_EQ(f.code, 0);
    EXPECT_EQ(f.err, "");
    EXPECT_THAT(f.out, HasSubstr("Usage: shrike [OPTIONS]"));
    EXPECT_THAT(f.out, HasSubstr("\n  shrike watch -s clip.mp4 --ask \"What is in view now?\"\n"));
    for (const char* verb : kVerbs) EXPECT_THAT(f.out, HasSubstr("\n  " + std::string(verb) + " "));
  }
}

TEST_F(Help, of_every_verb_goes_to_stdout_with_an_example) {
  for (const std::string verb : kVerbs) {
    SCOPED_TRACE(verb);
    const Finished f = run_shrike({verb, "--help"});
    EXPECT_EQ(f.code, 0);
    EXPECT_EQ(f.err, "");
    EXPECT_THAT(f.out, HasSubstr("Usage: shrike " + verb + " "));
    EXPECT_THAT(f.out, HasSubstr("Example"));
    EXPECT_THAT(f.out, HasSubstr("\n  shrike " + verb + " "));
    for (const std::string& line : lines_of(f.out)) EXPECT_LE(line.size(), 130u) << line;
  }
}

TEST_F(Help, version_is_a_name_and_a_number) {
  const Finished f = run_shrike({"--version"});
  EXPECT_EQ(f.code, 0);
  EXPECT_EQ(f.err, "");
  EXPECT_THAT(f.out, ::testing::MatchesRegex("shrike [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

// --- wrong words -------------------------------------------------------------------------------------------

struct Wrong {
  Words arguments, told;
};

TEST_F(Usage, unknown_words_are_refused_with_the_known_ones) {
  const Wrong rows[] = {
      {{"foo"}, {"foo", "demo, watch, ask, eval, calibrate, bench, plan, info, trace", "shrike --help"}},
      {{"--foo"}, {"--foo", "shrike --help"}},
      {{"watch", "--foo"}, {"--foo", "shrike watch --help"}},
      {{"plan", "--threads", "2", "3"}, {"3", "shrike plan --help"}},
      {{"plan", "info"}, {"info", "shrike plan --help"}},
      {{"watch", "-s"}, {"--source", "shrike watch --help"}},
      {{"watch"}, {"--source", "a video file, a folder, a camera or a URL"}},
      {{"ask"}, {"question", "shrike ask --help"}},
      {{"ask", "hello?"}, {"--image", "--source"}},
      {{"ask", "-s", kClip, "-i", kClip, "hello?"}, {"--image", "--source"}},
      {{"ask", "-s", kClip, ""}, {"question is empty"}},
      {{"watch", "-s", kClip, "--ask", ""}, {"question is empty"}},
      {{"trace", "--prompt", "hello"}, {"--out", "shrike trace --help"}},
      {{"trace", "-o", path("out")}, {"--tokens or --prompt"}},
      {{"plan", "-mm", kVision}, {"--model"}},
      {{"plan", "-m", kText}, {"--mmproj"}},
      {{"foo\nbar\x1B[31m"}, {"foo\\nbar\\x1b[31m"}},
  };
  for (const Wrong& row : rows) expect_refused(row.arguments, 64, row.told);
}

TEST_F(Usage, impossible_values_are_refused_with_the_possible_ones) {
  const Wrong rows[] = {
      {{"plan", "--threads", "many"}, {"--threads", "many", "number"}},
      {{"plan", "--threads", "-1"}, {"--threads", "-1", "0"}},
      {{"plan", "--threads", "65"}, {"--threads", "65", "64"}},
      {{"plan", "--threads", "99999999999999999999"}, {"--threads", "number"}},
      {{"plan", "--predict", "0"}, {"--predict", "1"}},
      {{"plan", "--question-tokens", "0"}, {"--question-tokens", "1"}},
      {{"plan", "--ctx-size", "-5"}, {"--ctx-size", "-5", "0"}},
      {{"plan", "--kv-budget", "lots"}, {"--kv-budget lots", "4MiB"}},
      {{"plan", "--kv-budget", "-1MiB"}, {"--kv-budget -1MiB", "4MiB"}},
      {{"plan", "--kv-budget", "99999999G"}, {"--kv-budget 99999999G", "4MiB"}},
      {{"plan", "--memory", "0"}, {"--memory 0", "64MiB"}},
      {{"plan", "--kv-policy", "best"}, {"best", "recent", "full"}},
      {{"plan", "--filter", "box"}, {"--filter box", "bilinear, bicubic and lanczos"}},
      {{"plan", "--frame-size", "wide"}, {"--frame-size wide", "1920x1080"}},
      {{"watch", "-s", kClip, "--frame-size", "99999x9"}, {"--frame-size 99999x9", "8192"}},
      {{"watch", "-s", kClip, "--video-fps", "-1"}, {"--video-fps", "1000"}},
      {{"watch", "-s", kClip, "--video-fps", "nan"}, {"--video-fps", "1000"}},
      {{"watch", "-s", kClip, "--stall", "1ms"}, {"--stall 1ms", "100ms"}},
      {{"watch", "-s", kClip, "--every", "0"}, {"--every 0", "2s"}},
      {{"watch", "-s", kClip, "--every", "often"}, {"--every often", "2s"}},
      {{"watch", "-s", kClip, "--at", "noon"}, {"--at noon", "01:07"}},
      {{"watch", "-s", kClip, "--at", "1:75"}, {"--at 1:75", "01:07"}},
      {{"watch", "-s", kClip, "--at", "5s", "--every", "2s"}, {"--every and --at"}},
      {{"watch", "-s", kClip, "--frames", "-1"}, {"--frames -1", "0"}},
      {{"trace", "-o", path("out"), "--prompt", "a", "--predict", "0"}, {"--predict", "1"}},
      {{"trace", "-o", path("out"), "--tokens", "1,x"}, {"--tokens 1,x", "1,2,3"}},
      {{"trace", "-o", path("out"), "--tokens", "999999"}, {"--tokens", "999999"}},
      {{"trace", "-o", path("out"), "--prompt", "<__media__>"}, {"<__media__>", "pictures"}},
      {{"plan", "--chat-format", "gema"}, {"--chat-format gema", "there are gemma, "}},
      {{"plan", "--image-max-tokens", "3"}, {"--image-max-tokens", "4"}},
  };
  for (const Wrong& row : rows) expect_refused(row.arguments, 64, row.told);
}

TEST_F(Usage, every_option_has_a_twin_in_the_environment) {
  EXPECT_EQ(run_shrike({"plan"}, {"SHRIKE_ARG_KV_BUDGET=1KiB"}).code, 78);
  EXPECT_EQ(run_shrike({"plan", "--kv-budget", "2MiB"}, {"SHRIKE_ARG_KV_BUDGET=1KiB"}).code, 0);
  EXPECT_EQ(run_shrike({"plan"}, {"SHRIKE_ARG_KV_BUDGET="}).code, 0);
  for (const char* on : {"1", "on", "true", "enabled"})
    EXPECT_EQ(run_shrike({"plan"}, {std::string("SHRIKE_ARG_JSON=") + on}).out.substr(0, 1), "{") << on;
  for (const char* off : {"0", "off", "false", "disabled", ""})
    EXPECT_EQ(run_shrike({"plan"}, {std::string("SHRIKE_ARG_JSON=") + off}).out.substr(0, 6), "Memory")
        << off;
  expect_refused({"plan"}, 64, {"--threads", "many", "number"}, {"SHRIKE_ARG_THREADS=many"});
  expect_refused({"plan"}, 64, {"--json", "perhaps", "on or off"}, {"SHRIKE_ARG_JSON=perhaps"});
}

TEST_F(Usage, a_kernel_set_that_cannot_run_is_refused) {
  for (const std::string isa : {"nonsense", "AVX2", "sse9", "avx2 "})
    expect_refused({"plan"}, 64, {"SHRIKE_ISA " + isa, "scalar"}, {"SHRIKE_ISA=" + isa});
  EXPECT_EQ(run_shrike({"plan"}, {"SHRIKE_ISA=scalar"}).code, 0);
  EXPECT_EQ(run_shrike({"plan"}, {"SHRIKE_ISA="}).code, 0);
}

TEST_F(Usage, output_that_cannot_be_written_is_told) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  for (const Words& arguments : {Words{"info"}, Words{"plan", "--json"}, Words{"--help"}})
    expect_line(run(SHRIKE_PROGRAM, arguments, {}, "/dev/full"), 74, {"standard output"});
}

TEST_F(Usage, a_folder_that_cannot_be_made_is_told) {
  const std::string in_the_way = file("a-file", "");
  expect_refused({"trace", "-o", in_the_way, "--prompt", "a"}, 74, {in_the_way, "folder"});
}

// --- model files -------------------------------------------------------------------------------------------

// Told about by everything that opens a model, in the same way.
void expect_bad_model(const std::string& model, int code, const Words& words) {
  expect_refused({"plan", "-m", model, "--mmproj", kVision}, code, words);
  expect_refused({"info", model}, code, words);
}

TEST_F(ModelFiles, what_is_no_model_file_is_refused) {
  expect_bad_model(path("none.gguf"), 66, {"none.gguf", "no such file"});
  expect_bad_model(path("none\n.gguf"), 66, {"none\\n.gguf", "no such file"});
  expect_bad_model(path(""), 65, {"directory"});
  expect_bad_model("/dev/null", 65, {"/dev/null", "not a regular file"});
  expect_bad_model(file("zero.gguf", ""), 65, {"zero.gguf", "empty"});
  expect_bad_model(file("text.gguf", "This is a letter, not a model.\n"), 65,
                   {"text.gguf", "not a GGUF file"});
  expect_bad_model(kClip, 65, {kClip, "not a GGUF file"});
  expect_refused({"plan", "-m", kText, "--mmproj", path("none.gguf")}, 66, {"none.gguf", "no such file"});
  expect_refused({"plan", "-m", kText, "--mmproj", kText}, 65, {kText, "mmproj"});
  expect_refused({"plan", "-m", kVision, "--mmproj", kVision}, 65, {kVision, "text model"});
  expect_refused({"plan"}, 66, {"perch-f16.gguf", "no such file"}, {"SHRIKE_MODELS=" + path("")});
  expect_refused({"demo"}, 66, {"demo.json", "SHRIKE_MODELS"}, {"SHRIKE_MODELS=" + path("")});
}

TEST_F(ModelFiles, what_is_no_demo_script_is_refused) {
  const std::string question = R"({"at_seconds": 1, "question": "What?", "expected": "a"})";
  expect_refused({"demo", "--script", path("none.json")}, 66, {"none.json", "no such file"});
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string(R"({"clip": "a.mp4"})"),
        R"({"questions": [)" + question + "]}", R"({"clip": 7, "questions": [)" + question + "]}",
        R"({"clip": "a.mp4", "video_fps": 0, "questions": [)" + question + "]}",
        R"({"clip": "a.mp4", "video_fps": "1", "questions": [)" + question + "]}",
        std::string(R"({"clip": "a.mp4", "questions": ["What?"]})"),
        std::string(R"({"clip": "a.mp4", "questions": [{"question": "What?"}]})"),
        std::string(
            R"({"clip": "a.mp4", "questions": [{"question": "What?", "expected": "a", "in_view": 1}]})")})
    expect_refused({"demo", "--script", file("script.json", text)}, 65, {"script.json", "demo script"});
  const std::string far = file("far.json", R"({"clip": "none.mp4", "questions": [)" + question + "]}");
  expect_refused({"demo", "--script", far}, 66, {"none.mp4"});
}

TEST_F(ModelFiles, a_file_that_may_not_be_read_is_told) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  chmod(file("secret.gguf", "GGUF").c_str(), 0);
  expect_bad_model(path("secret.gguf"), 77, {"secret.gguf"});
}

std::uint64_t number_at(const std::string& bytes, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}
std::string eight_bytes(std::uint64_t number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

// Where the row of the tensor directory for `name` has its offset: behind name, n_dims, dims and type.
std::size_t offset_field(const std::string& bytes, const std::string& name) {
  const std::size_t at = bytes.find(eight_bytes(name.size()) + name);
  EXPECT_NE(at, bytes.npos) << name;
  const std::size_t n_dims_at = at + 8 + name.size();
  return n_dims_at + 4 + 8 * static_cast<std::size_t>(number_at(bytes, n_dims_at) & 0xFFFFFFFF) + 4;
}

TEST_F(ModelFiles, a_file_that_was_cut_off_is_refused) {
  for (const std::string& whole_file : {kText, kVision}) {
    const std::string whole = bytes_of(whole_file);
    const std::size_t directory =
        offset_field(whole, whole_file == kText ? "blk.3.attn_q.weight" : "v.post_ln.weight");
    for (const std::size_t n :
         {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{8}, std::size_t{23}, std::size_t{24},
          std::size_t{31}, std::size_t{200}, directory, directory + 8, directory + 4000, whole.size() / 2,
          whole.size() - 1}) {
      SCOPED_TRACE(whole_file + " cut at " + std::to_string(n));
      const std::string cut = file("cut.gguf", whole.substr(0, n));
      expect_refused({"info", cut}, 65, {"cut.gguf"});
      if (whole_file == kText) expect_refused({"plan", "-m", cut, "--mmproj", kVision}, 65, {"cut.gguf"});
      if (whole_file == kVision) expect_refused({"plan", "-m", kText, "--mmproj", cut}, 65, {"cut.gguf"});
    }
  }
}

TEST_F(ModelFiles, a_tensor_that_lies_about_its_place_is_refused) {
  const std::string whole = bytes_of(kText), name = "blk.1.attn_k.weight";
  const std::size_t at = offset_field(whole, name);
  const std::uint64_t true_offset = number_at(whole, at);
  const struct {
    std::uint64_t offset;
    const char* told;
  } rows[] = {{std::uint64_t{1} << 60, "outside the file"},
              {whole.size() / 32 * 32, "outside the file"},
              {std::numeric_limits<std::uint64_t>::max() / 32 * 32, "outside the file"},
              {true_offset + 1, "alignment"},
              {true_offset + 32, "overlaps"}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.offset);
    std::string lying = whole;
    lying.replace(at, 8, eight_bytes(row.offset));
    expect_bad_model(file("lying.gguf", lying), 65, {"lying.gguf", row.told});
  }
}

TEST_F(ModelFiles, a_model_without_its_keys_is_bad_data) {
  const std::string none = file("bare.gguf", "GGUF" + std::string("\3\0\0\0", 4) + std::string(16, '\0'));
  expect_refused({"plan", "-m", none, "--mmproj", kVision}, 65,
                 {"bare.gguf", "general.architecture", "missing"});
  expect_refused({"plan", "-m", kText, "--mmproj", none}, 65,
                 {"bare.gguf", "general.architecture", "missing"});
  const Finished f = run_shrike({"info", "--json", none});
  EXPECT_EQ(f.code, 0) << "a GGUF file all the same";
  EXPECT_FALSE(json_lines(f.out).at(0)["model"]["runs"].get<bool>());
}

// --- plans that do not fit ---------------------------------------------------------------------------------

// The last word of the line, and the same number less one.
std::string last_word(const std::string& err) {
  const std::size_t begin = err.find_last_of(' ') + 1;
  return err.substr(begin, err.find_last_not_of('\n') + 1 - begin);
}
std::string one_less(const std::string& size) {
  const std::size_t end = size.find_first_not_of("0123456789");
  return std::to_string(std::stoll(size.substr(0, end)) - 1) + (end == size.npos ? "" : size.substr(end));
}

void expect_smallest(const Words& arguments, const std::string& option, const std::string& too_small) {
  const auto plan = [&](const std::string& value) {
    Words words = arguments;
    words.insert(words.end(), {option, value});
    return run_shrike(words);
  };
  SCOPED_TRACE(joined(arguments) + " " + option);
  const Finished refused = plan(too_small);
  expect_line(refused, 78, {option, "the smallest that works is "});
  EXPECT_THAT(refused.out, HasSubstr("Memory plan")) << "which shows where the memory would go";
  const std::string smallest = last_word(refused.err);
  const Finished fits = plan(smallest);
  EXPECT_EQ(fits.code, 0) << smallest << ": " << fits.err;
  EXPECT_EQ(fits.err, "");
  const Finished below = plan(one_less(smallest));
  expect_line(below, 78, {option, "the smallest that works is " + smallest});
}

TEST_F(Budget, that_is_too_small_is_refused_and_the_smallest_that_works_is_named) {
  for (const Words& options :
       {Words{}, Words{"--predict", "7", "--question-tokens", "33"}, Words{"-c", "300"}}) {
    Words arguments = {"plan"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    expect_smallest(arguments, "--kv-budget", "1KiB");
    expect_smallest(arguments, "--memory", "1MiB");
  }
  expect_smallest({"plan"}, "--ctx-size", "10");
  EXPECT_THAT(run_shrike({"plan"}).out, HasSubstr("smallest --kv-budget that works: "));
}

class CameraBudget : public CameraCliTest {};

TEST_F(CameraBudget, the_smallest_that_works_answers) {
  const Finished refused = run_shrike({"ask", "-s", kClip, "--kv-budget", "1KiB", kNow});
  EXPECT_EQ(refused.code, 78);
  EXPECT_EQ(refused.out, "");
  const std::string smallest = last_word(refused.err);
  const Finished f = run_shrike({"ask", "-s", kClip, "--kv-budget", smallest, kNow});
  EXPECT_EQ(f.code, 0) << f.err;
  EXPECT_EQ(f.out, in_view_of_clip(clip_footage().n_frames() - 1) + "\n");
}

}  // namespace
}  // namespace shrike::test
