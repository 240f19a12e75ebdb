// CaM: values of what leaves live on in those that follow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/kv/policy.hpp"
#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Row = std::vector<float>;

MATCHER(AboutEqual, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-5f; }
auto about(Row row) { return ::testing::Pointwise(AboutEqual(), row); }

// One that leaves, value (0, 1), and two that follow, (1, 0).
Desk three(float mass) {
  Desk desk;
  desk.rows(2, {0, 1, 1, 0, 1, 0});
  desk.keep = {0, 1, 1};
  desk.mark(Mark::mass, {mass, .04f, .04f});
  return desk;
}

TEST(MergeCam, as_printed_adds_what_the_followers_attention_makes_up_for) {
  Desk desk = three(.02f);
  desk.run(parts::merge_cam_paper, {{{2}, {0}}});
  EXPECT_THAT(desk.value(1), about({1, .25f})) << "P = .5, a quarter to each";
  EXPECT_THAT(desk.value(2), about({1, .25f}));
  EXPECT_EQ(desk.keys, (Row{0, 1, 1, 0, 1, 0})) << "values only";
  Desk heavy = three(.4f);
  heavy.run(parts::merge_cam_paper, {{{2}, {0}}});
  EXPECT_THAT(heavy.value(1), about({1, .5f})) << "P is at most 1";
  Desk one = three(.02f);
  one.run(parts::merge_cam_paper, {{{1}, {0}}});
  EXPECT_THAT(one.value(1), about({1, .5f}));
  EXPECT_THAT(one.value(2), about({1, 0})) << "as many as follow first";
}

TEST(MergeCam, draws_by_lot_as_often_as_it_should_and_always_alike) {
  int n_added = 0;
  for (int frame = 0; frame < 400; ++frame) {
    Desk desk = three(.02f), again = three(.02f);
    desk.facts[0].token.frame = again.facts[0].token.frame = frame;
    desk.run(parts::merge_cam_paper, {{{2}, {1}}});
    again.run(parts::merge_cam_paper, {{{2}, {1}}});
    EXPECT_EQ(desk.values, again.values);
    EXPECT_TRUE(desk.value(1)[1] == 0 || desk.value(1)[1] == .5f);
    EXPECT_EQ(desk.value(1), desk.value(2)) << "one lot a slot";
    n_added += desk.value(1)[1] != 0 ? 1 : 0;
  }
  EXPECT_NEAR(n_added, 200, 50);  // 5 sigma
}

TEST(MergeCam, as_a_mean_keeps_values_as_long_as_they_are) {
  Desk desk = three(.02f);
  desk.run(parts::merge_cam, {{{2}}});
  EXPECT_THAT(desk.value(1), about({.8f, .2f}));
  EXPECT_EQ(desk.changed, (std::vector<std::uint8_t>{0, 1, 1}));
  Desk same = three(.02f);
  same.values = {1, 0, 1, 0, 1, 0};
  same.run(parts::merge_cam);
  EXPECT_THAT(same.value(1), about({1, 0}));
}

TEST(MergeCam, needs_somebody_who_follows_and_attention_to_pass_on) {
  Desk last = three(.02f);
  last.keep = {1, 1, 0};
  last.run(parts::merge_cam);
  EXPECT_EQ(last.changed, (std::vector<std::uint8_t>{0, 0, 0}));
  Desk none = three(0);
  none.mark(Mark::mass, {0, 0, 0});
  none.run(parts::merge_cam_paper);
  EXPECT_EQ(none.changed, (std::vector<std::uint8_t>{0, 0, 0}));
  Desk pinned = three(.02f);
  pinned.facts[1].token.flags = kPinned;
  pinned.run(parts::merge_cam);
  EXPECT_EQ(pinned.changed, (std::vector<std::uint8_t>{0, 0, 1}));
}

// A score that reads keys beside a merge that does not: every key that stays is as it was.
TEST(MergeCam, leaves_keys_alone_whatever_the_score_reads) {
  Memory::Shape shape;
  shape.n_layers = 1;
  shape.n_kv_heads = 2;
  shape.head_dim = 8;
  shape.n_blocks = 12;
  shape.n_ctx = 128;
  shape.reserve = 1;
  const Policy policy = parse_policy("score=knorm, select=top, merge=cam, place=keep").value();
  shape.serve(policy);
  test::Fixture f(shape, 1, 40, 1, 0, 9, test::best_kernels());
  const Look look;
  f.append(40, 0);
  f.attend(&look);
  f.append(40, 1);
  f.attend(&look);
  std::vector<std::vector<test::Fixture::Slot>> before;
  for (int head = 0; head < 2; ++head) before.push_back(f.slots(0, head));
  ASSERT_EQ(f.memory.make_room(40, policy), Room::compressed);
  for (int head = 0; head < 2; ++head)
    for (const test::Fixture::Slot& slot : f.slots(0, head)) {
      const auto same = [&](const test::Fixture::Slot& old) {
        return old.token.frame == slot.token.frame && old.token.j == slot.token.j;
      };
      const auto old = std::find_if(before[static_cast<std::size_t>(head)].begin(),
                                    before[static_cast<std::size_t>(head)].end(), same);
      ASSERT_NE(old, before[static_cast<std::size_t>(head)].end());
      for (int d = 0; d < shape.head_dim; ++d)
        EXPECT_NEAR(slot.key[static_cast<std::size_t>(d)], old->key[static_cast<std::size_t>(d)], 5e-3);
    }
}

}  // namespace
}  // namespace shrike::kv
