// A stream may be held to so many slots, whatever more the pool has room for; frames may come with a worth.
#include <gtest/gtest.h>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Fixture;

Memory::Shape shape_that_keeps(int n_kept, int n_frame, const Policy& policy) {
  Memory::Shape shape;
  shape.n_layers = 2;
  shape.n_kv_heads = 2;
  shape.head_dim = 8;
  shape.n_ctx = 1024;
  shape.reserve = 40;
  shape.serve(policy);
  shape.n_kept = n_kept;
  shape.n_blocks = Memory::blocks_min(shape, n_kept, n_frame);
  return shape;
}

int n_slots(const Memory& memory) {
  int n = 0;
  for (int layer = 0; layer < 2; ++layer)
    for (int head = 0; head < 2; ++head) n += memory.n_live(layer, head);
  return n;
}

TEST(Kept, no_more_than_that_stays_when_room_is_made_and_a_frame_and_a_question_still_fit) {
  for (const char* name : {"recent", "h2o", "knorm", "adakv", "meda+adakv", "streamingllm"})
    for (const int n_kept : {8, 9, 40, 77, 300}) {
      const Policy policy = parse_policy(name).value();
      Fixture f(shape_that_keeps(n_kept, 31, policy), 1, 40, 1, 0, 3, test::best_kernels());
      SCOPED_TRACE(std::string(name) + " " + std::to_string(n_kept));
      f.append(7, kNoFrame, kPinned);
      for (int frame = 0; frame < 60; ++frame) {
        const bool over = n_slots(f.memory) > 4 * n_kept;
        EXPECT_EQ(f.memory.must_compress(31), over || !f.memory.has_room(31));
        ASSERT_NE(f.memory.make_room(31, policy), Room::full) << frame;
        ASSERT_LE(n_slots(f.memory), 4 * n_kept) << frame;
        f.append(31, frame);
        test::expect_sound(f.memory);
        f.memory.mark();
        f.append(f.shape.reserve, kNoFrame);
        f.memory.roll_back();
      }
      ASSERT_NE(f.memory.make_room(0, policy), Room::full);
      EXPECT_LE(n_slots(f.memory), 4 * n_kept);
      if (std::string_view(name) == "streamingllm") {
        EXPECT_EQ(n_slots(f.memory), 4 * n_kept) << "nor less";
      }
    }
}

TEST(Told, the_worth_of_a_frame_comes_first_then_its_age) {
  test::Desk desk;
  desk.add(0, 2, 3 << kWorthShift);
  desk.add(1, 2);
  desk.add(2, 2, 3 << kWorthShift | kPinned);
  desk.add(3, 2, kWorthMax << kWorthShift);
  const std::vector<float>& score = desk.run(parts::score_told);
  EXPECT_GT(score[6], score[4]);
  EXPECT_GT(score[4], score[0]);
  EXPECT_GT(score[0], score[2]);
  EXPECT_GT(score[1], score[0]) << "of equal worth the newest";
  EXPECT_EQ(worth(desk.facts[6].token), kWorthMax);
}

}  // namespace
}  // namespace shrike::kv
