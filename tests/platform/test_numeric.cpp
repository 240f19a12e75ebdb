#include "platform/numeric.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace shrike {
namespace {

// A half by its definition: sign, five bits of exponent, ten of mantissa.
double value_of(std::uint32_t half) {
  const double sign = (half & 0x8000u) != 0 ? -1 : 1;
  const int exponent = static_cast<int>(half >> 10) & 31;
  const int mantissa = static_cast<int>(half) & 1023;
  if (exponent == 31) return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(NumericTest, every_half_widens_exactly) {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const float got = f16_to_f32(static_cast<f16>(half));
    if (std::isnan(value_of(half))) {
      ASSERT_TRUE(std::isnan(got)) << half;
    } else {
      ASSERT_EQ(got, value_of(half)) << half;
      ASSERT_EQ(std::signbit(got), (half & 0x8000u) != 0) << half;
    }
  }
}

TEST(NumericTest, every_half_comes_back_from_float) {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const f16 back = f32_to_f16(f16_to_f32(static_cast<f16>(half)));
    if (std::isnan(value_of(half)))
      ASSERT_TRUE((back & 0x7C00u) == 0x7C00u && (back & 0x3FFu) != 0) << half;
    else
      ASSERT_EQ(back, half);
  }
}

TEST(NumericTest, between_two_halves_the_nearer_is_taken_and_ties_go_to_even) {
  for (std::uint32_t low = 0; low < 0x7C00; ++low) {
    // The step above 65504 is where the next half would be: from its middle on, it is infinity.
    const double next = low == 0x7BFF ? 65536.0 : value_of(low + 1);
    const auto middle = static_cast<float>((value_of(low) + next) / 2);
    for (const std::uint32_t sign : {0u, 0x8000u}) {
      const float s = sign != 0 ? -1.0f : 1.0f;
      const std::uint32_t even = low % 2 == 0 ? low : low + 1;
      ASSERT_EQ(f32_to_f16(s * middle), sign | even) << low;
      ASSERT_EQ(f32_to_f16(s * std::nextafter(middle, 0.0f)), sign | low) << low;
      ASSERT_EQ(f32_to_f16(s * std::nextafter(middle, 1e9f)), sign | (low + 1)) << low;
    }
  }
}

TEST(NumericTest, floats_beyond_halves_end_at_infinity_and_zero) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float x : {65520.0f, 1e6f, std::numeric_limits<float>::max(), infinity}) {
    EXPECT_EQ(f32_to_f16(x), 0x7C00);
    EXPECT_EQ(f32_to_f16(-x), 0xFC00);
  }
  for (const float x : {0.0f, 0x1p-25f, 1e-9f, std::numeric_limits<float>::denorm_min()}) {
    EXPECT_EQ(f32_to_f16(x), 0);
    EXPECT_EQ(f32_to_f16(-x), 0x8000);
  }
  const f16 nan = f32_to_f16(std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(std::isnan(f16_to_f32(nan)));
}

TEST(NumericTest, bf16_is_the_upper_half_of_a_float) {
  EXPECT_EQ(bf16_to_f32(bf16{0x3F80}), 1.0f);
  EXPECT_EQ(bf16_to_f32(bf16{0xC049}), -3.140625f);
  EXPECT_EQ(bf16_to_f32(bf16{0x0001}), 0x1p-133f);
  EXPECT_TRUE(std::isinf(bf16_to_f32(bf16{0x7F80})));
}

TEST(NumericTest, checked_arithmetic_says_when_it_overflows) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t out = 5;
  EXPECT_FALSE(checked_mul(kMost, 2, out));
  EXPECT_FALSE(checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 32, out));
  EXPECT_FALSE(checked_mul(kMost / 3 + 1, 3, out));
  EXPECT_FALSE(checked_add(kMost, 1, out));
  EXPECT_FALSE(checked_add(1, kMost, out));
  EXPECT_EQ(out, 5u) << "untouched on overflow";
  EXPECT_TRUE(checked_mul(kMost, 1, out) && out == kMost);
  EXPECT_TRUE(checked_mul(kMost / 3, 3, out) && out == kMost);
  EXPECT_TRUE(checked_mul(0, kMost, out) && out == 0);
  EXPECT_TRUE(checked_mul(kMost, 0, out) && out == 0);
  EXPECT_TRUE(checked_add(kMost, 0, out) && out == kMost);
  EXPECT_TRUE(checked_add(kMost - 7, 7, out) && out == kMost);
}

TEST(NumericTest, division_and_alignment_round_up) {
  EXPECT_EQ(div_ceil(0, 4), 0);
  EXPECT_EQ(div_ceil(1, 4), 1);
  EXPECT_EQ(div_ceil(4, 4), 1);
  EXPECT_EQ(div_ceil(5, 4), 2);
  EXPECT_EQ(align_up<std::size_t>(0, 64), 0u);
  EXPECT_EQ(align_up<std::size_t>(1, 64), 64u);
  EXPECT_EQ(align_up<std::size_t>(64, 64), 64u);
  EXPECT_EQ(align_up<std::size_t>(65, 48), 96u);
}

}  // namespace
}  // namespace shrike
