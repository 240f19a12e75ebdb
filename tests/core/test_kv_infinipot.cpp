// InfiniPot-V: what changed, and what has long values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using ::testing::FloatNear;
using Kept = std::vector<std::uint8_t>;

// Frames of two patches each, one above the other.
Desk patches(int n_frames, std::vector<float> keys) {
  Desk desk;
  for (int frame = 0; frame < n_frames; ++frame)
    for (int i = 0; i < 2; ++i) {
      desk.add(frame, 1);
      desk.facts.back().token.i = static_cast<std::uint8_t>(i);
    }
  desk.rows(2, std::move(keys));
  return desk;
}

TEST(ScoreChange, is_unlikeness_to_the_newest_frames_at_the_same_place) {
  Desk desk = patches(3, {1, 0, 0, 1, 1, .1f, 1, 1, 1, 0, 0, 1});
  const std::vector<float>& score = desk.run(parts::score_change, {{{1}}});
  EXPECT_THAT(score[0], FloatNear(-1, 1e-6f));
  EXPECT_THAT(score[1], FloatNear(-1, 1e-6f));
  EXPECT_THAT(score[2], FloatNear(-.995f, 1e-4f));
  EXPECT_THAT(score[3], FloatNear(-.7071f, 1e-4f));
  EXPECT_GT(score[4], 1);
  EXPECT_GT(score[5], score[4]) << "the newest frame stays, its newest slot first";
}

TEST(ScoreChange, averages_over_the_recent_frames_and_compares_nothing_where_they_have_nothing) {
  Desk desk = patches(3, {1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1});
  EXPECT_THAT(desk.run(parts::score_change, {{{2}}})[0], FloatNear(-.5f, 1e-6f)) << "(1, 0) and (0, 1)";
  desk.facts[1].token.i = 9;
  EXPECT_EQ(desk.run(parts::score_change, {{{2}}})[1], 0);
  EXPECT_THAT(desk.run(parts::score_change, {{{50, Unit::percent}}})[0], FloatNear(-.5f, 1e-6f))
      << "half of three frames are two";
}

TEST(ScoreChange, takes_words_that_come_with_every_frame_for_what_they_are) {
  Desk desk;
  desk.add(0, 2, 0, Modality::text);
  desk.add(1, 2, 0, Modality::text);
  desk.rows(2, {0, 1, 1, 1, 1, 0, 0, 1});
  const std::vector<float>& score = desk.run(parts::score_change, {{{1}}});
  EXPECT_THAT(score[0], FloatNear(-1, 1e-6f)) << "said again, though not at the same place";
  EXPECT_THAT(score[1], FloatNear(-.7071f, 1e-4f));
}

TEST(ScoreVnorm, averages_the_lengths_of_values_inside_a_frame) {
  Desk desk = patches(2, {3, 4, 0, 1, 0, 0, 2, 0});
  EXPECT_EQ(desk.run(parts::score_vnorm), (std::vector<float>{5, 1, 0, 2}));
  EXPECT_EQ(desk.run(parts::score_vnorm, {{{3}}}), (std::vector<float>{3, 3, 1, 1}));
}

TEST(SelectChange, takes_the_newest_frames_then_what_changed_then_the_best_scores) {
  Desk desk = patches(3, {1, 0, 0, 1, 1, .1f, 1, 1, 1, 0, 0, 1});
  desk.score = {9, 8, 7, 0, 0, 0};
  const Args share_of_four = {{{75, Unit::percent}, {1}}};
  EXPECT_EQ(desk.run(parts::select_change, share_of_four, 4), (Kept{1, 0, 0, 1, 1, 1}))
      << "3 is two of the newest frame and what changed most, then the best score";
  EXPECT_EQ(desk.run(parts::select_change, {{{0}, {1}}}, 4), (Kept{1, 1, 0, 0, 1, 1})) << "scores alone";
  EXPECT_EQ(desk.run(parts::select_change, {{{100, Unit::percent}, {1}}}, 4), (Kept{0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(desk.run(parts::select_change, share_of_four, 1), (Kept{0, 0, 0, 0, 0, 1}));
}

TEST(SelectChange, counts_a_slot_once_that_two_reasons_speak_for) {
  Desk desk = patches(3, {1, 0, 0, 1, 1, .1f, 1, 1, 1, 0, 0, 1});
  desk.score = {5, 0, 0, 9, 0, 0};
  EXPECT_EQ(desk.run(parts::select_change, {{{75, Unit::percent}, {1}}}, 4), (Kept{1, 0, 0, 1, 1, 1}));
}

TEST(SelectChange, of_frames_all_alike_keeps_exactly_the_budget) {
  Desk desk = patches(3, {1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1});
  EXPECT_EQ(desk.run(parts::select_change, {{{100, Unit::percent}, {1}}}, 3), (Kept{1, 0, 0, 0, 1, 1}))
      << "all -1: of equal ones the older stays";
}

}  // namespace
}  // namespace shrike::kv
