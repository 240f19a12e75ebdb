// KVMerger: runs of similar neighbours, and a pivot for each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;
using Row = std::vector<float>;

constexpr Args kNoneProtected{};

MATCHER(AboutEqual, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-4f; }
auto about(Row row) { return ::testing::Pointwise(AboutEqual(), row); }

TEST(MergeRuns, weighs_by_distance_from_the_pivot) {
  Desk desk;
  desk.rows(2, {1, 0, .8f, .6f});
  desk.keep = {1, 0};
  desk.run(parts::merge_runs, {{{1}, {0}}});
  EXPECT_THAT(desk.key(0), about({.9100f, .2701f}));
  EXPECT_THAT(desk.value(0), about({.9100f, .2701f}));
  EXPECT_EQ(desk.count[0], 2);
}

TEST(MergeRuns, as_printed_multiplies_values_by_what_they_stand_for) {
  Desk desk;
  desk.rows(2, {1, 0, .8f, .6f});
  desk.keep = {1, 0};
  desk.run(parts::merge_runs_paper, {{{1}, {0}}});
  EXPECT_THAT(desk.key(0), about({.9100f, .2701f}));
  EXPECT_THAT(desk.value(0), about({1.8199f, .5402f}));
  desk.count = {2, 1};
  desk.values = {2, 2, 1, 1};  // what stands for two is the mean of two, twice
  desk.run(parts::merge_runs_paper, {{{1}, {0}}});
  EXPECT_THAT(desk.value(0), about({3, 3}));
}

TEST(MergeRuns, of_equal_keys_leaves_that_key) {
  Desk desk;
  desk.rows(2, {.3f, .4f, .3f, .4f, .3f, .4f});
  desk.keep = {0, 1, 0};
  desk.run(parts::merge_runs);
  EXPECT_THAT(desk.key(1), about({.3f, .4f}));
  EXPECT_EQ(desk.count[1], 3);
}

// Two runs, (1, 0) and (0, 1), of three each.
Desk two_runs() {
  Desk desk;
  desk.rows(2, {1, 0, 1, .1f, 1, .2f, .2f, 1, .1f, 1, 0, 1});
  desk.score = {1, 3, 2, 5, 4, 6};
  return desk;
}

TEST(SelectRuns, joins_the_most_similar_neighbours_until_the_budget_holds) {
  Desk desk = two_runs();
  EXPECT_EQ(desk.run(parts::select_runs, kNoneProtected, 2), (Kept{0, 1, 0, 0, 0, 1})) << "the best of each";
  desk.run(parts::merge_runs);
  EXPECT_EQ(desk.count[1], 3);
  EXPECT_EQ(desk.count[5], 3);
  EXPECT_GT(desk.key(1)[0], .9f) << "no member has crossed the border";
  EXPECT_GT(desk.key(5)[1], .9f);
}

TEST(SelectRuns, leaves_the_newest_and_the_heavy_out_of_runs) {
  Desk desk = two_runs();
  const Kept& keep = desk.run(parts::select_runs, {{{1}, {1}}}, 4);
  EXPECT_EQ(keep, (Kept{0, 1, 0, 3, 1, 3})) << "5 is the newest, 3 the heaviest of the others";
  desk.run(parts::merge_runs);
  EXPECT_EQ(desk.count[1], 3);
  EXPECT_EQ(desk.key(3), (Row{.2f, 1})) << "nothing is folded into it";
}

TEST(SelectRuns, puts_text_and_image_into_no_common_run) {
  Desk desk;
  desk.add(0, 2, 0, Modality::text);
  desk.add(0, 2);
  desk.rows(1, {1, 1, 1, 1});
  EXPECT_EQ(desk.run(parts::select_runs, kNoneProtected, 2), (Kept{1, 0, 1, 0}));
  EXPECT_EQ(desk.run(parts::select_runs, kNoneProtected, 1), (Kept{1, 0, 0, 0})) << "the weaker pivot leaves";
}

// The merge finds the runs of the selection again from who stays and the keys alone.
TEST(SelectRuns, always_fill_the_budget_and_nothing_that_leaves_is_lost) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    Desk desk;
    const int n = 1 + static_cast<int>(random() % 40);
    desk.add(0, n);
    Row keys;
    for (int i = 0; i < 2 * n; ++i) keys.push_back(static_cast<float>(random() % 7));
    desk.rows(2, keys);
    for (float& s : desk.score) s = static_cast<float>(random() % 5);
    const int budget = 1 + static_cast<int>(random() % static_cast<unsigned>(n));
    const Kept& keep = desk.run(parts::select_runs, kNoneProtected, budget);
    int n_kept = 0;
    for (const std::uint8_t k : keep) n_kept += k != 0 ? 1 : 0;
    ASSERT_EQ(n_kept, budget) << round;
    desk.run(parts::merge_runs, {{{5}, {-1}}});
    float stood_for = 0;
    for (int i = 0; i < n; ++i)
      if (desk.keep[static_cast<std::size_t>(i)] != 0) stood_for += desk.count[static_cast<std::size_t>(i)];
    ASSERT_EQ(stood_for, static_cast<float>(n)) << round;
  }
}

}  // namespace
}  // namespace shrike::kv
