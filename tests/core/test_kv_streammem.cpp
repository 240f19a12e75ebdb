// StreamMem: what a question's words look at, and one slot for what leaves of a frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/kv/policy.hpp"
#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;
using Row = std::vector<float>;

MATCHER(AboutEqual, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-5f; }
auto about(Row row) { return ::testing::Pointwise(AboutEqual(), row); }

TEST(Streammem, scores_by_proxy_rows_without_pooling) {
  const Policy policy = parse_policy("streammem").value();
  EXPECT_EQ(policy.observe, Observe::proxy) << "shown and rolled back: no proxy token stays";
  Desk desk;
  desk.add(0, 3);
  desk.mark(Mark::window, {.1f, .7f, .2f});
  std::vector<float> score(3);
  policy.score.run(desk.candidates(), policy.score.args, score);
  EXPECT_EQ(score, (Row{.1f, .7f, .2f}));
}

TEST(SelectPrototypes, keeps_one_of_each_frame_that_is_not_merged_yet) {
  Desk desk;
  desk.add(0, 2);
  desk.add(1, 2);
  desk.add(2, 2);
  desk.score = {1, 2, 9, 8, 3, 4};
  EXPECT_EQ(desk.run(parts::select_prototypes, {}, 4), (Kept{0, 1, 1, 1, 0, 1}));
  EXPECT_EQ(desk.run(parts::select_prototypes, {}, 2), (Kept{0, 0, 1, 0, 0, 1})) << "the newest first";
  desk.facts[0].merged = 5;
  EXPECT_EQ(desk.run(parts::select_prototypes, {}, 3), (Kept{0, 0, 1, 1, 0, 1}))
      << "frame 0 has had its turn";
}

TEST(SelectPrototypes, leaves_text_to_its_scores) {
  Desk desk;
  desk.add(0, 2, 0, Modality::text);
  desk.add(1, 2);
  desk.score = {1, 1, 9, 8};
  EXPECT_EQ(desk.run(parts::select_prototypes, {}, 2), (Kept{0, 0, 1, 1}));
}

TEST(MergePrototype, weighs_by_score) {
  Desk desk;
  desk.rows(2, {1, 0, 0, 1});
  desk.score = {.75f, .25f};
  desk.keep = {1, 0};
  desk.run(parts::merge_prototype);
  EXPECT_THAT(desk.key(0), about({.75f, .25f}));
  EXPECT_THAT(desk.value(0), about({.75f, .25f}));
  EXPECT_EQ(desk.count[0], 2);
}

TEST(MergePrototype, is_the_slot_that_is_missed_least_and_stays_that_slot) {
  Desk desk;
  desk.add(0, 4);
  desk.rows(2, {1, 0, 0, 1, 4, 4, 9, 9});
  desk.score = {3, 1, 1, 5};
  desk.keep = {1, 1, 0, 1};
  desk.run(parts::merge_prototype);
  EXPECT_THAT(desk.key(1), about({2, 2.5f}));
  EXPECT_THAT(desk.key(0), about({1, 0}));
  desk.count = {3, 1, 1, 2};
  desk.rows(2, {1, 0, 0, 1, 5, 0, 9, 9});
  desk.run(parts::merge_prototype);
  EXPECT_THAT(desk.key(0), about({2, 0})) << "what stands for more goes on";
}

TEST(MergePrototype, never_crosses_frames_or_modalities_and_weighs_alike_without_scores) {
  Desk desk;
  desk.add(0, 1, 0, Modality::text);
  desk.add(0, 2);
  desk.add(1, 1);
  desk.rows(2, {8, 8, 1, 0, 0, 1, 9, 9});
  desk.score = {0, -1, -2, 0};
  desk.keep = {0, 1, 0, 0};
  desk.run(parts::merge_prototype);
  EXPECT_THAT(desk.key(1), about({.5f, .5f}));
  EXPECT_EQ(desk.count[1], 2);
}

}  // namespace
}  // namespace shrike::kv
