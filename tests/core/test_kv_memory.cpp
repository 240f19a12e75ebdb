#include "core/kv/memory.hpp"

#include <gtest/gtest.h>

#include "tests/core/kv_fixture.hpp"
#include "tests/support/isas.hpp"

namespace shrike::kv {
namespace {

using test::Fixture;

const Kernels& best() {
  static const Kernels kernels = kernels_for(runnable_isas().front());
  return kernels;
}

Memory::Shape small_shape() {
  Memory::Shape shape;
  shape.n_layers = 2;
  shape.n_kv_heads = 2;
  shape.head_dim = 8;
  shape.n_blocks = 4 * 20;
  shape.n_ctx = 256;
  shape.reserve = 40;
  return shape;
}

using test::expect_sound;

Policy named(std::string_view name) { return parse_policy(name).value(); }

TEST(Memory, recent_keeps_the_pinned_and_whole_newest_frames_for_ever) {
  Fixture f(small_shape(), 1, 32, 1, 0, 1, best());
  const Policy policy = named("recent");
  ASSERT_EQ(f.memory.make_room(7, policy), Room::ok);
  f.append(7, kNoFrame, kPinned);
  int n_compressed = 0;
  for (int frame = 0; frame < 2000; ++frame) {
    const int n = 29 + frame % 3;
    const Room room = f.memory.make_room(n, policy);
    ASSERT_NE(room, Room::full) << frame;
    n_compressed += room == Room::compressed ? 1 : 0;
    f.append(n, frame);
    expect_sound(f.memory);
    const auto slots = f.slots(1, 0);
    ASSERT_GE(slots.size(), 7u + static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(slots[i].token.frame, kNoFrame);
      EXPECT_EQ(slots[i].position, static_cast<int>(i)) << "the opening stays where it was";
    }
    // Frames are whole and follow on one another up to the newest.
    int expected = slots[7].token.frame;
    for (std::size_t i = 7; i < slots.size(); ++expected) {
      for (int k = 0; k < 29 + expected % 3; ++k, ++i) {
        ASSERT_LT(i, slots.size());
        ASSERT_EQ(slots[i].token.frame, expected);
        ASSERT_EQ(slots[i].position, static_cast<int>(i)) << "positions close up";
      }
    }
    EXPECT_EQ(expected, frame + 1);
    if (frame > 10) {
      EXPECT_GE(slots.size(), 7u + 4 * 29u) << "room for more frames was given away";
    }
  }
  EXPECT_GT(n_compressed, 1000);
}

TEST(Memory, full_refuses_and_changes_nothing) {
  Fixture f(small_shape(), 1, 32, 1, 0, 2, best());
  const Policy policy = named("full");
  int n_frames = 0;
  while (f.memory.make_room(29, policy) == Room::ok) {
    f.append(29, n_frames++);
    ASSERT_LT(n_frames, 100);
  }
  const int position = f.memory.next_position();
  const int n_free = f.memory.pool().n_free();
  EXPECT_EQ(f.memory.make_room(29, policy), Room::full);
  EXPECT_EQ(f.memory.next_position(), position);
  EXPECT_EQ(f.memory.pool().n_free(), n_free);
  EXPECT_EQ(n_frames, (256 - 40) / 29);
  expect_sound(f.memory);
}

TEST(Memory, roll_back_restores_every_table_and_the_pool) {
  Fixture f(small_shape(), 1, 32, 1, 0, 3, best());
  f.append(30, 0);
  const auto before = f.slots(1, 1);
  const int n_free = f.memory.pool().n_free();
  f.memory.mark();
  f.append(25, kNoFrame);
  f.append(1, kNoFrame);
  EXPECT_EQ(f.slots(1, 1).size(), 56u);
  f.memory.roll_back();
  const auto after = f.slots(1, 1);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].position, before[i].position);
    EXPECT_EQ(after[i].key, before[i].key);
    EXPECT_EQ(after[i].value, before[i].value);
  }
  EXPECT_EQ(f.memory.pool().n_free(), n_free);
  EXPECT_EQ(f.memory.next_position(), 30);
  expect_sound(f.memory);
}

TEST(Memory, the_smallest_pool_that_blocks_min_promises_takes_a_frame_at_every_time) {
  for (int pinned : {1, 7, 16, 17})
    for (int frame : {1, 15, 29, 32, 80}) {
      Memory::Shape shape = small_shape();
      shape.n_ctx = 512;
      shape.n_blocks = Memory::blocks_min(shape, pinned, frame);
      Fixture f(shape, 1, 32, 1, 0, 4, best());
      const Policy policy = named("recent");
      ASSERT_EQ(f.memory.make_room(pinned, policy), Room::ok);
      f.append(pinned, kNoFrame, kPinned);
      for (int i = 0; i < 40; ++i) {
        ASSERT_NE(f.memory.make_room(frame, policy), Room::full) << pinned << " " << frame << " " << i;
        f.append(frame, i);
        expect_sound(f.memory);
        f.memory.mark();
        f.append(shape.reserve, kNoFrame);  // the room for asking is there
        f.memory.roll_back();
      }
    }
}

// Scores that keep slots here and there, different in every table: a head-wise method at its worst.
void score_noise(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  for (std::size_t i = 0; i < score.size(); ++i) {
    std::uint32_t h =
        static_cast<std::uint32_t>(slots.facts[i].token.frame * 131 + slots.facts[i].token.j * 7 +
                                   slots.layer * 17 + slots.kv_head * 29);
    h = (h ^ (h >> 3)) * 2654435761u;
    score[i] = static_cast<float>((h ^ (h >> 15)) & 1023u);
  }
}

TEST(Memory, scattered_selections_that_differ_by_head_stay_sound_and_keep_their_keys) {
  Fixture f(small_shape(), 1, 32, 1, 0, 5, best());
  Policy policy = named("score=recency select=top");
  policy.score.run = score_noise;
  f.append(7, kNoFrame, kPinned);
  std::vector<Fixture::Slot> before;
  for (int frame = 0; frame < 300; ++frame) {
    before = f.slots(1, 1);
    ASSERT_NE(f.memory.make_room(29, policy), Room::full) << frame;
    expect_sound(f.memory);
    // Each survivor is one of those before, with its value untouched; its key, seen from its new position, is
    // the old key moved: turning it back by the difference gives the old one up to f16 rounding of a
    // repacking.
    std::size_t b = 0;
    for (const Fixture::Slot& s : f.slots(1, 1)) {
      while (b < before.size() && (before[b].token.frame != s.token.frame || before[b].token.j != s.token.j))
        ++b;
      ASSERT_LT(b, before.size()) << "a slot out of nowhere";
      ASSERT_EQ(before[b].value, s.value);
      std::vector<double> key = s.key;
      f.turn(key, before[b].position - s.position);
      for (std::size_t i = 0; i < key.size(); ++i) ASSERT_NEAR(key[i], before[b].key[i], 4e-3);
      EXPECT_LE(s.position, before[b].position);
    }
    f.append(29, frame);
    expect_sound(f.memory);
  }
}

// However long the stream: slots that come and go must not leave blocks half empty behind them.
TEST(Memory, scattered_selections_fill_their_blocks_for_ever) {
  Memory::Shape shape = small_shape();
  shape.n_ctx = 16384;
  shape.n_blocks = 4 * 100;
  const Policy policy = named("score=knorm select=top");
  shape.needs = policy.needs;
  Fixture f(shape, 1, 32, 1, 0, 8, best());
  const int n_max = Memory::stream_tokens_max(shape);
  for (int frame = 0; frame < 400; ++frame) {
    ASSERT_NE(f.memory.make_room(29, policy), Room::full) << frame;
    f.append(29, frame);
    expect_sound(f.memory);
    if (frame > 60) {
      ASSERT_GE(f.memory.n_live_mean(), n_max - 2 * kBlockSlots) << frame;
    }
  }
}

TEST(Memory, replay_gives_the_same_memory) {
  const auto run = [] {
    Fixture f(small_shape(), 1, 32, 1, 0, 6, best());
    const Policy policy = named("recent");
    f.append(7, kNoFrame, kPinned);
    for (int frame = 0; frame < 50; ++frame) {
      EXPECT_NE(f.memory.make_room(29, policy), Room::full);
      f.append(29, frame);
    }
    std::vector<double> all;
    for (const Fixture::Slot& s : f.slots(0, 1)) all.insert(all.end(), s.key.begin(), s.key.end());
    return all;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace shrike::kv
