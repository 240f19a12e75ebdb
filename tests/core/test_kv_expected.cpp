// Expected Attention: what queries to come will look at, if they are like those so far.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Row = std::vector<float>;

constexpr Args kOneAhead = {{{1}, {0}}};

Row softmax(Row z) {
  float sum = 0;
  for (float& x : z) sum += x = std::exp(x);
  for (float& x : z) x /= sum;
  return z;
}

void expect_near(const Row& got, const Row& wanted, float within) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], within) << i;
}

TEST(ScoreExpected, is_the_softmax_of_expected_logits) {
  Desk desk;
  desk.rows(2, {1, 0, 2, 0, 0, 2});
  desk.values = {1, 0, 1, 0, 1, 0};
  desk.query_mean = {1, 0};
  desk.query_variance = {.5f, 0};
  expect_near(desk.run(parts::score_expected, kOneAhead), softmax({.8321f, 1.9142f, 0}), 1e-4f);
}

TEST(ScoreExpected, counts_what_a_value_matters_and_averages_over_the_group) {
  Desk desk;
  desk.rows(2, {1, 0, 2, 0, 0, 2});
  desk.values = {3, 4, 0, 0, 0, 1};
  desk.group = 2;
  desk.query_mean = {1, 0, 0, 1};
  desk.query_variance = {.5f, 0, 0, 0};
  const Row a = softmax({.8321f, 1.9142f, 0}), b = softmax({0, 0, 1.4142f});
  expect_near(desk.run(parts::score_expected, kOneAhead), {5 * (a[0] + b[0]) / 2, 0, (a[2] + b[2]) / 2},
              1e-3f);
  desk.run(parts::score_expected, {{{1}, {.5f}}});
  EXPECT_NEAR(desk.score[0], 5 * ((a[0] + b[0]) / 2 + .5f), 1e-3f);
}

// With queries that do not vary it is the mean logit over the positions to come, each computed by itself.
TEST(ScoreExpected, looks_ahead_over_the_positions_to_come) {
  constexpr int kDim = 8, kAhead = 20, kSlots = 5;
  const test::Turns turns(kDim);
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  Row keys;
  for (int i = 0; i < kSlots * kDim; ++i) keys.push_back(normal(random));
  Desk desk;
  desk.rows(kDim, keys);
  desk.values.assign(desk.values.size(), 0);
  for (int j = 0; j < kSlots; ++j) desk.values[static_cast<std::size_t>(j * kDim)] = 1;
  desk.rope = &turns.table;
  for (int i = 0; i < kDim; ++i) desk.query_mean.push_back(normal(random));
  Row z(kSlots);
  for (int j = 0; j < kSlots; ++j)
    for (int step = 0; step < kAhead; ++step)
      for (int pair = 0; pair < kDim / 2; ++pair) {
        const double angle = (kSlots + step - j) * std::pow(10000.0, -2.0 * pair / kDim);
        const std::size_t at = static_cast<std::size_t>(2 * pair);
        const double a = desk.query_mean[at], b = desk.query_mean[at + 1];
        const float* key = desk.keys.data() + j * kDim + 2 * pair;
        const double logit = key[0] * (a * std::cos(angle) - b * std::sin(angle)) +
                             key[1] * (a * std::sin(angle) + b * std::cos(angle));
        z[static_cast<std::size_t>(j)] += static_cast<float>(logit / std::sqrt(8.0) / kAhead);
      }
  expect_near(desk.run(parts::score_expected, {{{kAhead}, {0}}}), softmax(z), 1e-4f);
}

}  // namespace
}  // namespace shrike::kv
