// What each scorer says of a few slots, against numbers worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using ::testing::FloatNear;
using ::testing::Pointwise;
using Numbers = std::vector<float>;

MATCHER_P(Near, tolerance, "") {
  return std::abs(std::get<0>(arg) - std::get<1>(arg)) <= static_cast<float>(tolerance);
}

// Queries of zeros attend alike to all they see: row t gives 1 / (t + 1) to each slot up to t.
Numbers uniform_over_six(Mark mark, const PartRow<ScorePart>& part, std::string_view policy) {
  Memory::Shape shape;
  shape.n_layers = shape.n_kv_heads = 1;
  shape.head_dim = 8;
  shape.n_blocks = 8;
  shape.n_ctx = 64;
  shape.serve(parse_policy(policy).value());
  test::Fixture f(shape, 2, 32, 1, 0, 1, test::best_kernels());
  f.query_size = 0;
  const Look look;
  f.append(6, 0);
  f.attend(&look);
  Desk desk;
  desk.add(0, 6);
  for (const Mark m : {mark, Mark::mass}) {
    if ((shape.needs & need(m)) == 0) continue;
    Numbers marks;
    const BlockRef ref = f.memory.table(0, 0)[0];
    for (int slot = 0; slot < 6; ++slot) marks.push_back(f.memory.pool().mark(ref.block, slot, m));
    desk.mark(m, marks);
  }
  return desk.run(part);
}

TEST(ScoreH2o, sums_what_each_row_gave_over_the_group) {
  const Numbers score = uniform_over_six(Mark::mass, parts::score_h2o, "h2o");
  EXPECT_THAT(score, Pointwise(Near(1e-3), Numbers{4.9f, 2.9f, 1.9f, 1.2333f, 0.7333f, 0.3333f}))
      << "(2.45, 1.45, 0.95, 0.617, 0.367, 0.167) for each of two query heads";
}

TEST(ScoreMean, takes_the_advantage_of_age_away) {
  const Numbers score = uniform_over_six(Mark::seen, parts::score_mean, "score=mean, select=top");
  EXPECT_THAT(score, Pointwise(Near(1e-3), Numbers{0.408f, 0.29f, 0.2375f, 0.2056f, 0.1833f, 0.1667f}));
}

TEST(ScoreSnapkv, pools_the_window_without_crossing_frames_or_modalities) {
  Desk desk;
  desk.add(0, 6);
  desk.mark(Mark::window, {1, 0, 0, 0, 0, 0});
  EXPECT_THAT(desk.run(parts::score_snapkv_average, {{{32}, {5}}}),
              Pointwise(Near(1e-6), Numbers{0.2f, 0.2f, 0.2f, 0, 0, 0}));
  desk.mark(Mark::window, {.5f, 0, .1f, 0, .4f, 0});
  EXPECT_THAT(desk.run(parts::score_snapkv_average, {{{32}, {3}}}),
              Pointwise(Near(1e-4), Numbers{.1667f, .2f, .0333f, .1667f, .1333f, .1333f}));
  EXPECT_EQ(desk.run(parts::score_snapkv, {{{32}, {3}}}), (Numbers{.5f, .5f, .1f, .4f, .4f, .4f}));

  Desk apart;
  apart.add(0, 2, 0, Modality::text);
  apart.add(0, 2);
  apart.add(1, 2);
  apart.mark(Mark::window, {0, 3, 0, 1, 2, 0});
  EXPECT_EQ(apart.run(parts::score_snapkv, {{{32}, {7}}}), (Numbers{3, 3, 1, 1, 2, 2}));
}

TEST(ScoreSnapkv, keeps_the_windows_own_slots_first_and_of_these_the_newest) {
  Desk desk;
  desk.add(0, 5);
  desk.mark(Mark::window, {9, 1, 1, 50, 60});
  desk.n_window = 2;
  const Numbers score = desk.run(parts::score_snapkv, {{{2}, {1}}});
  EXPECT_EQ(score[0], 9);
  EXPECT_EQ(score[2], 1) << "the window's slots are not pooled into the others";
  EXPECT_GT(score[3], 1e5f);
  EXPECT_GT(score[4], score[3]);
}

TEST(ScoreMeda, puts_text_before_images_that_draw_as_much) {
  Desk desk;
  desk.add(0, 1, 0, Modality::text);
  desk.add(0, 2);
  desk.mark(Mark::mass, {1, 1, 3});
  EXPECT_EQ(desk.run(parts::score_meda), (Numbers{4, 1, 3}));
  EXPECT_EQ(desk.run(parts::score_meda, {{{1}, {0}}}), (Numbers{1, 1, 3}));
}

TEST(ScoreKeydiff, finds_the_key_unlike_the_others_whatever_their_length) {
  Desk desk;
  desk.rows(2, {1, 0, 1, .1f, .9f, 0, 0, 1});
  EXPECT_THAT(desk.run(parts::score_keydiff),
              Pointwise(Near(2e-4), Numbers{-.9387f, -.9684f, -.9387f, -.3446f}));
}

TEST(ScoreKnorm, likes_short_keys) {
  Desk desk;
  desk.rows(2, {3, 4, 0, 0, 1, 0});
  EXPECT_EQ(desk.run(parts::score_knorm), (Numbers{-5, 0, -1}));
}

TEST(ScoreTova, is_what_the_last_row_gave) {
  Desk desk;
  desk.add(0, 3);
  desk.mark(Mark::last, {.4f, .2f, .4f});
  EXPECT_EQ(desk.run(parts::score_tova), (Numbers{.4f, .2f, .4f}));
}

TEST(Scores, of_keys_without_length_are_finite) {
  for (const PartRow<ScorePart>* part : catalogue<ScorePart>()) {
    Desk desk;
    desk.add(0, 4);
    desk.rows(8, Numbers(32));
    for (int m = 0; m < kMarks; ++m) desk.mark(static_cast<Mark>(m), Numbers(4));
    for (const float s : desk.run(*part)) EXPECT_TRUE(std::isfinite(s)) << part->name;
  }
}

}  // namespace
}  // namespace shrike::kv
