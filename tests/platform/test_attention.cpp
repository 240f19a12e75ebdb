#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class AttentionTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(AttentionTest);

constexpr int kHeadDims[] = {1, 4, 7, 16, 31, 48, 64, 80, 96, 128};

std::vector<f16> halves(const std::vector<float>& x) {
  std::vector<f16> out;
  for (const float v : x) out.push_back(f32_to_f16(v));
  return out;
}

TEST_P(AttentionTest, scores_are_scaled_products) {
  std::uint32_t seed = 1;
  for (const int head_dim : kHeadDims)
    for (const int n_keys : {0, 1, 3, 8, 15, 16, 17})
      for (const int n_q : {1, 2, 3, 4, 7, 33}) {
        Numbers numbers(seed++);
        const int q_stride = head_dim + 1, k_stride = head_dim + 2, stride = n_keys + 1;
        const auto q = numbers.floats(static_cast<std::size_t>(n_q * q_stride));
        const auto keys = numbers.floats(static_cast<std::size_t>(n_keys * k_stride));
        const auto keys16 = halves(keys);
        std::vector<float> got(static_cast<std::size_t>(n_q * stride), 7.0f), got16 = got;
        k.attn_scores_f32(got.data(), stride, q.data(), q_stride, n_q, keys.data(), k_stride, n_keys,
                          head_dim, 0.3f);
        k.attn_scores_f16(got16.data(), stride, q.data(), q_stride, n_q, keys16.data(), k_stride, n_keys,
                          head_dim, 0.3f);
        for (int r = 0; r < n_q; ++r)
          for (int j = 0; j < stride; ++j) {
            const auto at = static_cast<std::size_t>(r * stride + j);
            if (j == n_keys) {
              ASSERT_EQ(got[at], 7.0f);
              ASSERT_EQ(got16[at], 7.0f);
              continue;
            }
            double exact = 0, exact16 = 0;
            for (int i = 0; i < head_dim; ++i) {
              const double x = q[static_cast<std::size_t>(r * q_stride + i)];
              exact += x * keys[static_cast<std::size_t>(j * k_stride + i)];
              exact16 += x * f16_to_f32(keys16[static_cast<std::size_t>(j * k_stride + i)]);
            }
            ASSERT_NEAR(got[at], 0.3 * exact, 4 * 0x1p-24 * (head_dim + 1))
                << head_dim << " " << n_keys << " " << n_q;
            ASSERT_NEAR(got16[at], 0.3 * exact16, 4 * 0x1p-24 * (head_dim + 1)) << head_dim << " " << n_keys;
          }
      }
}

TEST_P(AttentionTest, mixing_adds_weighted_values) {
  std::uint32_t seed = 1000;
  for (const int head_dim : kHeadDims)
    for (const int n_keys : {0, 1, 5, 16})
      for (const int n_q : {1, 2, 4, 5, 9}) {
        Numbers numbers(seed++);
        const int v_stride = head_dim + 2, out_stride = head_dim + 1, p_stride = n_keys + 3;
        const auto values = numbers.floats(static_cast<std::size_t>(n_keys * v_stride));
        const auto values16 = halves(values);
        const auto p = numbers.floats(static_cast<std::size_t>(n_q * p_stride), 0, 1);
        const auto before = numbers.floats(static_cast<std::size_t>(n_q * out_stride));
        auto got = before, got16 = before;
        k.attn_mix_f32(got.data(), out_stride, p.data(), p_stride, n_q, values.data(), v_stride, n_keys,
                       head_dim);
        k.attn_mix_f16(got16.data(), out_stride, p.data(), p_stride, n_q, values16.data(), v_stride, n_keys,
                       head_dim);
        for (int r = 0; r < n_q; ++r)
          for (int i = 0; i < out_stride; ++i) {
            const auto at = static_cast<std::size_t>(r * out_stride + i);
            double exact = before[at], exact16 = before[at];
            for (int j = 0; i < head_dim && j < n_keys; ++j) {
              const double weight = p[static_cast<std::size_t>(r * p_stride + j)];
              exact += weight * values[static_cast<std::size_t>(j * v_stride + i)];
              exact16 += weight * f16_to_f32(values16[static_cast<std::size_t>(j * v_stride + i)]);
            }
            ASSERT_NEAR(got[at], exact, 4 * 0x1p-24 * (n_keys + 1))
                << head_dim << " " << n_keys << " " << n_q;
            ASSERT_NEAR(got16[at], exact16, 4 * 0x1p-24 * (n_keys + 1))
                << head_dim << " " << n_keys << " " << n_q;
          }
      }
}

// Rows by one or by many, keys at once or block by block: the same bits.
TEST_P(AttentionTest, cuts_change_no_bit) {
  Numbers numbers(8);
  constexpr int kDim = 80, kKeys = 48, kRows = 13;
  const auto q = numbers.floats(kRows * kDim);
  const auto kv = halves(numbers.floats(kKeys * kDim));
  std::vector<float> scores(kRows * kKeys), scores_cut = scores, out(kRows * kDim), out_cut = out;
  k.attn_scores_f16(scores.data(), kKeys, q.data(), kDim, kRows, kv.data(), kDim, kKeys, kDim, 0.1f);
  k.attn_mix_f16(out.data(), kDim, scores.data(), kKeys, kRows, kv.data(), kDim, kKeys, kDim);
  for (int r = 0; r < kRows; ++r)
    for (int j = 0; j < kKeys; j += 16) {
      k.attn_scores_f16(scores_cut.data() + r * kKeys + j, kKeys, q.data() + r * kDim, kDim, 1,
                        kv.data() + j * kDim, kDim, 16, kDim, 0.1f);
      k.attn_mix_f16(out_cut.data() + r * kDim, kDim, scores_cut.data() + r * kKeys + j, kKeys, 1,
                     kv.data() + j * kDim, kDim, 16, kDim);
    }
  EXPECT_EQ(scores_cut, scores);
  EXPECT_EQ(out_cut, out);
}

// --- softmax and what a row shows ----------------------------------------------------------------------------

struct Exact {
  std::vector<double> p;
  double entropy = 0, mass[2] = {}, class_entropy[2] = {};

  Exact(const std::vector<float>& row, const std::vector<std::uint8_t>& modality) : p(row.size()) {
    const double top = *std::max_element(row.begin(), row.end());
    double z = 0;
    for (const float s : row) z += std::exp(s - top);
    for (std::size_t i = 0; i < row.size(); ++i) {
      p[i] = std::exp(row[i] - top) / z;
      entropy -= p[i] > 0 ? p[i] * std::log(p[i]) : 0;
      mass[modality[i]] += p[i];
    }
    for (std::uint8_t c = 0; c < 2; ++c)
      if (mass[c] >= 0x1p-56) class_entropy[c] = entropy_within(row, modality, c);
  }

  static double entropy_within(const std::vector<float>& row, const std::vector<std::uint8_t>& modality,
                               int c) {
    double top = -INFINITY, z = 0, e = 0;
    for (std::size_t i = 0; i < row.size(); ++i)
      if (modality[i] == c) top = std::max<double>(top, row[i]);
    for (std::size_t i = 0; i < row.size(); ++i)
      if (modality[i] == c) z += std::exp(row[i] - top);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double w = modality[i] == c ? std::exp(row[i] - top) / z : 0;
      e -= w > 0 ? w * std::log(w) : 0;
    }
    return e;
  }
};

void expect_evidence(const RowEvidence& got, const Exact& exact, double tolerance) {
  EXPECT_NEAR(got.entropy, exact.entropy, tolerance * (1 + exact.entropy));
  for (int c = 0; c < 2; ++c) {
    EXPECT_NEAR(got.mass[c], exact.mass[c], tolerance);
    EXPECT_NEAR(got.class_entropy[c], exact.class_entropy[c], tolerance * (1 + exact.class_entropy[c]));
  }
}

TEST_P(AttentionTest, evidence_of_a_row_worked_by_hand) {
  for (const std::uint8_t image : {0, 1}) {
    std::vector<float> row = {0, 1, 2, -1, 3, 0.5f};
    const std::vector<std::uint8_t> modality(row.size(), image);
    RowEvidence shown;
    k.softmax_evidence(row.data(), modality.data(), 6, &shown);
    EXPECT_NEAR(shown.entropy, 1.147800, 1e-6);
    EXPECT_NEAR(shown.class_entropy[image], 1.147800, 1e-6);
  }
}

TEST_P(AttentionTest, uniform_rows_have_the_entropy_of_their_length) {
  for (const int n : {1, 2, 7, 8, 9, 64, 1000}) {
    std::vector<float> row(static_cast<std::size_t>(n), -3.5f);
    std::vector<std::uint8_t> modality(row.size());
    for (int i = 0; i < n; ++i) modality[static_cast<std::size_t>(i)] = i % 2;
    RowEvidence shown;
    k.softmax_evidence(row.data(), modality.data(), n, &shown);
    EXPECT_NEAR(shown.entropy, std::log(n), 3e-6 * (1 + std::log(n)));
    EXPECT_NEAR(shown.class_entropy[0], std::log((n + 1) / 2), 1e-5);
    for (const float p : row) EXPECT_NEAR(p, 1.0 / n, 1e-6 / n);
  }
}

TEST_P(AttentionTest, softmax_and_evidence_of_any_row) {
  Numbers numbers(11);
  for (int round = 0; round < 400; ++round) {
    const int n = 1 + numbers.below(round % 4 == 0 ? 1500 : 40);
    const float spread = round % 3 == 0 ? 60.0f : 6.0f;
    const auto row = numbers.floats(static_cast<std::size_t>(n), -spread, spread);
    std::vector<std::uint8_t> modality(row.size());
    const int mostly = numbers.below(5);  // 0 and 4: one class is empty
    for (auto& m : modality) m = numbers.below(4) < mostly;
    const Exact exact(row, modality);
    auto plain = row, with = row;
    plain.push_back(7.0f);
    with.push_back(7.0f);
    RowEvidence shown;
    k.softmax(plain.data(), n);
    k.softmax_evidence(with.data(), modality.data(), n, &shown);
    expect_evidence(shown, exact, 1e-5);
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      // A score far below the largest is rounded when that is taken away, before it is an exponent.
      const double tolerance = (2e-6 + 0x1p-23 * 2 * spread) * exact.p[at] + 1e-37;
      ASSERT_NEAR(plain[at], exact.p[at], tolerance) << round;
      ASSERT_NEAR(with[at], exact.p[at], tolerance) << round;
    }
    EXPECT_EQ(plain.back(), 7.0f);
    EXPECT_EQ(with.back(), 7.0f);
    if (HasFailure()) FAIL() << "round " << round << ", n " << n;
  }
}

TEST_P(AttentionTest, an_empty_class_has_no_mass_and_no_entropy) {
  std::vector<float> row = {5, 4, 3};
  const std::vector<std::uint8_t> text(3, 0);
  RowEvidence shown;
  k.softmax_evidence(row.data(), text.data(), 3, &shown);
  EXPECT_EQ(shown.mass[1], 0.0f);
  EXPECT_EQ(shown.class_entropy[1], 0.0f);
  EXPECT_NEAR(shown.mass[0], 1.0f, 1e-6);
}

TEST_P(AttentionTest, scores_far_apart_neither_overflow_nor_become_nothing) {
  std::vector<float> row = {-1e30f, 0.0f, 3e4f, 3e4f, -3e38f};
  const std::vector<std::uint8_t> modality = {0, 0, 1, 1, 1};
  auto plain = row;
  RowEvidence shown;
  k.softmax(plain.data(), 5);
  k.softmax_evidence(row.data(), modality.data(), 5, &shown);
  for (const auto& p : {plain, row}) {
    EXPECT_EQ(p[0], 0.0f);
    EXPECT_NEAR(p[2], 0.5f, 1e-6);
  }
  EXPECT_NEAR(shown.entropy, std::log(2.0), 1e-5);
  EXPECT_NEAR(shown.class_entropy[0], 0.0, 1e-5);
  EXPECT_EQ(shown.mass[0], 0.0f);
}

TEST_P(AttentionTest, column_mass_adds_rows_in_order) {
  Numbers numbers(12);
  for (const int n : {0, 1, 7, 8, 19, 64, 130})
    for (const int n_rows : {0, 1, 2, 9}) {
      const int stride = n + 3;
      const auto p = numbers.floats(static_cast<std::size_t>(n_rows * stride), 0, 1);
      const auto before = numbers.floats(static_cast<std::size_t>(n + 1));
      auto got = before, expected = before;
      k.column_mass(got.data(), p.data(), stride, n_rows, n);
      for (int r = 0; r < n_rows; ++r)
        for (int j = 0; j < n; ++j)
          expected[static_cast<std::size_t>(j)] += p[static_cast<std::size_t>(r * stride + j)];
      EXPECT_EQ(got, expected) << n << " " << n_rows;
    }
}

TEST_P(AttentionTest, column_votes_count_rows_that_give_enough) {
  Numbers numbers(13);
  for (const int n : {0, 1, 7, 8, 19, 64, 130})
    for (const int n_rows : {0, 1, 2, 9}) {
      const int stride = n + 3;
      auto p = numbers.floats(static_cast<std::size_t>(n_rows * stride), 0, 1);
      for (std::size_t i = 0; i < p.size(); i += 5) p[i] = 0.5f;
      std::vector<float> got(static_cast<std::size_t>(n + 1), 2.0f), expected = got;
      k.column_votes(got.data(), p.data(), stride, n_rows, n, 0.5f);
      for (int r = 0; r < n_rows; ++r)
        for (int j = 0; j < n; ++j)
          expected[static_cast<std::size_t>(j)] += p[static_cast<std::size_t>(r * stride + j)] >= 0.5f;
      EXPECT_EQ(got, expected) << n << " " << n_rows;
    }
}

}  // namespace
}  // namespace shrike
