// Who stays, and where.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

int n_kept(const Kept& keep) { return std::accumulate(keep.begin(), keep.end(), 0); }

TEST(SelectTop, keeps_exactly_the_budget_with_the_best_and_the_pinned) {
  Desk desk;
  desk.add(kNoFrame, 2, kPinned);
  desk.add(0, 6);
  desk.score = {0, 0, 5, 1, 5, 3, 5, 2};
  EXPECT_EQ(desk.run(parts::select_top, {}, 5), (Kept{1, 1, 1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(desk.run(parts::select_top, {}, 4), (Kept{1, 1, 1, 0, 1, 0, 0, 0}))
      << "of equal scores the older stays";
  EXPECT_EQ(n_kept(desk.run(parts::select_top, {}, 0)), 2);
  EXPECT_EQ(n_kept(desk.run(parts::select_top, {}, 100)), 8);
}

TEST(SelectTop, protects_sinks_and_the_newest_as_far_as_the_budget_goes) {
  Desk desk;
  desk.add(0, 4);
  desk.add(1, 4);
  desk.score = {0, 0, 9, 0, 0, 0, 0, 0};
  EXPECT_EQ(desk.run(parts::select_top, {{{1}, {2}}}, 4), (Kept{1, 0, 1, 0, 0, 0, 1, 1}));
  EXPECT_EQ(desk.run(parts::select_top, {{{0}, {75, Unit::percent}}}, 4), (Kept{0, 0, 1, 0, 0, 1, 1, 1}))
      << "three to one";
  EXPECT_EQ(desk.run(parts::select_top, {{{0}, {1, Unit::frames}}}, 5), (Kept{0, 0, 1, 0, 1, 1, 1, 1}));
  EXPECT_EQ(desk.run(parts::select_top, {{{2}, {8}}}, 3), (Kept{1, 1, 0, 0, 0, 0, 0, 1}))
      << "sinks first, then the newest";
}

TEST(SelectTop, with_recency_is_streamingllm) {
  Desk desk;
  desk.add(0, 10);
  desk.run(parts::score_recency);
  EXPECT_EQ(desk.run(parts::select_top, {{{2}}}, 5), (Kept{1, 1, 0, 0, 0, 0, 0, 1, 1, 1}));
  std::vector<std::int32_t> map = {1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0};
  parts::place_close.run(map, {});
  EXPECT_EQ(map, (std::vector<std::int32_t>{0, 1, 2, 2, 2, 2, 2, 2, 3, 4, 5})) << "next query at 5";
}

TEST(SelectTop, keeps_what_two_heads_agree_on_as_tova_does) {
  Desk desk;
  desk.add(0, 3);
  desk.score = {.4f, .2f, .4f};  // means of (.7, .2, .1) and (.1, .2, .7)
  EXPECT_EQ(desk.run(parts::select_top, {}, 2), (Kept{1, 0, 1}));
}

TEST(SelectFrames, keeps_whole_frames_newest_first_and_stops_at_the_first_that_does_not_fit) {
  Desk desk;
  desk.add(kNoFrame, 2, kPinned);
  desk.add(0, 1);
  desk.add(1, 4);
  desk.add(2, 3);
  desk.run(parts::score_recency);
  EXPECT_EQ(desk.run(parts::select_frames, {}, 6), (Kept{1, 1, 0, 0, 0, 0, 0, 1, 1, 1}))
      << "frame 0 would fit, but 1 comes first";
  EXPECT_EQ(n_kept(desk.run(parts::select_frames, {}, 9)), 9);
  EXPECT_EQ(n_kept(desk.run(parts::select_frames, {}, 1)), 2) << "the pinned stay over any budget";
}

TEST(PlaceClose, may_leave_some_of_the_time_between) {
  std::vector<std::int32_t> map = {1, 0, 0, 0, 0, 1, 1, 0, 1, 0};
  parts::place_close.run(map, {{{2}}});
  EXPECT_EQ(map, (std::vector<std::int32_t>{0, 1, 2, 3, 3, 3, 4, 5, 6, 7}));
}

TEST(When, full_waits_for_pressure_and_every_does_not) {
  const Args low = {{{50}}}, every = {{{8}, {50}}};
  EXPECT_EQ(parts::when_full.run({true, 10, 90, 90, 99}, low), kEnough);
  EXPECT_EQ(parts::when_full.run({false, 10, 90, 90, 1}, low), 45);
  EXPECT_EQ(parts::when_every.run({true, 10, 90, 90, 7}, every), kEnough);
  EXPECT_EQ(parts::when_every.run({true, 10, 90, 90, 8}, every), 45);
  EXPECT_EQ(parts::when_every.run({false, 10, 90, 90, 0}, every), 45);
}

}  // namespace
}  // namespace shrike::kv
