// CSP: two rankings, one of each kind of attention.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

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

// p_i = e^s_i / (n + sum e^s): with n = 1 and two logits of 0 a third each.
TEST(NSoftmax, leaves_the_part_of_what_has_left_to_nobody) {
  EXPECT_EQ(parse_policy("csp")->constant, 0);
  EXPECT_EQ(parse_policy("csp-paper")->constant, 1);
  const Policy policy = parse_policy("score=recency, select=quota(n=1), observe=proxy").value();
  const auto outputs = [&](float constant, bool evicted) {
    Memory::Shape shape;
    shape.n_layers = shape.n_kv_heads = 1;
    shape.head_dim = 8;
    shape.n_ctx = 256;
    shape.reserve = 16;
    shape.serve(policy);
    shape.constant = constant;
    shape.n_blocks = Memory::blocks_min(shape, 0, 16) + 2;
    test::Fixture f(shape, 1, 16, 1, 0, 1, test::best_kernels());
    f.key_size = 0;
    f.append(2, 0);
    for (int frame = 1; evicted && f.memory.n_evicted() == 0; ++frame) {
      EXPECT_NE(f.memory.make_room(16, policy), Room::full);
      f.append(16, frame);
    }
    return std::pair{f.attend(nullptr), f.memory.n_live(0, 0)};
  };
  for (const bool evicted : {false, true}) {
    const auto [with, n] = outputs(1, evicted);
    const auto [plain, n_plain] = outputs(0, evicted);
    ASSERT_EQ(n, n_plain);
    // The last row sees all n slots.
    const std::size_t last = with.size() - 8;
    const double share = evicted ? static_cast<double>(n) / (n + 1) : 1.0;
    for (std::size_t i = last; i < with.size(); ++i) EXPECT_NEAR(with[i], plain[i] * share, 1e-6);
  }
}

}  // namespace
}  // namespace shrike::kv
