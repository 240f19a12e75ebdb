// How layers and heads share a budget: the numbers of the papers, and that no slot is lost.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "core/kv/parts/share.hpp"
#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Tables;
using Shares = std::vector<int>;

int sum(const Shares& shares) { return std::accumulate(shares.begin(), shares.end(), 0); }

Tables with_entropies(const std::vector<float>& entropies, int n_slots) {
  Tables all(static_cast<int>(entropies.size()), 1, n_slots);
  for (std::size_t l = 0; l < entropies.size(); ++l) all.shown[l].cross = entropies[l];
  return all;
}

TEST(Share, equal_ones_are_conserved_and_differ_by_at_most_one) {
  for (int n : {1, 2, 3, 30})
    for (int total : {0, 1, 29, 30, 31, 1000}) {
      Shares out(static_cast<std::size_t>(n));
      parts::share_equally(total, out);
      EXPECT_EQ(sum(out), total);
      EXPECT_LE(*std::max_element(out.begin(), out.end()) - *std::min_element(out.begin(), out.end()), 1);
    }
}

TEST(Share, water_fills_and_rounds_to_the_total) {
  const auto shared = [](int total, std::vector<double> weight, Shares lo, Shares hi) {
    Shares out(weight.size());
    parts::share(total, weight, lo, hi, out);
    return out;
  };
  EXPECT_EQ(shared(10, {3, 1, 1}, {0, 0, 0}, {99, 99, 99}), (Shares{6, 2, 2}));
  EXPECT_EQ(shared(10, {3, 1, 1}, {0, 0, 0}, {4, 99, 99}), (Shares{4, 3, 3})) << "what is left goes on";
  EXPECT_EQ(shared(10, {8, 1, 1}, {0, 3, 0}, {99, 99, 99}), (Shares{6, 3, 1}));
  EXPECT_EQ(shared(10, {0, 0, 0}, {0, 0, 0}, {99, 99, 99}), (Shares{4, 3, 3}));
  EXPECT_EQ(shared(10, {1, 0}, {0, 0}, {4, 99}), (Shares{4, 6})) << "a weight of 0 still fills up";
  EXPECT_EQ(shared(5, {1, 1}, {8, 2}, {9, 9}), (Shares{4, 1})) << "floors shrink alike";
  EXPECT_EQ(shared(20, {1, 1}, {0, 0}, {3, 5}), (Shares{9, 11})) << "more than there is: spread on top";
  EXPECT_EQ(shared(4, {NAN, 1}, {0, 0}, {9, 9}), (Shares{0, 4}));
}

TEST(LayersEntropy, is_the_papers_softmax_rounded_to_a_sum_that_holds) {
  Tables all = with_entropies({4, 3, 2, 1}, 1000);
  EXPECT_EQ(all.run(parts::layers_entropy, {{{1}, {0}, {1}}}, 800), (Shares{515, 189, 70, 26}))
      << "alpha n = 515.1, 189.5, 69.7, 25.6";
  Tables steep = with_entropies({8, 4, 3, 1}, 1000);
  EXPECT_EQ(steep.run(parts::layers_entropy, {{{1}, {0}, {1}}}, 800), (Shares{780, 14, 5, 1}));
}

TEST(LayersEntropy, gives_what_a_layer_cannot_use_to_the_others) {
  std::vector<float> entropies(32, 1.0f);
  entropies[0] = 5;
  Tables all = with_entropies(entropies, 1000);
  const Shares filled = all.run(parts::layers_entropy, 6400);
  EXPECT_EQ(filled[0], 1000);
  EXPECT_EQ(sum(filled), 6400);
  const Shares printed = all.run(parts::layers_entropy_paper, 6400);
  EXPECT_EQ(printed[0], 1000);
  EXPECT_NEAR(sum(printed) / 32000.0, 0.1037, 1e-3) << "known deviation: 48 % of the budget is lost";
}

TEST(LayersEntropy, floor_rate_and_temperature_hold) {
  Tables all = with_entropies({9, 1, 1, 1}, 1000);
  EXPECT_EQ(all.run(parts::layers_entropy, {{{1}, {0.4f}, {1}}}, 400), (Shares{280, 40, 40, 40}));
  all.share_before = {0.25f, 0.25f, 0.25f, 0.25f};
  EXPECT_EQ(all.run(parts::layers_entropy, {{{1}, {0}, {0.2f}}}, 400), (Shares{160, 80, 80, 80}));
  EXPECT_EQ(all.run(parts::layers_entropy, {{{1000}, {0}, {1}}}, 400), (Shares{100, 100, 100, 100}))
      << "heat evens out";
}

TEST(LayersEntropy, comes_from_rows_of_one_modality_over_keys_of_the_other) {
  Memory::Shape shape;
  shape.n_layers = 1;
  shape.n_kv_heads = 1;
  shape.head_dim = 8;
  shape.n_blocks = 8;
  shape.n_ctx = 64;
  shape.serve(parse_policy("meda").value());
  test::Fixture f(shape, 1, 32, 1, 0, 1, test::best_kernels());
  f.append(3, 0);
  RowSums rows[2];
  rows[0].n_class_rows[1] = 1;  // one text row over two image keys, p = (1/4, 3/4)
  rows[0].class_entropy[1] = 0.5623f;
  rows[0].n_rows = 1;
  rows[1].n_class_rows[0] = 2;  // two image rows over two equal text keys
  rows[1].class_entropy[0] = 2 * std::log(2.0f);
  rows[1].n_rows = 2;
  f.evidence.rows = rows;
  f.memory.absorb(0, f.evidence, 3, Look{});
  EXPECT_NEAR(f.memory.shown(0).cross, 1.2555f, 1e-4);
  rows[0] = rows[1] = {};  // rows that see nothing of the other modality say nothing
  f.memory.absorb(0, f.evidence, 3, Look{});
  EXPECT_NEAR(f.memory.shown(0).cross, 1.2555f, 1e-4);
}

TEST(LayersPyramid, falls_in_equal_steps_that_add_up) {
  Tables all(4, 1, 1000);
  EXPECT_EQ(all.run(parts::layers_pyramid, 400), (Shares{195, 132, 68, 5}));
  Tables deep(32, 1, 1000);
  EXPECT_EQ(sum(deep.run(parts::layers_pyramid, 32 * 128)), 32 * 128) << "integer steps give 4528";
  Tables window(4, 1, 1000);
  window.n_window = 8;
  EXPECT_EQ(window.run(parts::layers_pyramid, 432), (Shares{203, 140, 76, 13})) << "beside the window";
  Tables few(4, 1, 150);
  EXPECT_EQ(few.run(parts::layers_pyramid, 400), (Shares{150, 117, 83, 50}));
}

TEST(HeadsAdakv, gives_each_head_its_part_of_the_best_scores) {
  Tables all({{.90f, .05f, .03f, .02f}, {.30f, .28f, .22f, .20f}});
  EXPECT_EQ(all.run(parts::heads_adakv, {{{0}}}, 4), (Shares{1, 3}));
  EXPECT_EQ(all.run(parts::heads_adakv, {{{1}}}, 4), (Shares{2, 2}));
}

TEST(HeadsAdakv, conserves_what_official_rounding_loses) {
  Tables two({{.9f, .1f, .1f, .1f, .1f, .1f}, {.8f, .8f, .8f, .8f, .8f, .1f}});
  EXPECT_EQ(two.run(parts::heads_adakv, {{{.2f}}}, 6), (Shares{1, 5})) << "f = (1, 5); official sum 5";
  std::vector<std::vector<float>> heads(4, std::vector<float>(20, 0.0f));
  heads[3].assign(20, .5f);
  for (std::size_t h = 0; h < 3; ++h) heads[h][0] = .9f;
  Tables four(heads);
  EXPECT_EQ(four.run(parts::heads_adakv, {{{.2f}}}, 20), (Shares{2, 2, 2, 14})) << "official sum 21";
}

TEST(HeadsAdakv, equal_scores_share_equally_whatever_the_order_of_heads) {
  Tables all(1, 4, 50);
  EXPECT_EQ(all.run(parts::heads_adakv, {{{0}}}, 80), (Shares{20, 20, 20, 20}));
}

TEST(HeadsTied, are_all_the_same_and_lose_what_does_not_divide) {
  Tables all(1, 3, 50);
  EXPECT_EQ(all.run(parts::heads_tied, {}, 100), (Shares{33, 33, 33}));
}

// Whatever the tables: no slot is lost or made, none goes below what is pinned.
TEST(Shares, of_every_allocator_add_up_to_the_total) {
  std::mt19937 random(11);
  const auto up_to = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n + 1)); };
  for (int round = 0; round < 300; ++round) {
    Tables all(1 + up_to(7), 1 + up_to(4), 0);
    int held = 0, least = 0;
    std::vector<int> layer_held(static_cast<std::size_t>(all.n_layers));
    for (std::size_t t = 0; t < all.scores.size(); ++t) {
      const int n = 1 + up_to(60);
      all.n_pinned[t] = up_to(std::min(n, 5));
      for (int i = 0; i < n; ++i)
        all.scores[t].push_back(i < all.n_pinned[t] ? INFINITY
                                                    : static_cast<float>(up_to(round % 3 == 0 ? 0 : 9)));
      held += n;
      layer_held[t / static_cast<std::size_t>(all.n_kv_heads)] += n;
      least += all.n_pinned[t] + (n > all.n_pinned[t] ? 1 : 0);
    }
    for (LayerShown& shown : all.shown) shown.cross = static_cast<float>(up_to(8));
    all.n_window = up_to(8);
    const int total = least + up_to(std::max(0, held - least));
    for (const PartRow<LayersPart>* part : catalogue<LayersPart>()) {
      const Shares out = all.run(*part, total);
      const bool loses = part->name.find("-paper") != std::string_view::npos;
      EXPECT_TRUE(loses ? sum(out) <= total : sum(out) == total) << part->name << " " << round;
      for (std::size_t l = 0; l < out.size(); ++l) EXPECT_LE(out[l], layer_held[l]) << part->name;
    }
    for (const PartRow<HeadsPart>* part : catalogue<HeadsPart>()) {
      const int share = up_to(layer_held[0]);
      const Shares out = all.run(*part, defaults(part->args), share);
      const bool loses = part == &parts::heads_tied || part->name.find("-paper") != std::string_view::npos;
      EXPECT_TRUE(loses ? sum(out) <= share : sum(out) == share) << part->name;
    }
  }
}

}  // namespace
}  // namespace shrike::kv
