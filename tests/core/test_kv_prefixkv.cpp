// PrefixKV: every layer keeps the same part of its attention.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Tables;
using Shares = std::vector<int>;

Tables two_layers() {
  Tables all(2, 1, 5);
  all.scores = {{.6f, .2f, .1f, .05f, .05f}, {.1f, .3f, .25f, .15f, .2f}};
  return all;
}

TEST(LayersPrefix, has_the_papers_sizes_at_each_threshold) {
  EXPECT_EQ(two_layers().run(parts::layers_prefix, 3), (Shares{1, 2})) << "p in (.5, .55]";
  EXPECT_EQ(two_layers().run(parts::layers_prefix, 4), (Shares{1, 3})) << "p in (.55, .6]";
  EXPECT_EQ(two_layers().run(parts::layers_prefix, 5), (Shares{2, 3})) << "p in (.6, .75]";
  EXPECT_EQ(two_layers().run(parts::layers_prefix, 6), (Shares{2, 4})) << "p in (.75, .8]";
  EXPECT_EQ(two_layers().run(parts::layers_prefix, 10), (Shares{5, 5}));
}

TEST(LayersPrefix, of_two_equal_layers_reaches_a_total_that_no_threshold_has) {
  Tables all(2, 1, 4);
  all.scores = {{.4f, .3f, .2f, .1f}, {.1f, .2f, .3f, .4f}};
  EXPECT_EQ(all.run(parts::layers_prefix, 5), (Shares{3, 2}));
}

TEST(LayersPrefix, normalises_each_layer_and_without_attention_shares_by_number) {
  Tables all = two_layers();
  for (float& s : all.scores[1]) s *= 100;
  EXPECT_EQ(all.run(parts::layers_prefix, 5), (Shares{2, 3}));
  Tables none(2, 1, 20);
  none.scores[1].resize(10);
  EXPECT_EQ(none.run(parts::layers_prefix, 15), (Shares{10, 5}));
}

TEST(LayersPrefix, of_heads_that_score_alike_is_that_of_one_head) {
  Tables all(2, 2, 5);
  const Tables one = two_layers();
  all.scores = {one.scores[0], one.scores[0], one.scores[1], one.scores[1]};
  EXPECT_EQ(all.run(parts::layers_prefix, 10), (Shares{4, 6}));
}

}  // namespace
}  // namespace shrike::kv
