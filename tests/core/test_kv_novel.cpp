// novel: what differs from the frame before it, and is looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using ::testing::FloatNear;

constexpr float kNoAttention = 0;

// Frames of one word and two patches, one above the other.
Desk frames(int n, std::vector<float> keys) {
  Desk desk;
  for (int frame = 0; frame < n; ++frame) {
    desk.add(frame, 1, 0, Modality::text);
    for (int i = 0; i < 2; ++i) {
      desk.add(frame, 1);
      desk.facts.back().token.i = static_cast<std::uint8_t>(i);
    }
  }
  desk.rows(2, std::move(keys));
  desk.mark(Mark::mass, std::vector<float>(desk.facts.size(), 1));
  return desk;
}

TEST(ScoreNovel, compares_with_the_frame_before_at_the_same_place_and_words_go_with_what_differs_most) {
  Desk desk = frames(4, {1, 0, 1,  0, 0, 1,  // all new
                         1, 0, 2,  0, 1, 1,  // the lower patch turned by 45 degrees
                         1, 0, -1, 0, 1, 1,  // the upper one round
                         1, 0, -1, 0, 1, 1});
  const std::vector<float>& score = desk.run(parts::score_novel, {{{kNoAttention}, {1}}});
  for (int j = 0; j < 3; ++j) EXPECT_EQ(score[static_cast<std::size_t>(j)], 2) << "nothing before it";
  EXPECT_THAT(score[3], FloatNear(.2929f, 1e-4f));
  EXPECT_THAT(score[4], FloatNear(0, 1e-6f));
  EXPECT_THAT(score[5], FloatNear(.2929f, 1e-4f));
  EXPECT_THAT(score[6], FloatNear(2, 1e-6f));
  EXPECT_THAT(score[7], FloatNear(2, 1e-6f));
  EXPECT_THAT(score[8], FloatNear(0, 1e-6f));
  for (std::size_t j = 9; j < 12; ++j) EXPECT_GT(score[j], 100) << "the newest stays, though it repeats";
}

TEST(ScoreNovel, what_nobody_looked_at_counts_less) {
  Desk desk = frames(4, {1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0});
  desk.mark(Mark::mass, {1, 1, 1, 1, 6, 0, 1, 1, 1, 1, 1, 1});
  const std::vector<float> score = desk.run(parts::score_novel, {{{1}, {2}, {1}}});
  EXPECT_THAT(score[4], FloatNear(2, 1e-3f)) << "new, and looked at twice in each of three frames";
  EXPECT_THAT(score[5], FloatNear(2e-4f, 1e-6f)) << "new, and nobody looked";
  const std::vector<float> older = desk.run(parts::score_novel, {{{1}, {2}, {3}}});
  EXPECT_THAT(older[4], FloatNear(6.f / 27, 1e-3f)) << "and three frames ago";
  EXPECT_EQ(older[5], score[5]);
}

TEST(ScoreNovel, heads_that_answers_do_not_need_keep_less_but_for_the_newest_frame) {
  Desk desk = frames(3, {1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0});
  desk.worth = {0, .25f};
  const std::vector<float> flat = desk.run(parts::score_novel, {{{kNoAttention}, {0}}});
  const std::vector<float> score = desk.run(parts::score_novel, {{{kNoAttention}, {1}}});
  const std::vector<float> twice = desk.run(parts::score_novel, {{{kNoAttention}, {2}}});
  for (std::size_t j = 0; j < 6; ++j) {
    const float worth = j % 3 == 0 ? 1e-3f : .25f;  // words, pictures; none is worth nothing
    EXPECT_THAT(score[j], FloatNear(worth * flat[j], 1e-6f)) << j;
    EXPECT_THAT(twice[j], FloatNear(worth * worth * flat[j], 1e-6f)) << j;
  }
  for (std::size_t j = 6; j < 9; ++j) EXPECT_EQ(score[j], flat[j]) << j;
}

TEST(ScoreNovel, words_between_frames_and_frames_without_a_counterpart) {
  Desk desk = frames(1, {1, 0, 1, 0, 1, 0});
  desk.add(kNoFrame, 1, 0, Modality::text);
  desk.add(1, 1, 0, Modality::text);
  desk.add(2, 1);
  desk.rows(2, {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0});
  desk.mark(Mark::mass, std::vector<float>(6, 1));
  const std::vector<float>& score = desk.run(parts::score_novel, {{{kNoAttention}, {1}}});
  EXPECT_EQ(score[3], 1);
  EXPECT_EQ(score[4], 2) << "a frame of words alone has nothing to compare";
  EXPECT_GT(score[5], 100);
}

TEST(ScoreNovel, of_keys_that_are_all_zero_is_a_number) {
  Desk desk = frames(2, std::vector<float>(12, 0));
  for (const float s : desk.run(parts::score_novel)) EXPECT_TRUE(std::isfinite(s));
}

}  // namespace
}  // namespace shrike::kv
