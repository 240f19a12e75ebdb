#include <signal.h>

#include <fstream>

#include "tests/camera/mjpeg_server.hpp"
#include "tests/camera/source_test.hpp"

namespace shrike::test {
namespace {

std::unique_ptr<Source> must_open(const SourceOptions& options) {
  auto source = Source::open(options);
  EXPECT_TRUE(source) << source.error().rule << ": " << source.error().subject;
  return source ? std::move(source).value() : nullptr;
}

class LiveSource : public SourceTest {};

TEST_F(LiveSource, gives_frames_with_the_time_that_passed) {
  MjpegServer server(30);
  const auto source = must_open(options(server.url()));
  const Seen seen = take_all(*source, 30);
  ASSERT_EQ(seen.codes.size(), 30u) << source->note();
  EXPECT_EQ(seen.seconds.front(), 0);
  EXPECT_GT(seen.seconds.back(), 0.3);
  for (std::size_t i = 1; i < 30; ++i) {
    EXPECT_GT(seen.codes[i], seen.codes[i - 1]);
    EXPECT_GE(seen.seconds[i], seen.seconds[i - 1]);
    EXPECT_GT(seen.numbers[i], seen.numbers[i - 1]);
  }
}

TEST_F(LiveSource, gives_the_newest_frame_to_a_slow_reader) {
  MjpegServer server(60);
  const auto source = must_open(options(server.url()));
  Seen seen = take_all(*source, 10);
  sleep_ns(kSecond);
  const Seen late = take_all(*source, 1);
  ASSERT_EQ(late.codes.size(), 1u);
  EXPECT_GT(late.codes[0] - seen.codes.back(), 15);
  EXPECT_GT(late.seconds[0] - seen.seconds.back(), 0.5);
  EXPECT_GT(source->stats().n_dropped, 15u);
  EXPECT_EQ(source->stats().n_restarts, 0u);
}

TEST_F(LiveSource, gives_no_more_frames_a_second_than_were_asked_for) {
  MjpegServer server(60);
  SourceOptions wanted = options(server.url());
  wanted.fps = 5;
  const Seen seen = take_all(*must_open(wanted), 6);
  ASSERT_EQ(seen.seconds.size(), 6u);
  EXPECT_GT(seen.seconds[5], 0.7);
}

TEST_F(LiveSource, comes_back_when_the_camera_hangs_up) {
  MjpegServer server(30);
  const auto source = must_open(options(server.url()));
  Seen before = take_all(*source, 10);
  ASSERT_EQ(before.codes.size(), 10u);
  server.hang_up();
  Seen after;
  while (after.n_restarted == 0 && after.end != Take::failed) {
    const Seen seen = take_all(*source, 1);
    after.n_restarted += seen.n_restarted;
    after.codes.insert(after.codes.end(), seen.codes.begin(), seen.codes.end());
    after.seconds.insert(after.seconds.end(), seen.seconds.begin(), seen.seconds.end());
    after.numbers.insert(after.numbers.end(), seen.numbers.begin(), seen.numbers.end());
    ASSERT_LT(after.codes.size(), 1000u);
  }
  EXPECT_NE(std::string(source->note()).find("gives no more frames; trying again in"), std::string::npos)
      << source->note();
  EXPECT_EQ(server.n_clients(), 2);
  EXPECT_EQ(source->stats().n_restarts, 1u);
  const double gap = source->stats().gap_seconds;
  EXPECT_GT(gap, 0.03);
  EXPECT_GT(after.seconds.back(), before.seconds.back() + gap * 0.9) << "the gap is time that passed";
  EXPECT_GT(after.numbers.back(), before.numbers.back());
  EXPECT_EQ(take_all(*source, 5).n_restarted, 0);
}

TEST_F(LiveSource, replaces_a_capture_process_that_hangs_or_dies) {
  MjpegServer server(30);
  SourceOptions wanted = options(server.url());
  wanted.stall_ns = 500 * kMillisecond;
  const auto source = must_open(wanted);
  std::uint64_t n_restarts = 0;
  for (const int how : {SIGSTOP, SIGKILL, SIGSEGV}) {
    ASSERT_EQ(take_all(*source, 5).codes.size(), 5u);
    kill(source->capture_pid(), how);
    for (int i = 0; i < 300 && source->stats().n_restarts == n_restarts; ++i)
      static_cast<void>(take_all(*source, 1));
    EXPECT_EQ(source->stats().n_restarts, ++n_restarts) << how;
  }
  EXPECT_EQ(take_all(*source, 5).codes.size(), 5u);
}

TEST_F(LiveSource, replaces_the_connection_to_a_camera_that_falls_silent) {
  MjpegServer server(30);
  SourceOptions wanted = options(server.url());
  wanted.stall_ns = kSecond;
  const auto source = must_open(wanted);
  ASSERT_EQ(take_all(*source, 5).codes.size(), 5u);
  server.set_silent(true);
  Frame frame;
  Take take = Take::waiting;
  for (const std::int64_t end = monotonic_ns() + 30 * kSecond;
       take != Take::restarted && monotonic_ns() < end;) {
    source->release();
    take = source->take(frame, kSecond);
  }
  EXPECT_EQ(take, Take::restarted);
  server.set_silent(false);
  EXPECT_EQ(take_all(*source, 5).codes.size(), 5u);
}

TEST_F(LiveSource, is_tried_for_ever_when_nobody_answers) {
  const auto source = must_open(options("http://admin:geheim@127.0.0.1:1/v.mjpg"));
  int n_restarted = 0;
  for (const std::int64_t end = monotonic_ns() + 60 * kSecond; n_restarted < 5 && monotonic_ns() < end;) {
    Frame frame;
    const Take take = source->take(frame, kSecond);
    EXPECT_TRUE(take == Take::waiting || take == Take::restarted);
    n_restarted += take == Take::restarted;
  }
  EXPECT_EQ(n_restarted, 5);
  EXPECT_EQ(std::string(source->note()).find("geheim"), std::string::npos) << source->note();
  EXPECT_NE(std::string(source->note()).find("cannot open http://***@127.0.0.1:1/v.mjpg: no answer"),
            std::string::npos)
      << source->note();
  EXPECT_GT(source->stats().gap_seconds, 0.05);
}

TEST_F(LiveSource, tells_that_a_device_is_missing) {
  const auto source = must_open(options("/dev/video98"));
  Frame frame;
  Take take = Take::waiting;
  for (int i = 0; i < 30 && take == Take::waiting; ++i) take = source->take(frame, kSecond);
  EXPECT_EQ(take, Take::restarted);
  EXPECT_NE(
      std::string(source->note()).find("cannot open /dev/video98: No such file or directory; trying again"),
      std::string::npos)
      << source->note();
}

TEST_F(LiveSource, keeps_passwords_out_of_the_list_of_processes) {
  MjpegServer server(30);
  const auto source = must_open(options(server.url("admin:geheim@")));
  ASSERT_EQ(take_all(*source, 2).codes.size(), 2u) << source->note();
  std::ifstream file("/proc/" + std::to_string(source->capture_pid()) + "/cmdline");
  const std::string line(std::istreambuf_iterator<char>(file), {});
  EXPECT_NE(line.find("http://***@127.0.0.1"), std::string::npos) << line;
  EXPECT_EQ(line.find("geheim"), std::string::npos);
}

TEST_F(LiveSource, reads_a_gstreamer_pipeline) {
  const auto source = must_open(options(
      "gst:videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=25/1 ! videoconvert ! "
      "video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"));
  Frame frame;
  Take take = Take::waiting;
  for (int i = 0; i < 30 && take == Take::waiting; ++i) take = source->take(frame, kSecond);
  if (take == Take::restarted &&
      std::string(source->note()).find("no such GStreamer pipeline") != std::string::npos)
    GTEST_SKIP() << "GStreamer's plugins are not installed";
  ASSERT_EQ(take, Take::frame) << source->note();
  EXPECT_EQ(frame.width, 64);
  EXPECT_EQ(frame.height, 48);
}

}  // namespace
}  // namespace shrike::test
