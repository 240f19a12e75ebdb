// D2O: more for layers with even scores, and a threshold that learns what is similar.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using test::Tables;
using Shares = std::vector<int>;
using Row = std::vector<float>;

MATCHER(AboutEqual, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-4f; }
auto about(Row row) { return ::testing::Pointwise(AboutEqual(), row); }

int sum(const Shares& shares) { return std::accumulate(shares.begin(), shares.end(), 0); }

// One head a layer, half the scores a, the other half -a: variance a^2.
Tables with_spreads(const Row& spreads, int n_slots) {
  Tables all(static_cast<int>(spreads.size()), 1, n_slots);
  for (std::size_t l = 0; l < spreads.size(); ++l)
    for (int j = 0; j < n_slots; ++j)
      all.scores[l][static_cast<std::size_t>(j)] = j % 2 == 0 ? spreads[l] : -spreads[l];
  return all;
}

TEST(LayersVariance, is_a_softmax_of_how_close_scores_lie) {
  Tables all = with_spreads({0, 2, 4}, 1000);  // variances 0, 4, 16; to 0 .. 1: 0, 1/4, 1
  EXPECT_EQ(all.run(parts::layers_variance, {{{1}}}, 1000), (Shares{466, 363, 171}))
      << "1, .7788, .3679 of 2.1467";
  EXPECT_EQ(all.run(parts::layers_variance, {{{1000}}}, 999), (Shares{333, 333, 333})) << "heat evens out";
}

TEST(LayersVariance, of_even_scores_and_beside_the_pinned_is_an_equal_share) {
  Tables all(4, 2, 50);
  for (Row& scores : all.scores) scores[0] = INFINITY;
  all.n_pinned.assign(8, 1);
  EXPECT_EQ(all.run(parts::layers_variance, 200), (Shares{50, 50, 50, 50}));
}

TEST(LayersVariance, gives_what_a_layer_cannot_use_to_the_others) {
  Tables all = with_spreads({0, 4, 4, 4}, 100);
  EXPECT_EQ(all.run(parts::layers_variance, {{{0.2f}}}, 220), (Shares{100, 40, 40, 40}));
}

TEST(LayersVariance, as_printed_says_nothing_of_two_heads_and_loses_what_is_clamped) {
  Tables two(2, 2, 100);
  two.scores[0][0] = 9, two.scores[1][0] = 1, two.scores[2][0] = .5f;
  EXPECT_EQ(two.run(parts::layers_variance_paper, 200), (Shares{100, 100}))
      << "known deviation: of two heads one is 0 and one is 1";
  EXPECT_GT(two.run(parts::layers_variance, 200)[1], 100);
  Tables three(2, 3, 100);
  three.scores[0][0] = three.scores[1][0] = 9, three.scores[2][0] = 1;
  three.scores[3][0] = 9, three.scores[4][0] = three.scores[5][0] = 1;
  const Shares printed = three.run(parts::layers_variance_paper, {{{0.1f}}}, 400);
  EXPECT_EQ(printed[1], 300);
  EXPECT_LT(sum(printed), 400);
}

Desk three() {
  Desk desk;
  desk.rows(2, {1, 0, .6f, .8f, .8f, .6f});
  desk.keep = {1, 0, 0};
  return desk;
}

TEST(MergeThreshold, weighs_by_the_exponential_of_the_cosine) {
  Desk desk = three();
  desk.memory = {0.3f, 1};
  desk.run(parts::merge_threshold);
  EXPECT_THAT(desk.key(0), about({.8265f, .4128f}));
  EXPECT_EQ(desk.count[0], 3);
}

TEST(MergeThreshold, follows_what_has_been_usual) {
  Desk desk = three();
  desk.run(parts::merge_threshold);
  EXPECT_FLOAT_EQ(desk.memory[0], .7f) << "the first time the mean itself";
  EXPECT_EQ(desk.count[0], 2) << ".8 is folded, .6 leaves";
  Desk later = three();
  later.memory = {.5f, 1};
  later.run(parts::merge_threshold);
  EXPECT_FLOAT_EQ(later.memory[0], .6f);
}

TEST(MergeThreshold, learns_nothing_where_nothing_leaves) {
  Desk desk = three();
  desk.keep = {1, 1, 1};
  desk.memory = {.5f, 1};
  desk.run(parts::merge_threshold);
  EXPECT_EQ(desk.memory[0], .5f);
  EXPECT_EQ(desk.changed, (std::vector<std::uint8_t>{0, 0, 0}));
}

}  // namespace
}  // namespace shrike::kv
