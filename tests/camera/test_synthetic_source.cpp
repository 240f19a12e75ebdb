#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "camera/source.hpp"
#include "camera/synthetic/renderer.hpp"
#include "platform/clock.hpp"
#include "tests/support/alloc_guard.hpp"

namespace shrike {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

SourceOptions options_of(const std::string& spec, double fps = 0) {
  SourceOptions options;
  options.argument = "synthetic:" + spec;
  options.fps = fps;
  options.capture_program = "/nowhere/shrike-capture";  // it must do without
  return options;
}

std::unique_ptr<Source> open(const SourceOptions& options) {
  auto source = Source::open(options);
  EXPECT_TRUE(source) << options.argument;
  return std::move(source).value();
}

struct Seen {
  std::vector<double> seconds;
  std::vector<std::uint64_t> numbers;
  std::vector<std::vector<std::uint8_t>> pictures;
  Take end = Take::waiting;
};

Seen take_all(Source& source, std::size_t n_max = 100'000) {
  Seen seen;
  Frame frame;
  while (seen.seconds.size() < n_max) {
    seen.end = source.take(frame, kSecond);
    if (seen.end == Take::waiting) continue;
    if (seen.end != Take::frame) break;
    seen.seconds.push_back(frame.seconds);
    seen.numbers.push_back(frame.number);
    EXPECT_EQ(frame.stride, static_cast<std::size_t>(frame.width) * 3);
    seen.pictures.emplace_back(frame.pixels,
                               frame.pixels + frame.stride * static_cast<std::size_t>(frame.height));
    source.release();
  }
  return seen;
}

TEST(SyntheticSource, gives_every_frame_of_the_world_at_its_time) {
  const auto source = open(options_of("seed=7,fps=2,frames=40"));
  const Seen seen = take_all(*source);
  EXPECT_EQ(seen.end, Take::ended);
  ASSERT_EQ(seen.seconds.size(), 40u);
  const synthetic::World world(*synthetic::WorldOptions::parse("seed=7,fps=2,frames=40"));
  synthetic::Renderer renderer(world);
  std::vector<std::uint8_t> rgb(64 * 64 * 3);
  for (std::size_t k = 0; k < 40; ++k) {
    EXPECT_EQ(seen.seconds[k], static_cast<double>(k) / 2);
    EXPECT_EQ(seen.numbers[k], k);
    renderer.draw(static_cast<std::int64_t>(k), rgb.data(), 64 * 3);
    EXPECT_EQ(seen.pictures[k], rgb) << k;
  }
  Frame frame;
  EXPECT_EQ(source->take(frame, 0), Take::ended) << "and stays at its end";
  EXPECT_EQ(source->stats().n_captured, 40u);
  EXPECT_EQ(source->stats().n_dropped, 0u);
  EXPECT_EQ(source->capture_pid(), -1);
}

TEST(SyntheticSource, gives_as_many_a_second_as_wanted) {
  const Seen seen = take_all(*open(options_of("fps=10,frames=100", 2)));
  ASSERT_EQ(seen.seconds.size(), 20u);
  for (std::size_t k = 0; k < 20; ++k) {
    EXPECT_EQ(seen.seconds[k], static_cast<double>(k) / 2);
    EXPECT_EQ(seen.numbers[k], k);
  }
  EXPECT_EQ(take_all(*open(options_of("fps=2,frames=30", 25))).seconds.size(), 30u);
}

TEST(SyntheticSource, takes_the_wanted_rate_for_its_own_when_it_has_none) {
  const Seen seen = take_all(*open(options_of("frames=10", 0.5)));
  ASSERT_EQ(seen.seconds.size(), 10u);
  EXPECT_EQ(seen.seconds[9], 18.0);
  EXPECT_EQ(take_all(*open(options_of("frames=10"))).seconds[9], 4.5);
}

TEST(SyntheticSource, goes_on_for_ever_when_told) {
  const Seen endless = take_all(*open(options_of("frames=0,size=16")), 9000);
  EXPECT_EQ(endless.seconds.size(), 9000u);
  EXPECT_EQ(endless.seconds.back(), 8999 / 2.0);
  SourceOptions options = options_of("frames=10,noise=0");
  options.loop = true;
  const Seen looped = take_all(*open(options), 35);
  ASSERT_EQ(looped.seconds.size(), 35u);
  EXPECT_EQ(looped.seconds[34], 17.0);
  EXPECT_EQ(looped.numbers[34], 34u);
}

TEST(SyntheticSource, larger_frames_are_scaled_to_what_was_planned) {
  SourceOptions options = options_of("size=384x192,frames=3");
  options.width_max = 96;
  options.height_max = 80;
  const auto source = open(options);
  Frame frame;
  ASSERT_EQ(source->take(frame, 0), Take::frame);
  EXPECT_EQ(frame.width, 96);
  EXPECT_EQ(frame.height, 48);
  EXPECT_EQ(Source::ring_bytes(options), 96u * 48 * 3 * 2 + 96 * 3);
  options.width_max = options.height_max = 1;
  ASSERT_EQ(open(options)->take(frame, 0), Take::frame);
  EXPECT_EQ(frame.width, 1);
}

TEST(SyntheticSource, realtime_keeps_the_pace) {
  SourceOptions options = options_of("fps=50,frames=11");
  options.realtime = true;
  const auto source = open(options);
  const std::int64_t start = monotonic_ns();
  const Seen seen = take_all(*source);
  EXPECT_GE(monotonic_ns() - start, kSecond * 10 / 50);
  EXPECT_EQ(seen.end, Take::ended);
  EXPECT_EQ(seen.seconds.size() + source->stats().n_dropped, 11u);
  EXPECT_EQ(source->stats().n_captured, 11u);
}

TEST(SyntheticSource, realtime_waits_no_longer_than_told) {
  SourceOptions options = options_of("fps=0.1,frames=3");
  options.realtime = true;
  const auto source = open(options);
  Frame frame;
  ASSERT_EQ(source->take(frame, 0), Take::frame);
  source->release();
  const std::int64_t start = monotonic_ns();
  EXPECT_EQ(source->take(frame, kSecond / 20), Take::waiting);
  EXPECT_GE(monotonic_ns() - start, kSecond / 20);
  EXPECT_LT(monotonic_ns() - start, 5 * kSecond);
}

TEST(SyntheticSource, realtime_drops_what_comes_too_fast) {
  SourceOptions options = options_of("fps=100,frames=1000");
  options.realtime = true;
  const auto source = open(options);
  Frame frame;
  ASSERT_EQ(source->take(frame, 0), Take::frame);
  source->release();
  sleep_ns(kSecond / 5);
  ASSERT_EQ(source->take(frame, kSecond), Take::frame);
  EXPECT_GE(frame.number, 19u);
  EXPECT_EQ(frame.seconds, static_cast<double>(frame.number) / 100);
  EXPECT_EQ(source->stats().n_dropped, frame.number - 1);
  EXPECT_EQ(source->stats().n_captured, frame.number + 1);
}

TEST(SyntheticSource, a_signal_ends_the_waiting) {
  SourceOptions options = options_of("fps=0.01,frames=3");
  options.realtime = true;
  const auto source = open(options);
  Frame frame;
  ASSERT_EQ(source->take(frame, 0), Take::frame);
  source->release();
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGALRM, &action, nullptr), 0);
  itimerval timer{{0, 50'000}, {0, 50'000}};  // again and again, should the first come too early
  ASSERT_EQ(setitimer(ITIMER_REAL, &timer, nullptr), 0);
  const std::int64_t start = monotonic_ns();
  EXPECT_EQ(source->take(frame, 60 * kSecond), Take::waiting);
  EXPECT_LT(monotonic_ns() - start, 30 * kSecond);
  timer = {};
  ASSERT_EQ(setitimer(ITIMER_REAL, &timer, nullptr), 0);
}

TEST(SyntheticSource, a_bad_spec_is_refused_when_opened) {
  const auto source = Source::open(options_of("frames=1,colour=red"));
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Code::usage);
  EXPECT_EQ(source.error().subject, "synthetic: colour=red");
  EXPECT_EQ(Source::ring_bytes(options_of("frames=x")), 0u);
}

TEST(SyntheticSource, taking_allocates_nothing) {
  if (!test::alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  const auto source = open(options_of("fps=10,frames=0,shake=2,blur=1", 3));
  const test::AllocGuard guard;
  for (int i = 0; i < 500; ++i) {
    Frame frame;
    ASSERT_EQ(source->take(frame, 0), Take::frame);
    source->release();
  }
  EXPECT_EQ(guard.made(), 0u);
}

}  // namespace
}  // namespace shrike
