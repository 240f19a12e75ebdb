// LiveVLM: what image rows look at, with something of every stretch of time.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

TEST(ScoreVision, counts_image_rows_only) {
  Desk desk;
  desk.add(0, 3);
  desk.facts[0].token.modality = Modality::text;
  desk.mark(Mark::window, {1, .75f, 9});
  desk.mark(Mark::cross, {.25f, .5f, 0});
  EXPECT_EQ(desk.run(parts::score_vision), (std::vector<float>{.25f, .25f, 9}))
      << "for text what came across, for images what did not";
  desk.n_window = 1;
  EXPECT_GT(desk.run(parts::score_vision)[2], 1e5f) << "the window itself stays";
}

Desk eight() {
  Desk desk;
  desk.add(0, 8);
  desk.score = {9, 8, 1, 1, 1, 1, 7, 6};
  return desk;
}

TEST(SelectBuckets, lets_the_best_pass_and_spreads_the_others) {
  Desk desk = eight();
  EXPECT_EQ(desk.run(parts::select_top, {}, 4), (Kept{1, 1, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(desk.run(parts::select_buckets, {{{2}, {1}}}, 4), (Kept{1, 1, 1, 0, 0, 0, 1, 0}))
      << "7 is refused, its bucket is full";
  EXPECT_EQ(desk.run(parts::select_buckets, {{{0}, {1}}}, 4), (Kept{1, 0, 1, 0, 1, 0, 1, 0}))
      << "one of each bucket";
}

TEST(SelectBuckets, uses_up_the_budget_whatever_the_size) {
  for (int size : {1, 2, 3, 5, 100})
    for (int top : {0, 1, 4, 100})
      for (int budget = 0; budget <= 9; ++budget) {
        Desk desk = eight();
        desk.facts[0].token.flags = kPinned;
        const Kept& keep = desk.run(parts::select_buckets,
                                    {{{static_cast<float>(top)}, {static_cast<float>(size)}, {1}}}, budget);
        EXPECT_EQ(std::accumulate(keep.begin(), keep.end(), 0), std::clamp(budget, 1, 8));
        EXPECT_EQ(keep[0], 1);
        EXPECT_EQ(keep[7], budget >= 2 ? 1 : 0) << "the newest";
      }
}

}  // namespace
}  // namespace shrike::kv
