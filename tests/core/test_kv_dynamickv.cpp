// DynamicKV: layers compete for the budget with their scores.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Tables;
using Shares = std::vector<int>;

Tables two_layers() {
  Tables all(2, 1, 4);
  all.scores = {{.90f, .05f, .03f, .02f}, {.30f, .28f, .22f, .20f}};
  return all;
}

TEST(LayersDynamic, gives_each_layer_its_part_of_the_best_scores) {
  EXPECT_EQ(two_layers().run(parts::layers_dynamic, 4), (Shares{1, 3}));
}

TEST(LayersDynamic, gives_what_is_above_the_bound_to_the_others) {
  EXPECT_EQ(two_layers().run(parts::layers_dynamic, {{{1}}}, 4), (Shares{2, 2}));
  EXPECT_EQ(two_layers().run(parts::layers_dynamic_paper, {{{1}}}, 4), (Shares{1, 2}))
      << "known deviation: a slot is lost";
}

TEST(LayersDynamic, counts_heads_together_and_the_window_as_its_own) {
  Tables all(2, 2, 3);
  all.scores = {{.9f, .1f, 9}, {.1f, .1f, 9}, {.8f, .7f, 9}, {.6f, .1f, 9}};
  all.n_window = 1;
  EXPECT_EQ(all.run(parts::layers_dynamic, 8), (Shares{3, 5})) << "two and two of the window, one and three";
  EXPECT_EQ(all.run(parts::layers_dynamic, {{{1}}}, 8), (Shares{4, 4}));
}

TEST(LayersDynamic, equal_scores_share_equally_whatever_the_order_of_layers) {
  Tables all(4, 2, 50);
  EXPECT_EQ(all.run(parts::layers_dynamic, 80), (Shares{20, 20, 20, 20}));
}

}  // namespace
}  // namespace shrike::kv
