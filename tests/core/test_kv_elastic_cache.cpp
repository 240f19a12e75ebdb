// Elastic Cache: what leaves goes into the kept slot next to it.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;
using Row = std::vector<float>;

TEST(MergePosition, folds_each_into_its_neighbour_and_of_two_into_the_older) {
  Desk desk;
  desk.rows(1, {1, 2, 4, 8, 16});
  desk.score = {.1f, .9f, .2f, .8f, .3f};
  EXPECT_EQ(desk.run(parts::select_top, {}, 3), (Kept{0, 1, 0, 1, 1})) << "the released rule keeps {2, 3}";
  desk.run(parts::merge_position);
  EXPECT_FLOAT_EQ(desk.key(1)[0], 7.0f / 3) << "slots 0, 1, 2";
  EXPECT_EQ(desk.value(1), desk.key(1));
  EXPECT_EQ(desk.key(3), Row{8});
  EXPECT_EQ(desk.count[1], 3);
  EXPECT_EQ(desk.changed, (Kept{0, 1, 0, 0, 0}));
}

TEST(MergePosition, goes_by_position_not_by_number) {
  Desk desk;
  desk.rows(1, {1, 2, 4});
  desk.positions = {0, 7, 9};
  desk.keep = {1, 0, 1};
  desk.run(parts::merge_position);
  EXPECT_EQ(desk.key(2), Row{3});
  EXPECT_EQ(desk.key(0), Row{1});
}

TEST(MergePosition, passes_the_pinned_by_and_stays_the_mean_of_all) {
  Desk desk;
  desk.rows(1, {1, 2, 4});
  desk.facts[0].token.flags = kPinned;
  desk.keep = {1, 0, 1};
  desk.count = {1, 1, 3};
  desk.run(parts::merge_position);
  EXPECT_EQ(desk.key(0), Row{1});
  EXPECT_EQ(desk.key(2), Row{3.5f}) << "(2 + 3 * 4) / 4";

  Desk none;
  none.rows(1, {1, 2});
  none.facts[0].token.flags = kPinned;
  none.keep = {1, 0};
  none.run(parts::merge_position);
  EXPECT_EQ(none.changed, (Kept{0, 0}));
}

}  // namespace
}  // namespace shrike::kv
