#include "camera/ring.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "platform/clock.hpp"
#include "tests/support/alloc_guard.hpp"

namespace shrike {
namespace {

constexpr RingShape kShape{4, 40, 30};
constexpr std::int64_t kSecond = 1'000'000'000;

Ring make_ring(bool lossless, const RingShape& shape = kShape) {
  Ring ring = Ring::create(shape).value();
  CaptureOrder order;
  order.lossless = lossless;
  ring.restart(order);
  return ring;
}

// A frame whose every byte is told by its number, so that a torn or foreign one shows.
std::uint8_t byte_of(std::uint64_t number, std::size_t i) {
  return static_cast<std::uint8_t>(number * 31 + i);
}

bool write_frame(RingWriter& writer, std::uint64_t number, std::int64_t wait_ns = kSecond) {
  std::uint8_t* pixels = writer.claim(wait_ns);
  if (pixels == nullptr) return false;
  for (std::size_t i = 0; i < 40 * 30 * 3; ++i) pixels[i] = byte_of(number, i);
  writer.publish(40, 30, 120, static_cast<double>(number), 7);
  return true;
}

::testing::AssertionResult whole(const Frame& frame) {
  for (std::size_t i = 0; i < 40 * 30 * 3; ++i)
    if (frame.pixels[i] != byte_of(frame.number, i))
      return ::testing::AssertionFailure() << "frame " << frame.number << " differs at byte " << i;
  return ::testing::AssertionSuccess();
}

RingHeader* raw_header(const Ring& ring) {
  void* memory = mmap(nullptr, sizeof(RingHeader), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd(), 0);
  return memory == MAP_FAILED ? nullptr : static_cast<RingHeader*>(memory);
}

TEST(ring, refuses_shapes_that_cannot_be) {
  for (const RingShape& shape : {RingShape{1, 40, 30}, RingShape{65, 40, 30}, RingShape{4, 0, 30},
                                 RingShape{4, 40, -1}, RingShape{4, 8193, 30}, RingShape{4, 40, 1 << 30}}) {
    ASSERT_FALSE(Ring::create(shape));
    EXPECT_EQ(Ring::create(shape).error().code, Code::usage);
  }
}

TEST(ring, cannot_be_shrunk_or_grown_by_who_has_its_descriptor) {
  Ring ring = make_ring(true);
  EXPECT_NE(ftruncate(ring.fd(), 4096), 0);
  EXPECT_NE(ftruncate(ring.fd(), 1 << 28), 0);
}

TEST(ring, gives_the_newest_frame_and_counts_the_others) {
  Ring ring = make_ring(false);
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  for (std::uint64_t n = 0; n < 10; ++n) ASSERT_TRUE(write_frame(writer, n, 0));
  Frame frame;
  std::int64_t stamp = 0;
  ASSERT_EQ(ring.take(frame, stamp), Ring::Got::frame);
  EXPECT_EQ(frame.number, 9u);
  EXPECT_EQ(frame.seconds, 9.0);
  EXPECT_EQ(stamp, 7);
  EXPECT_TRUE(whole(frame));
  // While it is held, the writer goes on around it.
  for (std::uint64_t n = 10; n < 20; ++n) ASSERT_TRUE(write_frame(writer, n, 0));
  EXPECT_TRUE(whole(frame));
  ring.release();
  ASSERT_EQ(ring.take(frame, stamp), Ring::Got::frame);
  EXPECT_EQ(frame.number, 19u);
  ring.release();
  EXPECT_EQ(ring.take(frame, stamp), Ring::Got::nothing);
  EXPECT_EQ(ring.n_captured(), 20u);
  EXPECT_EQ(ring.n_dropped(), 18u);
}

TEST(ring, never_tears_a_frame_while_newest_wins) {
  Ring ring = make_ring(false, {2, 40, 30});
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  constexpr std::uint64_t kFrames = 3000;
  std::thread thread([&] {
    for (std::uint64_t n = 0; n < kFrames; ++n)
      if (!write_frame(writer, n, 0)) writer.drop();
  });
  std::uint64_t n_taken = 0;
  for (bool last = false; !last;) {
    last = ring.n_captured() == kFrames;  // asked before the look, so that the look finds the last one
    Frame frame;
    std::int64_t stamp = 0;
    const Ring::Got got = ring.take(frame, stamp);
    ASSERT_NE(got, Ring::Got::nonsense);
    if (got != Ring::Got::frame) continue;
    ++n_taken;
    ASSERT_TRUE(whole(frame));
    ring.release();
  }
  thread.join();
  EXPECT_GT(n_taken, 0u);
  EXPECT_LE(n_taken + ring.n_dropped(), kFrames);
}

TEST(ring, loses_nothing_when_the_reader_is_slow) {
  Ring ring = make_ring(true);
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  constexpr std::uint64_t kFrames = 2000;
  std::thread thread([&] {
    for (std::uint64_t n = 0; n < kFrames; ++n) ASSERT_TRUE(write_frame(writer, n, 20 * kSecond));
  });
  for (std::uint64_t n = 0; n < kFrames;) {
    Frame frame;
    std::int64_t stamp = 0;
    const std::uint32_t seen = ring.published();
    const Ring::Got got = ring.take(frame, stamp);
    ASSERT_NE(got, Ring::Got::nonsense);
    if (got == Ring::Got::nothing) {
      static_cast<void>(ring.wait(seen, kSecond));
      continue;
    }
    ASSERT_EQ(frame.number, n++);
    ASSERT_TRUE(whole(frame));
    if (n % 200 == 0) sleep_ns(5'000'000);
    ring.release();
  }
  thread.join();
  EXPECT_EQ(ring.n_captured(), kFrames);
  EXPECT_EQ(ring.n_dropped(), 0u);
}

TEST(ring, lets_a_lossless_writer_wait_no_longer_than_it_wants) {
  Ring ring = make_ring(true);
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  for (std::uint64_t n = 0; n < 4; ++n) ASSERT_TRUE(write_frame(writer, n, 0));
  const std::int64_t before = monotonic_ns();
  EXPECT_EQ(writer.claim(30'000'000), nullptr);
  EXPECT_GE(monotonic_ns() - before, 29'000'000);
}

TEST(ring, wakes_the_reader_for_a_frame_and_for_the_end) {
  Ring ring = make_ring(false);
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  for (const bool frame : {true, false}) {
    const std::uint32_t seen = ring.published();
    std::thread thread([&] {
      sleep_ns(30'000'000);
      if (frame)
        static_cast<void>(write_frame(writer, 0, 0));
      else
        writer.finish(Phase::failed, "why");
    });
    const std::int64_t before = monotonic_ns();
    EXPECT_TRUE(ring.wait(seen, 60 * kSecond));
    EXPECT_LT(monotonic_ns() - before, 30 * kSecond);
    thread.join();
  }
  EXPECT_EQ(ring.phase(), Phase::failed);
}

TEST(ring, tells_when_a_signal_ended_the_wait) {
  Ring ring = make_ring(false);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  std::thread thread([main = pthread_self()] {
    sleep_ns(50'000'000);
    pthread_kill(main, SIGUSR1);
  });
  EXPECT_FALSE(ring.wait(ring.published(), 60 * kSecond));
  thread.join();
}

// A writer that is killed wherever it happens to be, again and again: what it published is whole and in
// order, what it had half written never shows, and no slot is lost for its successor.
TEST(ring, outlives_writers_killed_at_any_moment) {
  Ring ring = make_ring(true);
  std::mt19937 random(1);
  std::uint64_t expected = 0;
  for (int life = 0; life < 60; ++life) {
    const pid_t pid = fork();
    if (pid == 0) {
      auto writer = RingWriter::attach(ring.fd());
      if (!writer) _exit(1);
      for (std::uint64_t n = expected;; ++n) static_cast<void>(write_frame(*writer, n));
    }
    ASSERT_GT(pid, 0);
    const std::int64_t end = monotonic_ns() + 1'000'000 + static_cast<std::int64_t>(random() % 8'000'000);
    bool dead = false;
    for (Ring::Got got = Ring::Got::nothing; !dead || got == Ring::Got::frame;) {
      if (!dead && monotonic_ns() >= end) {
        kill(pid, SIGKILL);
        ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
        dead = true;
      }
      Frame frame;
      std::int64_t stamp = 0;
      got = ring.take(frame, stamp);
      ASSERT_NE(got, Ring::Got::nonsense);
      if (got != Ring::Got::frame) continue;
      ASSERT_EQ(frame.number, expected++);
      ASSERT_TRUE(whole(frame));
      ring.release();
    }
    CaptureOrder order;
    order.lossless = 1;
    ring.restart(order);
    EXPECT_EQ(ring.n_dropped(), 0u);
  }
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  for (int slot = 0; slot < kShape.n_slots; ++slot) EXPECT_TRUE(write_frame(writer, expected + slot, 0));
}

TEST(ring, frees_the_slot_of_a_writer_killed_in_the_middle_of_a_frame) {
  Ring ring = make_ring(true, {2, 40, 30});
  const pid_t pid = fork();
  if (pid == 0) {
    auto writer = RingWriter::attach(ring.fd());
    if (!writer || !write_frame(*writer, 0)) _exit(1);
    std::memset(writer->claim(0), 1, 100);
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status));
  Frame frame;
  std::int64_t stamp = 0;
  ASSERT_EQ(ring.take(frame, stamp), Ring::Got::frame);
  EXPECT_TRUE(whole(frame));
  ring.release();
  EXPECT_EQ(ring.take(frame, stamp), Ring::Got::nothing);
  ring.restart({});
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  EXPECT_TRUE(write_frame(writer, 1, 0));
  EXPECT_TRUE(write_frame(writer, 2, 0));
}

TEST(ring, takes_nothing_from_a_writer_of_an_old_generation) {
  Ring ring = make_ring(false);
  RingWriter old = RingWriter::attach(ring.fd()).value();
  ASSERT_NE(old.claim(0), nullptr);
  ring.restart({});
  EXPECT_FALSE(old.current());
  old.publish(40, 30, 120, 0, 0);
  EXPECT_EQ(old.claim(0), nullptr);
  Frame frame;
  std::int64_t stamp = 0;
  EXPECT_EQ(ring.take(frame, stamp), Ring::Got::nothing);
  RingWriter present = RingWriter::attach(ring.fd()).value();
  EXPECT_TRUE(write_frame(present, 0, 0));
  EXPECT_EQ(ring.take(frame, stamp), Ring::Got::frame);
  ring.release();
}

TEST(ring, keeps_numbers_and_position_over_many_generations) {
  Ring ring = make_ring(true);
  CaptureOrder order;
  order.lossless = 1;
  std::uint64_t expected = 0;
  for (std::uint64_t life = 0; life < 1000; ++life) {
    RingWriter writer = RingWriter::attach(ring.fd()).value();
    EXPECT_EQ(writer.order().from.index, life * 3);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(write_frame(writer, expected, 0));
      writer.set_position({life * 3 + static_cast<std::uint64_t>(i) + 1, 0.5, 1});
      Frame frame;
      std::int64_t stamp = 0;
      ASSERT_EQ(ring.take(frame, stamp), Ring::Got::frame);
      ASSERT_EQ(frame.number, expected++);
      ring.release();
    }
    order.from = ring.position();
    EXPECT_EQ(order.from.pass_seconds, 0.5);
    EXPECT_EQ(order.from.decoding, 1u);
    ring.restart(order);
  }
  EXPECT_EQ(ring.n_captured(), 3000u);
}

TEST(ring, calls_a_frame_that_cannot_be_nonsense) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  struct Case {
    std::uint32_t width, height, stride;
    std::uint64_t number;
    double seconds;
    Ring::Got expected;
  };
  const Case cases[] = {
      {40, 30, 120, 0, 0, Ring::Got::frame},
      {1, 1, 3, 0, 1e8, Ring::Got::frame},
      {0, 30, 120, 0, 0, Ring::Got::nonsense},
      {40, 0, 120, 0, 0, Ring::Got::nonsense},
      {41, 30, 123, 0, 0, Ring::Got::nonsense},
      {40, 31, 120, 0, 0, Ring::Got::nonsense},
      {40, 30, 119, 0, 0, Ring::Got::nonsense},
      {40, 30, 0xfffffff0u, 0, 0, Ring::Got::nonsense},
      {0xffffffffu, 30, 120, 0, 0, Ring::Got::nonsense},
      {40, 0x80000000u, 120, 0, 0, Ring::Got::nonsense},
      {40, 30, 120, ~0ull, 0, Ring::Got::nonsense},
      {40, 30, 120, 1ull << 40, 0, Ring::Got::nonsense},
      {40, 30, 120, 0, -1, Ring::Got::nonsense},
      {40, 30, 120, 0, kNan, Ring::Got::nonsense},
      {40, 30, 120, 0, kInfinity, Ring::Got::nonsense},
  };
  for (const Case& c : cases) {
    Ring ring = make_ring(false);
    RingHeader* header = raw_header(ring);
    ASSERT_NE(header, nullptr);
    RingSlot& slot = header->slots[2];
    slot.width = c.width;
    slot.height = c.height;
    slot.stride = c.stride;
    slot.number = c.number;
    slot.seconds = c.seconds;
    slot.state = SlotState::ready;
    Frame frame;
    std::int64_t stamp = 0;
    EXPECT_EQ(ring.take(frame, stamp), c.expected) << c.width << " x " << c.height << " " << c.stride;
    ring.release();
    munmap(header, sizeof(RingHeader));
  }
}

TEST(ring, stays_inside_its_memory_whatever_the_header_says) {
  Ring ring = make_ring(false);
  RingHeader* header = raw_header(ring);
  ASSERT_NE(header, nullptr);
  std::mt19937_64 random(2);
  auto* bytes = reinterpret_cast<unsigned char*>(header);
  int n_frames = 0;
  const std::uint8_t* lowest = nullptr;
  const std::uint8_t* highest = nullptr;
  for (int round = 0; round < 20000; ++round) {
    for (int i = 0; i < 40; ++i) bytes[random() % sizeof(RingHeader)] = static_cast<unsigned char>(random());
    RingSlot& slot = header->slots[random() % 6];
    slot.state = static_cast<SlotState>(random() % 5);
    slot.width = static_cast<std::uint32_t>(random() % 44);
    slot.height = static_cast<std::uint32_t>(random() % 34);
    slot.stride = static_cast<std::uint32_t>(random() % 130);
    slot.number = ring.n_captured() + random() % 3;
    slot.seconds = 1;
    Frame frame;
    std::int64_t stamp = 0;
    if (ring.take(frame, stamp) == Ring::Got::frame) {
      ++n_frames;
      const std::uint8_t* end = frame.pixels + frame.stride * static_cast<std::size_t>(frame.height);
      unsigned sum = 0;
      for (const std::uint8_t* p = frame.pixels; p < end; ++p) sum += *p;  // reading is allowed
      EXPECT_LE(sum, 255u * kShape.slot_bytes());
      if (lowest == nullptr || frame.pixels < lowest) lowest = frame.pixels;
      if (highest == nullptr || end > highest) highest = end;
      ring.release();
    }
    char text[64];
    ring.copy_text(text, sizeof text);
    EXPECT_LT(std::strlen(text), sizeof text);
    EXPECT_LT(ring.position().index, 1ull << 33);
    if (round % 100 == 0) ring.restart({});
  }
  EXPECT_GT(n_frames, 100);
  EXPECT_LE(static_cast<std::size_t>(highest - lowest),
            static_cast<std::size_t>(kShape.n_slots) * kShape.slot_bytes());
  munmap(header, sizeof(RingHeader));
}

TEST(ring_writer, refuses_what_is_not_a_ring_of_its_version) {
  EXPECT_FALSE(RingWriter::attach(-1));
  EXPECT_FALSE(RingWriter::attach(STDIN_FILENO));
  const auto spoiled = [](auto spoil) {
    Ring ring = make_ring(true);
    RingHeader* header = raw_header(ring);
    spoil(*header);
    const bool refused = !RingWriter::attach(ring.fd());
    munmap(header, sizeof(RingHeader));
    return refused;
  };
  EXPECT_FALSE(spoiled([](RingHeader&) {}));
  EXPECT_TRUE(spoiled([](RingHeader& h) { h.magic = 0; }));
  EXPECT_TRUE(spoiled([](RingHeader& h) { ++h.version; }));
  EXPECT_TRUE(spoiled([](RingHeader& h) { ++h.n_slots; }));
  EXPECT_TRUE(spoiled([](RingHeader& h) { h.n_slots = ~0u; }));
  EXPECT_TRUE(spoiled([](RingHeader& h) { h.width_max = 8000; }));
  EXPECT_TRUE(spoiled([](RingHeader& h) { ++h.slot_bytes; }));
}

TEST(ring_writer, tells_the_runtime_that_versions_differ) {
  Ring ring = make_ring(true);
  RingHeader* header = raw_header(ring);
  ++header->version;
  EXPECT_FALSE(RingWriter::attach(ring.fd()));
  char text[100];
  ring.copy_text(text, sizeof text);
  EXPECT_NE(std::strstr(text, "version"), nullptr);
  EXPECT_EQ(ring.phase(), Phase::failed);
  munmap(header, sizeof(RingHeader));
}

TEST(ring, gives_text_without_control_characters) {
  Ring ring = make_ring(true);
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  writer.finish(Phase::failed, "a\nb\x1b[31mc");
  char text[8];
  ring.copy_text(text, sizeof text);
  EXPECT_STREQ(text, "a b [31");
}

TEST(ring, allocates_nothing_when_frames_flow) {
  if (!test::alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  Ring ring = make_ring(true);
  RingWriter writer = RingWriter::attach(ring.fd()).value();
  test::AllocGuard guard;
  bool good = true;
  for (std::uint64_t n = 0; n < 100; ++n) {
    Frame frame;
    std::int64_t stamp = 0;
    good = good && write_frame(writer, n, 0) && ring.take(frame, stamp) == Ring::Got::frame;
    ring.release();
    good = good && ring.wait(ring.published(), 1000);
  }
  EXPECT_EQ(guard.made(), 0u);
  EXPECT_TRUE(good);
}

}  // namespace
}  // namespace shrike
