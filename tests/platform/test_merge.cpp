#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class Merge : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(Merge);

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int16_t kUntouched = 12345;

struct Direction {
  std::vector<std::int16_t> q;
  float inverse;
};
Direction direction(const Kernels& k, const std::vector<float>& x) {
  Direction d{std::vector<std::int16_t>(x.size() + 1, kUntouched), 0};
  d.inverse = k.direction(d.q.data(), x.data(), static_cast<int>(x.size()));
  EXPECT_EQ(d.q.back(), kUntouched);
  return d;
}

TEST_P(Merge, a_direction_is_the_row_in_whole_numbers_alike_on_every_isa) {
  for (int n = 0; n <= 256; n += n < 70 ? 1 : 31) {
    Numbers numbers(static_cast<std::uint32_t>(n));
    for (const float size : {1.0f, 1e-30f, 1e30f}) {
      const std::vector<float> x = numbers.floats(static_cast<std::size_t>(n), -size, size);
      const Direction got = direction(k, x), want = direction(scalar, x);
      ASSERT_EQ(got.q, want.q) << n;
      ASSERT_EQ(got.inverse, want.inverse) << n;
      float largest = 0;
      for (const float v : x) largest = std::max(largest, std::fabs(v));
      double sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_NEAR(got.q[i], 2047.0 * x[i] / largest, 0.51);
        sum += double(got.q[i]) * got.q[i];
      }
      if (n > 0) {
        ASSERT_NEAR(got.inverse * std::sqrt(sum), 1, 1e-6);
      }
    }
  }
}

TEST_P(Merge, rows_of_zeros_or_of_what_is_no_number_have_no_direction) {
  for (const float worst : {0.0f, -0.0f, kNan, kInf, -kInf, 1e-40f})
    for (std::size_t at = 0; at < 19; ++at) {
      std::vector<float> x(19, worst == worst ? 0.0f : kNan);
      x[at] = worst;
      const Direction d = direction(k, x);
      EXPECT_EQ(d.inverse, 0) << worst << " at " << at;
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(d.q[i], 0);
    }
  std::vector<float> one(19, 0.5f);
  one[3] = kNan;
  const Direction d = direction(k, one);
  EXPECT_EQ(d.q[3], 0);
  EXPECT_EQ(d.q[4], 2047);
  EXPECT_EQ(d.q, direction(scalar, one).q);
}

// Rows side by side as the contract has them.
std::vector<std::int16_t> panel_of(const std::vector<std::vector<std::int16_t>>& keys, int n_pairs) {
  const std::size_t groups = (keys.size() + kPanelKeys - 1) / kPanelKeys;
  std::vector<std::int16_t> panel(groups * static_cast<std::size_t>(n_pairs) * 2 * kPanelKeys, 0);
  for (std::size_t j = 0; j < keys.size(); ++j)
    for (std::size_t i = 0; i < keys[j].size(); ++i)
      panel[((j / kPanelKeys * static_cast<std::size_t>(n_pairs) + i / 2) * kPanelKeys + j % kPanelKeys) * 2 +
            i % 2] = keys[j][i];
  return panel;
}

TEST_P(Merge, nearest_is_the_key_with_the_largest_cosine_and_of_equal_ones_the_first) {
  std::uint32_t seed = 1;
  for (const int dim : {2, 7, 16, 64, 80, 256})
    for (const int n_keys : {0, 1, 3, 7, 8, 9, 15, 16, 17, 40, 133})
      for (const int n_q : {1, 3, 4, 5, 9}) {
        Numbers numbers(seed++);
        const int n_pairs = (dim + 1) / 2;
        std::vector<std::vector<std::int16_t>> keys;
        std::vector<float> inverse;
        for (int j = 0; j < n_keys; ++j) {
          Direction d = direction(k, numbers.floats(static_cast<std::size_t>(dim)));
          d.q.pop_back();
          if (j % 5 == 4) d.q = keys.back(), d.inverse = inverse.back();  // equal ones
          if (j % 11 == 10) d.inverse = 0;
          keys.push_back(d.q);
          inverse.push_back(d.inverse);
        }
        std::vector<std::int16_t> q(static_cast<std::size_t>(n_q * 2 * n_pairs), 0);
        for (int r = 0; r < n_q; ++r)
          k.direction(q.data() + r * 2 * n_pairs, numbers.floats(static_cast<std::size_t>(dim)).data(), dim);
        const std::vector<std::int16_t> panel = panel_of(keys, n_pairs);
        std::vector<std::int32_t> got(static_cast<std::size_t>(n_q) + 1, -7), want = got;
        k.nearest(got.data(), q.data(), n_q, panel.data(), inverse.data(), n_keys, n_pairs);
        scalar.nearest(want.data(), q.data(), n_q, panel.data(), inverse.data(), n_keys, n_pairs);
        ASSERT_EQ(got, want) << dim << " " << n_keys << " " << n_q;
        ASSERT_EQ(got.back(), -7);
        for (int r = 0; r < n_q; ++r) {
          int best = -1;
          float largest = -kInf;
          for (int j = 0; j < n_keys; ++j) {
            std::int64_t dot = 0;
            for (int i = 0; i < dim; ++i)
              dot += std::int64_t{keys[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)]} *
                     q[static_cast<std::size_t>(r * 2 * n_pairs + i)];
            const float cosine = static_cast<float>(dot) * inverse[static_cast<std::size_t>(j)];
            if (cosine > largest) largest = cosine, best = j;
          }
          ASSERT_EQ(got[static_cast<std::size_t>(r)], best) << dim << " " << n_keys << " " << n_q;
        }
      }
}

TEST_P(Merge, the_largest_products_fit_into_their_sums) {
  constexpr int kPairs = 128;
  const std::vector<std::int16_t> top(2 * kPairs, 2047), least(2 * kPairs, -2047);
  std::vector<std::vector<std::int16_t>> keys(17, least);
  keys[11] = top;
  const std::vector<float> inverse(17, 1.0f);
  std::int32_t best = -1;
  k.nearest(&best, top.data(), 1, panel_of(keys, kPairs).data(), inverse.data(), 17, kPairs);
  EXPECT_EQ(best, 11);
  k.nearest(&best, least.data(), 1, panel_of(keys, kPairs).data(), inverse.data(), 17, kPairs);
  EXPECT_EQ(best, 0);
}

}  // namespace
}  // namespace shrike
