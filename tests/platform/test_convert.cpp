#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "platform/kernels/q8.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class ConvertTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(ConvertTest);

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

// All half numbers there are, at every offset within a register.
TEST_P(ConvertTest, every_half_becomes_its_float) {
  for (int offset = 0; offset < 9; ++offset) {
    std::vector<f16> halves(65536 + 9);
    for (int i = 0; i < 65536; ++i) halves[static_cast<std::size_t>(i + offset)] = static_cast<f16>(i);
    std::vector<float> got(65536 + 1, 7.0f);
    k.f16_to_f32(got.data(), halves.data() + offset, 65536);
    for (int i = 0; i < 65536; ++i) {
      const float exact = f16_to_f32(static_cast<f16>(i));
      const float value = got[static_cast<std::size_t>(i)];
      if (std::isnan(exact))
        ASSERT_TRUE(std::isnan(value)) << i;
      else
        ASSERT_EQ(bits(value), bits(exact)) << i;
    }
    EXPECT_EQ(got.back(), 7.0f);
  }
}

TEST_P(ConvertTest, floats_become_the_nearest_half) {
  std::vector<float> x;
  for (int i = 0; i < 65536; ++i) {  // every half, its neighbours, and the ties between halves
    const float at = f16_to_f32(static_cast<f16>(i));
    if (!std::isfinite(at)) continue;
    const float next = f16_to_f32(static_cast<f16>(i + 1));
    for (const float v : {at, std::nextafter(at, 1e9f), std::nextafter(at, -1e9f), (at + next) / 2})
      if (std::isfinite(v)) x.push_back(v);
  }
  for (const float v : {65504.0f, 65519.99f, 65520.0f, 1e30f, -1e30f, 1e-40f, 0.0f, -0.0f, INFINITY})
    x.push_back(v);
  std::vector<f16> got(x.size() + 1, 0x1234);
  k.f32_to_f16(got.data(), x.data(), static_cast<int>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(got[i], f32_to_f16(x[i])) << x[i];
  EXPECT_EQ(got.back(), 0x1234);
}

TEST_P(ConvertTest, short_and_odd_lengths_write_their_own_only) {
  Numbers numbers(3);
  for (int n = 0; n <= 40; ++n) {
    const auto x = numbers.floats(static_cast<std::size_t>(n));
    std::vector<f16> halves(x.size() + 1, 0x7777);
    k.f32_to_f16(halves.data(), x.data(), n);
    std::vector<float> back(x.size() + 1, 7.0f);
    k.f16_to_f32(back.data(), halves.data(), n);
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_NEAR(back[at], x[at], 0x1p-11 * std::abs(x[at]) + 0x1p-25);
    }
    EXPECT_EQ(halves.back(), 0x7777) << n;
    EXPECT_EQ(back.back(), 7.0f) << n;
  }
}

TEST_P(ConvertTest, quantising_gives_the_same_bits_everywhere) {
  Numbers numbers(5);
  for (int round = 0; round < 200; ++round) {
    const int n = kQ8Group * (1 + numbers.below(5));
    const float size = std::exp(numbers.between(-60, 60));
    auto x = numbers.floats(static_cast<std::size_t>(n), -size, size);
    if (round % 5 == 0) std::fill(x.begin(), x.begin() + kQ8Group, 0.0f);
    if (round % 7 == 0) x[3] = -127 * size, x[4] = 0.5f * size, x[5] = -0.5f * size;  // ties
    std::vector<std::int8_t> got(x.size() + 1, 99), expected = got;
    std::vector<float> d(x.size() / kQ8Group + 1, 7.0f), d_expected = d;
    k.quantize_q8(got.data(), d.data(), x.data(), n);
    scalar.quantize_q8(expected.data(), d_expected.data(), x.data(), n);
    ASSERT_EQ(got, expected) << round;
    ASSERT_EQ(d, d_expected) << round;
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      ASSERT_LE(std::abs(x[at] - got[at] * d[at / kQ8Group]), 0.5001f * d[at / kQ8Group])
          << round << " " << i;
    }
  }
}

TEST_P(ConvertTest, quantising_never_meets_minus_128_and_survives_what_is_not_a_number) {
  std::vector<float> x(kQ8Group, 0.1f);
  x[0] = -1e30f;
  std::vector<std::int8_t> q(kQ8Group);
  float d = 0;
  k.quantize_q8(q.data(), &d, x.data(), kQ8Group);
  EXPECT_EQ(q[0], -127);
  for (const float strange : {NAN, INFINITY, -INFINITY, std::numeric_limits<float>::denorm_min()}) {
    x.assign(kQ8Group, 0.0f);
    x[7] = strange;
    k.quantize_q8(q.data(), &d, x.data(), kQ8Group);
    for (const std::int8_t v : q) EXPECT_GE(v, -127);
  }
}

}  // namespace
}  // namespace shrike
