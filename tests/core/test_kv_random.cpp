// The control: what a method has to beat.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;

Desk grid(int n_frames, int side) {
  Desk desk;
  for (int frame = 0; frame < n_frames; ++frame)
    for (int p = 0; p < side * side; ++p) {
      desk.add(frame, 1);
      desk.facts.back().token.i = static_cast<std::uint8_t>(p / side);
      desk.facts.back().token.j = static_cast<std::uint8_t>(p % side);
    }
  return desk;
}

TEST(ScoreRandom, draws_by_where_a_token_came_from_and_by_nothing_else) {
  Desk desk = grid(2, 2);
  const std::vector<float> first = desk.run(parts::score_random);
  for (std::int32_t& position : desk.positions) position += 1000;
  EXPECT_EQ(desk.run(parts::score_random), first);
  EXPECT_NE(desk.run(parts::score_random, {{{7}}}), first) << "another seed, another lot";
  Desk turned = grid(2, 2);
  std::reverse(turned.facts.begin(), turned.facts.end());
  const std::vector<float> back = turned.run(parts::score_random);
  EXPECT_EQ(std::vector<float>(back.rbegin(), back.rend()), first);
}

TEST(ScoreRandom, samples_all_frames_alike) {
  Desk desk = grid(40, 16);
  const std::vector<float>& score = desk.run(parts::score_random);
  const float mean = std::accumulate(score.begin(), score.end(), 0.0f) / static_cast<float>(score.size());
  EXPECT_NEAR(mean, 0.5, 0.015);
  desk.run(parts::select_top, {}, 2560);  // a quarter
  for (int frame = 0; frame < 40; ++frame) {
    const auto begin = desk.keep.begin() + frame * 256;
    EXPECT_NEAR(std::accumulate(begin, begin + 256, 0), 64, 36) << frame;  // 5 sigma
  }
}

TEST(ScoreRandom, keeps_text_first) {
  Desk desk;
  desk.add(0, 50);
  desk.add(0, 3, 0, Modality::text);
  desk.run(parts::score_random);
  desk.run(parts::select_top, {}, 3);
  EXPECT_EQ(std::accumulate(desk.keep.end() - 3, desk.keep.end(), 0), 3);
}

}  // namespace
}  // namespace shrike::kv
