#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class ImageTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(ImageTest);

constexpr std::int32_t kOne = 1 << kResampleBits;

// Bytes on the heap in a block of exactly their number, so that a sanitizer sees the first byte too many.
struct Exact {
  explicit Exact(const std::vector<std::uint8_t>& from) : bytes(new std::uint8_t[from.size()]) {
    std::copy(from.begin(), from.end(), bytes.get());
  }
  std::unique_ptr<std::uint8_t[]> bytes;
};

// Random weights that sum to 2^22 with lobes below zero and above one, as a Lanczos window has them.
std::vector<std::int32_t> weights_of(Numbers& numbers, int n_taps) {
  std::vector<std::int32_t> weight(static_cast<std::size_t>(n_taps));
  std::int32_t rest = kOne;
  for (std::size_t t = 1; t < weight.size(); ++t) {
    weight[t] = numbers.below(kOne / n_taps) - kOne / (4 * n_taps);
    rest -= weight[t];
  }
  weight[0] = rest;
  return weight;
}

// The sum as it is written in the contract, in 64 bits.
std::uint8_t exact_byte(std::int64_t sum) {
  const double value = std::floor((static_cast<double>(sum) + kOne / 2) / kOne);
  return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
}

TEST_P(ImageTest, resample_row_is_the_sum_of_its_contract) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    Numbers numbers(seed);
    const int n_in = 1 + numbers.below(60), n_out = 1 + numbers.below(40);
    const int taps_max = 1 + numbers.below(std::min(n_in, 17));
    std::vector<std::int32_t> first, count, weight;
    for (int i = 0; i < n_out; ++i) {
      const int n_taps = 1 + numbers.below(taps_max);
      first.push_back(numbers.below(n_in - n_taps + 1));
      count.push_back(n_taps);
      auto w = weights_of(numbers, n_taps);
      w.resize(static_cast<std::size_t>(taps_max), 123'456'789);  // beyond count: must not be used
      weight.insert(weight.end(), w.begin(), w.end());
    }
    const auto in = numbers.bytes(static_cast<std::size_t>(3 * n_in));
    std::vector<std::uint8_t> expected(static_cast<std::size_t>(3 * n_out)), got(expected.size() + 1, 77);
    for (int i = 0; i < n_out; ++i)
      for (int c = 0; c < 3; ++c) {
        std::int64_t sum = 0;
        for (int t = 0; t < count[static_cast<std::size_t>(i)]; ++t)
          sum += std::int64_t{weight[static_cast<std::size_t>(i * taps_max + t)]} *
                 in[static_cast<std::size_t>(3 * (first[static_cast<std::size_t>(i)] + t) + c)];
        expected[static_cast<std::size_t>(3 * i + c)] = exact_byte(sum);
      }
    const Exact exact_in(in);
    k.resample_row(got.data(), exact_in.bytes.get(),
                   {first.data(), count.data(), weight.data(), taps_max, n_out});
    EXPECT_EQ(got.back(), 77) << seed;
    got.pop_back();
    ASSERT_EQ(got, expected) << "seed " << seed;
  }
}

TEST_P(ImageTest, resample_column_is_the_sum_of_its_contract) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    Numbers numbers(seed + 1000);
    const int n_taps = 1 + numbers.below(12), n_bytes = numbers.below(100);
    const auto stride = static_cast<std::size_t>(n_bytes + numbers.below(9));
    const auto weight = weights_of(numbers, n_taps);
    // The last row ends with its last byte, whatever the stride.
    const auto in =
        numbers.bytes(static_cast<std::size_t>(n_taps - 1) * stride + static_cast<std::size_t>(n_bytes));
    std::vector<std::uint8_t> expected(static_cast<std::size_t>(n_bytes)), got(expected.size() + 1, 77);
    for (std::size_t b = 0; b < expected.size(); ++b) {
      std::int64_t sum = 0;
      for (std::size_t t = 0; t < weight.size(); ++t) sum += std::int64_t{weight[t]} * in[t * stride + b];
      expected[b] = exact_byte(sum);
    }
    const Exact exact_in(in);
    k.resample_column(got.data(), exact_in.bytes.get(), stride, weight.data(), n_taps, n_bytes);
    EXPECT_EQ(got.back(), 77) << seed;
    got.pop_back();
    ASSERT_EQ(got, expected) << "seed " << seed;
  }
}

TEST_P(ImageTest, resampling_clamps_on_both_sides) {
  const std::int32_t weight[] = {-kOne / 2, 2 * kOne, -kOne / 2};
  std::vector<std::uint8_t> rows, expected;
  for (int i = 0; i < 40; ++i) expected.push_back(i % 2 == 0 ? 255 : 0);
  for (int t = 0; t < 3; ++t)
    for (const std::uint8_t v : expected) rows.push_back(t == 1 ? v : static_cast<std::uint8_t>(255 - v));
  std::vector<std::uint8_t> got(40);
  k.resample_column(got.data(), rows.data(), 40, weight, 3, 40);
  EXPECT_EQ(got, expected);

  const std::int32_t first[] = {0}, count[] = {3};
  const std::uint8_t pixels[] = {255, 0, 255, 0, 255, 0, 255, 0, 255};
  std::uint8_t out[3];
  k.resample_row(out, pixels, {first, count, weight, 3, 1});
  EXPECT_EQ(std::vector<std::uint8_t>(out, out + 3), (std::vector<std::uint8_t>{0, 255, 0}));
}

TEST_P(ImageTest, normalise_rgb_is_one_fma_into_planes) {
  Numbers numbers(3);
  const float scale[3] = {1 / (255 * 0.229f), 1 / (255 * 0.224f), 1 / (255 * 0.225f)};
  const float shift[3] = {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f};
  for (int n = 0; n <= 70; ++n) {
    const auto in = numbers.bytes(static_cast<std::size_t>(3 * n));
    const auto stride = static_cast<std::size_t>(n + n % 5);
    std::vector<float> expected(3 * stride + 1, 77.0f), got = expected;
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        expected[c * stride + i] = std::fma(static_cast<float>(in[3 * i + c]), scale[c], shift[c]);
    const Exact exact_in(in);
    k.normalise_rgb(got.data(), stride, exact_in.bytes.get(), n, scale, shift);
    ASSERT_EQ(got, expected) << n;
  }
}

}  // namespace
}  // namespace shrike
