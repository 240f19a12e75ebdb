// The program when the world goes wrong around it: a source that cannot be read, a capture process that dies or
// hangs, a person who presses Ctrl-C, a reader who goes away.
#include <signal.h>

#include "platform/clock.hpp"
#include "tests/apps/cli_test.hpp"

namespace shrike::test {
namespace {

using ::testing::HasSubstr;

constexpr double kSoon = 2.0;  // seconds
#ifdef SHRIKE_SLOW_MACHINE
constexpr double kPatience = 4;
#else
constexpr double kPatience = 1;
#endif

class Sources : public CameraCliTest {};
class LiveWatch : public CameraCliTest {};

// Waits until `condition` holds, for at most as long as a person would.
template <class Condition>
bool comes_true(Condition&& condition, double seconds_max = kSoon * kPatience) {
  const std::int64_t end = monotonic_ns() + static_cast<std::int64_t>(seconds_max * 1e9);
  while (!condition()) {
    if (monotonic_ns() > end) return false;
    sleep_ns(5'000'000);
  }
  return true;
}

const std::string kCapture = "shrike-capture";

pid_t capture_of(const Program& program) {
  std::vector<pid_t> children;
  EXPECT_TRUE(comes_true([&] { return !(children = children_of(program.pid(), kCapture)).empty(); }, 20));
  EXPECT_EQ(children.size(), 1u);
  return children.empty() ? -1 : children[0];
}

// --- sources that cannot be --------------------------------------------------------------------------------

TEST_F(Sources, that_cannot_be_read_are_refused_by_name) {
  std::filesystem::create_directory(path("empty"));
  std::filesystem::create_directory(path("letters"));
  file("letters/1.png", "Dear camera,");
  file("letters/2.png", "how are you?");
  const struct {
    std::string source;
    int code;
    const char* told;
  } rows[] = {{file("text.mp4", "This is a letter, not a video.\n"), 65, "not a video"},
              {file("zero.mp4", ""), 65, "empty"},
              {path("none.mp4"), 66, "no such file"},
              {path("empty"), 65, "no pictures"},
              {path("letters"), 65, "no frame can be decoded"},
              {file("cut.mp4", bytes_of(kClip).substr(0, 3000)), 65, "not a video"}};
  for (const auto& row : rows)
    expect_refused({"ask", "-s", row.source, kNow}, row.code, {row.source, row.told});
  for (const auto& row : {rows[0], rows[2], rows[3]})
    expect_refused({"watch", "-q", "-s", row.source, "--ask", kNow}, row.code, {row.source, row.told});
  expect_refused({"ask", "-i", kClip, "-i", rows[0].source, kNow}, 65, {rows[0].source, "not a video"});
}

TEST_F(Sources, of_which_nothing_was_seen_have_no_summary) {
  const Finished f = run_shrike({"watch", "-s", file("text.mp4", "This is a letter, not a video.\n")});
  EXPECT_EQ(f.code, 65);
  EXPECT_THAT(f.err, HasSubstr("Memory plan\n"));
  EXPECT_EQ(f.err.find("End of the stream"), f.err.npos) << f.err;
  EXPECT_THAT(lines_of(f.err).back(), HasSubstr("shrike: cannot open "));
}

TEST_F(Sources, that_are_no_camera_end_a_question_at_once_and_hide_passwords) {
  expect_refused({"ask", "-s", "/dev/video98", kNow}, 69, {"/dev/video98", "No such file"});
  expect_refused({"ask", "-i", "98", kNow}, 69, {"/dev/video98", "No such file"});
  const Finished f = run_shrike({"ask", "-s", "http://admin:geheim@127.0.0.1:1/v.mjpg", kNow});
  expect_line(f, 69, {"http://***@127.0.0.1:1/v.mjpg", "no answer"});
  EXPECT_EQ(f.err.find("geheim"), f.err.npos);
  EXPECT_EQ(f.out, "");
}

// As daemons and careless scripts start programs: what is opened next must not become their stdout.
TEST_F(Sources, are_seen_without_standard_descriptors) {
  const Picture picture = picture_of_thing(0);
  const std::string thing = file("thing.ppm", picture.bytes);
  const auto ask = [&](const std::string& redirection) {
    return run("/bin/sh",
               {"-c", "exec \"$@\" " + redirection, "sh", SHRIKE_PROGRAM, "ask", "-i", thing, kNow});
  };
  EXPECT_EQ(ask("<&-").out, picture.thing + "\n");
  EXPECT_EQ(ask("2>&-").out, picture.thing + "\n");
  expect_line(ask("<&- >&-"), 74, {"standard output"});
}

// --- a stream in real time ---------------------------------------------------------------------------------

// Ten frames a second, a question twice a second.
Words watching(const Words& more = {}) {
  Words words = {"watch",       "-q", "--json",  "-s",    kClip, "--realtime",
                 "--video-fps", "10", "--every", "500ms", "-a",  "What is in view now?"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void expect_going_on(const Finished& f, int n_frames, const std::string& told) {
  expect_line(f, 0, {told, "going on"});
  const std::vector<Json> objects = json_lines(f.out);
  const std::vector<Json> events = of_type(objects, "event");
  ASSERT_EQ(events.size(), 1u) << f.out;
  EXPECT_THAT(events[0]["text"].get<std::string>(), HasSubstr(told));
  const Json& summary = objects.back();
  EXPECT_EQ(summary["restarts"], 1);
  EXPECT_GT(summary["gap_seconds"].get<double>(), 0);
  EXPECT_EQ(summary["frames"], n_frames);
  double before = -1;
  for (const Json& answer : of_type(objects, "answer")) {
    EXPECT_GT(answer["frame_ts"].get<double>(), before) << "time never goes back";
    before = answer["frame_ts"];
    EXPECT_NE(answer["text"], "");
  }
  EXPECT_GT(before, events[0]["frame_ts"].get<double>()) << "answers after what happened";
  EXPECT_EQ(before, summary["stream_seconds"].get<double>()) << "and at the end";
}

TEST_F(LiveWatch, goes_on_when_the_capture_process_is_killed) {
  Program program(SHRIKE_PROGRAM, watching({"--frames", "15"}));
  ASSERT_TRUE(program.prints("\"seq\":1,"));
  const pid_t first = capture_of(program);
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const Finished f = program.finish();
  expect_going_on(f, 15, "died of SIGKILL");
  EXPECT_TRUE(is_gone(first));
}

TEST_F(LiveWatch, goes_on_when_the_capture_process_hangs) {
  Program program(SHRIKE_PROGRAM, watching({"--frames", "15", "--stall", "1s"}));
  ASSERT_TRUE(program.prints("\"seq\":1,"));
  const pid_t first = capture_of(program);
  ASSERT_EQ(kill(first, SIGSTOP), 0);
  const Finished f = program.finish();
  expect_going_on(f, 15, "no frame from " + kClip + " for 1.0 s");
  EXPECT_TRUE(is_gone(first)) << "stopped as it was";
}

TEST_F(LiveWatch, gives_a_file_up_that_kills_its_decoder_again_and_again) {
  Program program(SHRIKE_PROGRAM, watching());
  ASSERT_TRUE(program.prints("\"seq\":0,"));
  pid_t last = -1;
  const auto kill_the_next = [&] {
    const std::vector<pid_t> children = children_of(program.pid(), kCapture);
    if (!children.empty() && children[0] != last) kill(last = children[0], SIGABRT);
    return is_gone(program.pid());
  };
  EXPECT_TRUE(comes_true(kill_the_next, 60));
  const Finished f = program.finish();
  EXPECT_EQ(f.code, 65);
  EXPECT_THAT(lines_of(f.err).back(), HasSubstr("died of SIGABRT; given up after 3 restarts"));
  EXPECT_EQ(json_lines(f.out).back()["restarts"], 3) << "what was seen is summed up all the same";
}

TEST_F(LiveWatch, ends_soon_with_a_summary_and_no_child_when_it_is_interrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Words words = watching();
    words.erase(std::find(words.begin(), words.end(), "-q"));
    words.erase(std::find(words.begin(), words.end(), "--json"));
    Program program(SHRIKE_PROGRAM, words);
    ASSERT_TRUE(program.prints("What is in view now? "));
    const pid_t capture = capture_of(program);
    program.send(signal);
    const std::int64_t start = monotonic_ns();
    const Finished f = program.finish();
    EXPECT_LT(static_cast<double>(monotonic_ns() - start) * 1e-9, kSoon * kPatience);
    EXPECT_EQ(f.code, 128 + signal);
    EXPECT_THAT(f.err, HasSubstr("\nInterrupted.\n  frames "));
    EXPECT_TRUE(is_gone(capture));
  }
}

TEST_F(LiveWatch, can_be_interrupted_while_it_waits_for_a_camera) {
  Program program(SHRIKE_PROGRAM, {"watch", "-s", "/dev/video98", "--ask", kNow});
  ASSERT_TRUE(program.prints("cannot open /dev/video98: No such file or directory; trying again in "));
  program.send(SIGINT);
  const Finished f = program.finish(20);
  EXPECT_EQ(f.code, 130);
  EXPECT_EQ(f.out, "") << "nothing was seen, nothing is answered";
  EXPECT_THAT(f.err, HasSubstr("Interrupted."));
}

TEST_F(LiveWatch, an_interrupted_question_has_no_answer_and_does_not_look_like_success) {
  Program program(SHRIKE_PROGRAM, {"ask", "-s", kClip, "--realtime", kNow});
  const pid_t capture = capture_of(program);
  program.send(SIGTERM);
  const Finished f = program.finish(20);
  EXPECT_EQ(f.code, 143);
  EXPECT_EQ(f.out + f.err, "");
  EXPECT_TRUE(comes_true([&] { return is_gone(capture); }));
}

TEST_F(LiveWatch, takes_its_capture_process_along_when_it_is_killed) {
  Program program(SHRIKE_PROGRAM, watching());
  ASSERT_TRUE(program.prints("\"seq\":0,"));
  const pid_t capture = capture_of(program);
  program.send(SIGKILL);
  EXPECT_EQ(program.finish(20).code, 137);
  EXPECT_TRUE(comes_true([&] { return is_gone(capture); }));
}

// As under `| head -1`, also where SIGPIPE is ignored, as systemd does.
TEST_F(LiveWatch, ends_quietly_when_nobody_reads_any_more) {
  for (const auto disposition : {SIG_DFL, SIG_IGN}) {
    const auto before = signal(SIGPIPE, disposition);
    Program program(SHRIKE_PROGRAM, watching());
    signal(SIGPIPE, before);
    ASSERT_TRUE(program.prints("\"seq\":0,"));
    const pid_t capture = capture_of(program);
    program.stop_reading();
    const Finished f = program.finish(20);
    EXPECT_EQ(f.code, 128 + SIGPIPE);
    EXPECT_EQ(f.err, "");
    EXPECT_TRUE(comes_true([&] { return is_gone(capture); }));
  }
}

}  // namespace
}  // namespace shrike::test
