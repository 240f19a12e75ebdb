#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

constexpr float kEps = 1e-5f;
constexpr double kUnit = 0x1p-24;

class NormTest : public test::OnEveryIsa {
 protected:
  // Lengths and offsets that leave every kind of tail, and those of real models.
  template <class Body>
  static void for_each_shape(Body body) {
    for (int dim = 1; dim <= 70; ++dim) body(dim, dim % 4);
    for (const int dim : {95, 96, 97, 127, 128, 129, 255, 256, 257, 576, 768, 960, 1024, 2048})
      body(dim, dim % 3);
  }
};
SHRIKE_ON_EVERY_ISA(NormTest);

TEST_P(NormTest, rms_norm_equals_scalar_bit_for_bit) {
  for_each_shape([&](int dim, int offset) {
    Numbers numbers(static_cast<std::uint32_t>(dim));
    const auto x = numbers.floats(static_cast<std::size_t>(dim + offset), -3, 3);
    const auto weight = numbers.floats(x.size());
    std::vector<float> got(x.size() + 1, 7.0f), expected = got;
    k.rms_norm(got.data() + offset, x.data() + offset, weight.data() + offset, dim, kEps);
    scalar.rms_norm(expected.data() + offset, x.data() + offset, weight.data() + offset, dim, kEps);
    EXPECT_EQ(got, expected) << dim;
    EXPECT_EQ(got.back(), 7.0f) << "written past the end, dim " << dim;
  });
}

TEST_P(NormTest, rms_norm_is_near_the_exact_value) {
  for_each_shape([&](int dim, int) {
    Numbers numbers(static_cast<std::uint32_t>(dim + 1000));
    const auto x = numbers.floats(static_cast<std::size_t>(dim), -3, 3);
    const auto weight = numbers.floats(x.size());
    std::vector<float> got(x.size());
    k.rms_norm(got.data(), x.data(), weight.data(), dim, kEps);
    double square = 0;
    for (const float v : x) square += static_cast<double>(v) * v;
    const double scale = 1.0 / std::sqrt(square / dim + kEps);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = x[i] * scale * weight[i];
      ASSERT_NEAR(got[i], exact, 8 * kUnit * std::sqrt(dim) * std::abs(exact) + 1e-30) << dim << " " << i;
    }
  });
}

TEST_P(NormTest, layer_norm_equals_scalar_bit_for_bit) {
  for_each_shape([&](int dim, int offset) {
    Numbers numbers(static_cast<std::uint32_t>(dim + 2000));
    const auto x = numbers.floats(static_cast<std::size_t>(dim + offset), -1, 5);
    const auto weight = numbers.floats(x.size()), bias = numbers.floats(x.size());
    std::vector<float> got(x.size() + 1, 7.0f), expected = got;
    const auto run = [&](const Kernels& kernels, std::vector<float>& out) {
      kernels.layer_norm(out.data() + offset, x.data() + offset, weight.data() + offset, bias.data() + offset,
                         dim, kEps);
    };
    run(k, got);
    run(scalar, expected);
    EXPECT_EQ(got, expected) << dim;
    EXPECT_EQ(got.back(), 7.0f) << "written past the end, dim " << dim;
  });
}

TEST_P(NormTest, layer_norm_is_near_the_exact_value) {
  for_each_shape([&](int dim, int) {
    Numbers numbers(static_cast<std::uint32_t>(dim + 3000));
    const auto x = numbers.floats(static_cast<std::size_t>(dim), -1, 5);
    const auto weight = numbers.floats(x.size()), bias = numbers.floats(x.size());
    std::vector<float> got(x.size());
    k.layer_norm(got.data(), x.data(), weight.data(), bias.data(), dim, kEps);
    double mean = 0, square = 0;
    for (const float v : x) mean += static_cast<double>(v) / dim;
    for (const float v : x) square += (v - mean) * (v - mean);
    const double scale = 1.0 / std::sqrt(square / dim + kEps);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = (x[i] - mean) * scale * weight[i] + bias[i];
      // The mean is subtracted from numbers up to 5 and then scaled, so that is what roundings are relative
      // to.
      const double magnitude = 5 * scale * std::abs(weight[i]) + std::abs(bias[i]);
      ASSERT_NEAR(got[i], exact, 8 * kUnit * std::sqrt(dim) * magnitude) << dim << " " << i;
    }
  });
}

TEST_P(NormTest, output_may_be_the_input) {
  Numbers numbers(5);
  for (const int dim : {1, 31, 33, 64, 100}) {
    const auto x = numbers.floats(static_cast<std::size_t>(dim));
    const auto weight = numbers.floats(x.size()), bias = numbers.floats(x.size());
    std::vector<float> apart(x.size()), in_place = x;
    k.rms_norm(apart.data(), x.data(), weight.data(), dim, kEps);
    k.rms_norm(in_place.data(), in_place.data(), weight.data(), dim, kEps);
    EXPECT_EQ(in_place, apart);
    in_place = x;
    k.layer_norm(apart.data(), x.data(), weight.data(), bias.data(), dim, kEps);
    k.layer_norm(in_place.data(), in_place.data(), weight.data(), bias.data(), dim, kEps);
    EXPECT_EQ(in_place, apart);
  }
}

TEST_P(NormTest, zeros_stay_zeros) {
  const std::vector<float> zero(40, 0.0f), one(40, 1.0f);
  std::vector<float> out(40, 9.0f);
  k.rms_norm(out.data(), zero.data(), one.data(), 40, kEps);
  EXPECT_EQ(out, zero);
  k.layer_norm(out.data(), one.data(), one.data(), zero.data(), 40, kEps);
  EXPECT_EQ(out, zero);
}

}  // namespace
}  // namespace shrike
