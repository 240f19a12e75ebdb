// CSP: two rankings, one of each kind of attention.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

// self = (4, 3, 2, 1, 0, 0), cross = (5, 0, 0, 0, 2, 1)
Desk six() {
  Desk desk;
  desk.add(0, 6);
  desk.mark(Mark::window, {9, 3, 2, 1, 2, 1});
  desk.mark(Mark::cross, {5, 0, 0, 0, 2, 1});
  return desk;
}

TEST(SelectQuota, unites_two_rankings_and_counts_no_slot_twice) {
  Desk desk = six();
  EXPECT_EQ(desk.run(parts::select_quota, {{{0.5f}}}, 4), (Kept{1, 1, 1, 0, 1, 0}))
      << "cross 0, 4; self 0 again, then 1 and 2";
  EXPECT_EQ(desk.run(parts::select_quota, {{{0}}}, 3), (Kept{1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(desk.run(parts::select_quota, {{{1}}}, 5), (Kept{1, 1, 1, 0, 1, 1}))
      << "three that the other modality attends to, and no slot that it does not";
}

TEST(SelectQuota, always_fills_the_budget) {
  for (int budget = 0; budget <= 7; ++budget)
    for (const float cross : {0.0f, 0.1f, 0.5f, 0.9f, 1.0f}) {
      Desk desk = six();
      const Kept& keep = desk.run(parts::select_quota, {{{cross}}}, budget);
      EXPECT_EQ(std::accumulate(keep.begin(), keep.end(), 0), std::min(budget, 6)) << cross;
    }
}

TEST(SelectQuota, protects_the_windows_own_slots) {
  Desk desk = six();
  desk.n_window = 2;
  EXPECT_EQ(desk.run(parts::select_quota, {{{0.5f}}}, 4), (Kept{1, 1, 0, 0, 1, 1}));
}

TEST(SelectQuota, as_printed_keeps_what_both_rankings_have) {
  Desk desk = six();
  EXPECT_EQ(desk.run(parts::select_quota_paper, {}, 3), (Kept{1, 0, 0, 0, 0, 0}))
      << "known deviation: self 0, 1, 2 and cross 0, 4, 5 have one in common, two slots are lost";
  EXPECT_EQ(desk.run(parts::select_quota_paper, {}, 6), (Kept{1, 1, 1, 1, 1, 1}));
}

TEST(SelectQuota, numbers_that_are_none_count_as_nothing) {
  Desk desk = six();
  desk.mark(Mark::window, {NAN, 3, INFINITY, 1, 2, 1});
  desk.mark(Mark::cross, {NAN, 0, 0, 0, 2, 1});
  EXPECT_EQ(desk.run(parts::select_quota, {{{0.5f}}}, 2), (Kept{0, 1, 0, 0, 1, 0}));
}

}  // namespace
}  // namespace shrike::kv
