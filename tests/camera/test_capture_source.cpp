// The watch over the capture process, with one that misbehaves on command.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "camera/source.hpp"
#include "platform/clock.hpp"
#include "tests/camera/programs.hpp"

namespace shrike::test {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

class CaptureWatch : public ::testing::Test {
 protected:
  void SetUp() override {
    static const bool foreign = is_foreign(SHRIKE_FAKE_CAPTURE);
    if (foreign) GTEST_SKIP() << "this emulator cannot start the capture process (exec format error)";
    std::string name = (std::filesystem::temp_directory_path() / "shrike-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  static SourceOptions options(const std::string& argument) {
    SourceOptions options;
    options.argument = argument;
    options.width_max = 8;
    options.height_max = 8;
    options.capture_program = SHRIKE_FAKE_CAPTURE;
    return options;
  }
  SourceOptions file(const std::string& how) const {
    std::ofstream(folder_ + "/" + how) << "x";
    return options(folder_ + "/" + how);
  }

  // Plays the source to its end and notes the tenths of a second that came.
  void play(const SourceOptions& options) {
    source_ = Source::open(options).value();
    const std::int64_t deadline = monotonic_ns() + 60 * kSecond;
    end_ = Take::waiting;
    while (end_ != Take::ended && end_ != Take::failed && monotonic_ns() < deadline) {
      Frame frame;
      end_ = source_->take(frame, kSecond);
      if (end_ == Take::restarted) ++n_restarted_;
      if (end_ != Take::frame) continue;
      EXPECT_TRUE(frame.width >= 1 && frame.width <= 8 && frame.height >= 1 && frame.height <= 8);
      tenths_.push_back(static_cast<int>(std::lround(frame.seconds * 10)));
      source_->release();
    }
    note_ = source_->note();
  }

  Take next_event(Source& source) {
    Take take = Take::waiting;
    for (const std::int64_t end = monotonic_ns() + 30 * kSecond; monotonic_ns() < end;) {
      Frame frame;
      take = source.take(frame, kSecond);
      source.release();
      if (take != Take::waiting && take != Take::frame) break;
    }
    return take;
  }

  static std::vector<int> all_but(int missing) {
    std::vector<int> tenths;
    for (int i = 0; i < 20; ++i)
      if (i != missing) tenths.push_back(i);
    return tenths;
  }

  std::string folder_;
  std::unique_ptr<Source> source_;
  std::vector<int> tenths_;
  int n_restarted_ = 0;
  Take end_ = Take::waiting;
  std::string note_;
};

TEST_F(CaptureWatch, gives_all_frames_of_a_good_process) {
  play(file("good"));
  EXPECT_EQ(end_, Take::ended);
  EXPECT_EQ(tenths_, all_but(-1));
  EXPECT_EQ(n_restarted_, 0);
}

TEST_F(CaptureWatch, continues_a_file_behind_the_frame_that_killed_the_decoder) {
  play(file("crash"));
  EXPECT_EQ(end_, Take::ended);
  EXPECT_EQ(tenths_, all_but(7));
  EXPECT_EQ(n_restarted_, 1);
  EXPECT_NE(note_.find("/crash died of SIGABRT; going on"), std::string::npos) << note_;
}

TEST_F(CaptureWatch, continues_a_file_behind_the_frame_that_hung_the_decoder) {
  SourceOptions wanted = file("hang");
  wanted.stall_ns = 200 * kMillisecond;
  const std::int64_t before = monotonic_ns();
  play(wanted);
  EXPECT_GE(monotonic_ns() - before, 200 * kMillisecond);
  EXPECT_EQ(end_, Take::ended);
  EXPECT_EQ(tenths_, all_but(7));
  EXPECT_EQ(n_restarted_, 1);
  EXPECT_NE(note_.find("/hang for 0.2 s; going on"), std::string::npos) << note_;
}

TEST_F(CaptureWatch, does_not_blame_a_frame_for_a_strangers_kill) {
  play(file("killed"));
  EXPECT_EQ(end_, Take::ended);
  EXPECT_EQ(tenths_, all_but(-1));
  EXPECT_EQ(n_restarted_, 1);
}

TEST_F(CaptureWatch, replaces_a_process_that_writes_nonsense) {
  play(file("nonsense"));
  EXPECT_EQ(end_, Take::ended);
  EXPECT_EQ(tenths_, all_but(7));
  EXPECT_EQ(n_restarted_, 1);
  EXPECT_NE(note_.find("wrote nonsense"), std::string::npos) << note_;
}

TEST_F(CaptureWatch, outlives_a_process_that_scribbles_over_the_ring) {
  SourceOptions wanted = file("scribble");
  wanted.stall_ns = 200 * kMillisecond;
  play(wanted);
  EXPECT_TRUE(end_ == Take::failed || end_ == Take::ended);
}

TEST_F(CaptureWatch, counts_signs_of_life_when_frames_are_rare) {
  SourceOptions wanted = file("rare");
  wanted.stall_ns = 400 * kMillisecond;
  play(wanted);
  EXPECT_EQ(tenths_, all_but(-1));
  EXPECT_EQ(n_restarted_, 0);
}

TEST_F(CaptureWatch, gives_up_a_file_that_is_never_opened) {
  SourceOptions wanted = file("never");
  wanted.open_timeout_ns = 100 * kMillisecond;
  play(wanted);
  EXPECT_EQ(end_, Take::failed);
  EXPECT_EQ(n_restarted_, 3);
  EXPECT_NE(note_.find("given up after 3 restarts"), std::string::npos) << note_;
}

TEST_F(CaptureWatch, gives_up_at_once_when_the_program_does_not_start) {
  play(file("127"));
  EXPECT_EQ(end_, Take::failed);
  EXPECT_EQ(n_restarted_, 0);
  EXPECT_NE(note_.find("cannot be started here"), std::string::npos) << note_;
}

TEST_F(CaptureWatch, finds_the_program_in_the_path_when_none_is_beside_it) {
  SourceOptions wanted = file("good");
  wanted.capture_program.clear();
  std::filesystem::create_symlink(SHRIKE_FAKE_CAPTURE, folder_ + "/shrike-capture");
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  const auto refused = Source::open(wanted);
  setenv("PATH", ("/nowhere::" + folder_).c_str(), 1);
  play(wanted);
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(end_, Take::ended);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::missing);
}

TEST_F(CaptureWatch, waits_longer_and_longer_for_a_camera_that_does_not_come_back) {
  SourceOptions wanted = options("http://camera/fails");
  wanted.backoff_min_ns = 80 * kMillisecond;
  wanted.backoff_max_ns = 320 * kMillisecond;
  const auto source = Source::open(wanted).value();
  ASSERT_EQ(next_event(*source), Take::restarted);
  std::int64_t before = monotonic_ns();
  for (const std::int64_t pause_ms : {80, 160, 320, 320}) {
    ASSERT_EQ(next_event(*source), Take::restarted);
    const std::int64_t now = monotonic_ns();
    EXPECT_GE(now - before, pause_ms * kMillisecond * 3 / 4 - kMillisecond);
    before = now;
  }
  EXPECT_EQ(source->stats().n_restarts, 5u);
  EXPECT_GT(source->stats().gap_seconds, 0.6);
}

TEST_F(CaptureWatch, is_patient_again_after_a_good_run) {
  SourceOptions wanted = options("http://camera/lucky");
  wanted.backoff_min_ns = 400 * kMillisecond;
  wanted.backoff_max_ns = 60 * kSecond;
  const auto source = Source::open(wanted).value();
  for (int run = 0; run < 3; ++run) {
    ASSERT_EQ(next_event(*source), Take::restarted);
    const std::string note = source->note();
    EXPECT_TRUE(note == "lucky; trying again in 0.3 s" || note == "lucky; trying again in 0.4 s") << note;
  }
}

TEST_F(CaptureWatch, lets_no_process_turn_the_clock_back_or_ahead) {
  const auto source = Source::open(options("http://camera/clock")).value();
  double last = 0;
  bool over = false;
  for (const std::int64_t end = monotonic_ns() + 30 * kSecond; !over && monotonic_ns() < end;) {
    Frame frame;
    if (source->take(frame, kSecond) != Take::frame) continue;
    EXPECT_GE(frame.seconds, last);
    EXPECT_LT(frame.seconds, 30);
    last = frame.seconds;
    over = frame.number == 3;
    source->release();
  }
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace shrike::test
