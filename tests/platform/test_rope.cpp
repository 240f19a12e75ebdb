#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class RopeTest : public test::OnEveryIsa {
 protected:
  using Rope = void (*)(float*, const float*, const float*, const float*, int) noexcept;
};
SHRIKE_ON_EVERY_ISA(RopeTest);

struct Case {
  std::vector<float> x, cos, sin;
  explicit Case(int n_pairs, int extra = 0) {
    Numbers numbers(static_cast<std::uint32_t>(n_pairs + 1));
    const auto n = static_cast<std::size_t>(n_pairs + extra);
    x = numbers.floats(2 * n, -4, 4);
    for (std::size_t i = 0; i < n; ++i) {
      const float angle = numbers.between(-3.2f, 3.2f);
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
    }
  }
};

TEST_P(RopeTest, equals_scalar_bit_for_bit_at_every_size_and_offset) {
  for (const auto row : {&Kernels::rope_neighbours, &Kernels::rope_halves})
    for (int n_pairs = 0; n_pairs <= 67; ++n_pairs)
      for (int offset = 0; offset < 4; ++offset) {
        const Case c(n_pairs, 4);
        std::vector<float> got(c.x.size(), 9.0f), expected = got;
        (k.*row)(got.data() + offset, c.x.data() + offset, c.cos.data() + offset, c.sin.data() + offset,
                 n_pairs);
        (scalar.*row)(expected.data() + offset, c.x.data() + offset, c.cos.data() + offset,
                      c.sin.data() + offset, n_pairs);
        ASSERT_EQ(got, expected) << n_pairs << " " << offset;
      }
}

TEST_P(RopeTest, rotates_the_pairs_it_names) {
  for (const int n_pairs : {1, 3, 4, 8, 13, 32, 64}) {
    const Case c(n_pairs);
    std::vector<float> neighbours(c.x.size()), halves(c.x.size());
    k.rope_neighbours(neighbours.data(), c.x.data(), c.cos.data(), c.sin.data(), n_pairs);
    k.rope_halves(halves.data(), c.x.data(), c.cos.data(), c.sin.data(), n_pairs);
    const auto check = [&](const std::vector<float>& out, int first, int second, int pair) {
      const double a = c.x[static_cast<std::size_t>(first)], b = c.x[static_cast<std::size_t>(second)];
      const double cos = c.cos[static_cast<std::size_t>(pair)], sin = c.sin[static_cast<std::size_t>(pair)];
      EXPECT_NEAR(out[static_cast<std::size_t>(first)], a * cos - b * sin, 1e-6);
      EXPECT_NEAR(out[static_cast<std::size_t>(second)], a * sin + b * cos, 1e-6);
    };
    for (int i = 0; i < n_pairs; ++i) {
      check(neighbours, 2 * i, 2 * i + 1, i);
      check(halves, i, i + n_pairs, i);
    }
  }
}

TEST_P(RopeTest, output_may_be_the_input) {
  for (const Rope rope : {k.rope_neighbours, k.rope_halves})
    for (const int n_pairs : {1, 5, 16, 35}) {
      const Case c(n_pairs);
      std::vector<float> apart(c.x.size()), in_place = c.x;
      rope(apart.data(), c.x.data(), c.cos.data(), c.sin.data(), n_pairs);
      rope(in_place.data(), in_place.data(), c.cos.data(), c.sin.data(), n_pairs);
      EXPECT_EQ(in_place, apart) << n_pairs;
    }
}

TEST_P(RopeTest, opposite_angle_rotates_back) {
  for (const Rope rope : {k.rope_neighbours, k.rope_halves}) {
    const Case c(33);
    auto minus_sin = c.sin;
    for (float& s : minus_sin) s = -s;
    auto x = c.x;
    rope(x.data(), x.data(), c.cos.data(), c.sin.data(), 33);
    rope(x.data(), x.data(), c.cos.data(), minus_sin.data(), 33);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], c.x[i], 2e-6) << i;
  }
}

}  // namespace
}  // namespace shrike
