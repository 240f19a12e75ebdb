#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class ActTest : public test::OnEveryIsa {
 protected:
  using InPlace = void (*)(float*, int) noexcept;
  using Exact = double (*)(double);

  // Dense where the functions bend, then out to where they are flat, both signs, subnormals too.
  static std::vector<float> sweep() {
    std::vector<float> x;
    for (int i = -40'000; i <= 40'000; ++i) x.push_back(static_cast<float>(i) * 3e-4f);
    for (float magnitude = 1e-42f; magnitude < 1e38f; magnitude *= 1.7f) {
      x.push_back(magnitude);
      x.push_back(-magnitude);
    }
    return x;
  }

  static void expect_near(const std::vector<float>& got, const std::vector<float>& x, Exact exact) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double tolerance = 1e-6 * std::abs(static_cast<double>(x[i])) + 2e-45;
      ASSERT_NEAR(got[i], exact(x[i]), tolerance) << "x = " << x[i];
    }
  }

  // One number alone gives what it gives among others, wherever it stands.
  static void expect_independent_of_count(InPlace kernel) {
    Numbers numbers(11);
    const auto x = numbers.floats(67, -6, 6);
    auto all = x;
    kernel(all.data(), 67);
    for (int offset = 0; offset < 4; ++offset)
      for (int n = 0; n + offset <= 67; ++n) {
        auto part = x;
        kernel(part.data() + offset, n);
        for (int i = 0; i < 67; ++i) {
          const auto at = static_cast<std::size_t>(i);
          ASSERT_EQ(part[at], i >= offset && i < offset + n ? all[at] : x[at])
              << offset << " " << n << " " << i;
        }
      }
  }
};
SHRIKE_ON_EVERY_ISA(ActTest);

double sigmoid(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }
double exact_gelu(double x) {
  return x * sigmoid(2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x));
}
double exact_gelu_quick(double x) { return x * sigmoid(1.702 * x); }
double exact_silu(double x) { return x * sigmoid(x); }

TEST_P(ActTest, gelu_is_near_the_exact_value) {
  const auto x = sweep();
  auto got = x;
  k.gelu(got.data(), static_cast<int>(got.size()));
  expect_near(got, x, exact_gelu);
}

TEST_P(ActTest, gelu_quick_is_near_the_exact_value) {
  const auto x = sweep();
  auto got = x;
  k.gelu_quick(got.data(), static_cast<int>(got.size()));
  expect_near(got, x, exact_gelu_quick);
}

TEST_P(ActTest, gates_are_near_the_exact_value) {
  const auto x = sweep();
  const std::vector<float> one(x.size(), 1.0f), three(x.size(), 3.0f);
  for (const bool gelu : {false, true}) {
    const auto kernel = gelu ? k.gelu_mul : k.silu_mul;
    auto got = x;
    kernel(got.data(), one.data(), static_cast<int>(got.size()));
    expect_near(got, x, gelu ? exact_gelu : exact_silu);

    auto tripled = x;
    kernel(tripled.data(), three.data(), static_cast<int>(tripled.size()));
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(tripled[i], 3.0f * got[i]) << x[i];
  }
}

TEST_P(ActTest, far_out_is_identity_or_zero) {
  const float huge = std::numeric_limits<float>::max(), infinity = std::numeric_limits<float>::infinity();
  for (const InPlace kernel : {k.gelu, k.gelu_quick}) {
    std::vector<float> x = {huge, 1e30f, 200.0f, infinity, -huge, -1e30f, -200.0f, 0.0f};
    kernel(x.data(), 8);
    EXPECT_EQ(x, (std::vector<float>{huge, 1e30f, 200.0f, infinity, 0, 0, 0, 0}));
  }
}

TEST_P(ActTest, nan_is_not_hidden) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const InPlace kernel : {k.gelu, k.gelu_quick}) {
    std::vector<float> x(9, 1.0f);
    x[3] = x[8] = nan;
    kernel(x.data(), 9);
    for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(x[i]), i == 3 || i == 8) << i;
  }
}

TEST_P(ActTest, results_do_not_depend_on_the_count) {
  expect_independent_of_count(k.gelu);
  expect_independent_of_count(k.gelu_quick);
}

TEST_P(ActTest, gates_touch_only_their_range) {
  Numbers numbers(12);
  const auto gate = numbers.floats(50, -6, 6), up = numbers.floats(50);
  for (const auto kernel : {k.silu_mul, k.gelu_mul}) {
    auto all = gate;
    kernel(all.data(), up.data(), 50);
    for (int n = 0; n <= 49; ++n) {
      auto part = gate;
      kernel(part.data() + 1, up.data() + 1, n);
      for (int i = 0; i < 50; ++i) {
        const auto at = static_cast<std::size_t>(i);
        ASSERT_EQ(part[at], i >= 1 && i <= n ? all[at] : gate[at]) << n << " " << i;
      }
    }
  }
}

TEST_P(ActTest, add_is_exact) {
  Numbers numbers(13);
  for (int n = 0; n <= 70; ++n)
    for (int offset = 0; offset < 4; ++offset) {
      const auto size = static_cast<std::size_t>(n + offset + 1);
      const auto x = numbers.floats(size), y = numbers.floats(size);
      auto got = y, expected = y;
      for (int i = offset; i < offset + n; ++i)
        expected[static_cast<std::size_t>(i)] += x[static_cast<std::size_t>(i)];
      k.add(got.data() + offset, x.data() + offset, n);
      ASSERT_EQ(got, expected) << n << " " << offset;
    }
}

}  // namespace
}  // namespace shrike
