#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "platform/kernels/rows.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

class RowsTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(RowsTest);

constexpr int kLengths[] = {0, 1, 2, 7, 8, 31, 32, 33, 40, 63, 64, 80, 96, 127, 128};

using Bytes = std::vector<std::byte>;

// Numbers of any size, with the hard groups among them: nothing but zeros, one number, ties.
std::vector<float> hard_numbers(Numbers& numbers, int n, int round) {
  const float size = std::exp(numbers.between(-20, 9)), from = numbers.between(-2, 1) * size;
  auto x = numbers.floats(static_cast<std::size_t>(n), from, from + size);
  for (int i = 0; i < n && i < kRowGroup; ++i) {
    float& v = x[static_cast<std::size_t>(i)];
    if (round % 5 == 1) v = i % 2 == 0 ? 0.0f : -0.0f;
    if (round % 5 == 2) v = -size;
    if (round % 5 == 3) v = static_cast<float>(i % 31 - 15) * 0.5f * size;
  }
  return x;
}

// The bound of the contract, from the numbers alone. 4e-6 is where halves end.
float bound(const std::vector<float>& x, std::size_t i) {
  const std::size_t begin = i / kRowGroup * kRowGroup, end = std::min(x.size(), begin + kRowGroup);
  const auto [low, high] = std::minmax_element(&x[begin], &x[0] + end);
  return 0.57f * std::max(-*low, *high) / 127.0f + 4e-6f;
}

TEST_P(RowsTest, encoding_gives_the_same_bytes_everywhere_within_the_bound_and_writes_its_own_only) {
  Numbers numbers(1);
  for (const int n : kLengths)
    for (int round = 0; round < 40; ++round) {
      SCOPED_TRACE(std::to_string(n) + " " + std::to_string(round));
      const auto x = hard_numbers(numbers, n, round);
      const std::size_t offset = static_cast<std::size_t>(round % 4);  // no alignment is promised
      Bytes got(offset + row_bytes<RowQ8>(n) + 1, std::byte{0x5A}), expected = got;
      k.rows_q8.encode(got.data() + offset, x.data(), n);
      scalar.rows_q8.encode(expected.data() + offset, x.data(), n);
      ASSERT_EQ(got, expected);
      ASSERT_EQ(got.back(), std::byte{0x5A});
      std::vector<float> back(x.size() + 1, 7.0f), back_scalar = back;
      k.rows_q8.decode(back.data(), got.data() + offset, n);
      scalar.rows_q8.decode(back_scalar.data(), got.data() + offset, n);
      ASSERT_EQ(back, back_scalar);
      ASSERT_EQ(back.back(), 7.0f);
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(back[i], x[i], bound(x, i)) << i;
    }
}

TEST_P(RowsTest, encoding_survives_what_is_not_a_number) {
  for (const float strange : {NAN, INFINITY, -INFINITY, std::numeric_limits<float>::denorm_min(), 1e30f}) {
    std::vector<float> x(40, 0.25f);
    x[7] = x[35] = strange;
    Bytes row(row_bytes<RowQ8>(40));
    k.rows_q8.encode(row.data(), x.data(), 40);
  }
}

// Reading in place: the bits of decoding first, for any strides, and near the exact sums.
TEST_P(RowsTest, attention_in_place_is_attention_over_decoded_rows) {
  Numbers numbers(2);
  for (const int n : kLengths)
    for (const int n_keys : {0, 1, 2, 3, 5, 16})
      for (const int n_q : {1, 2, 3, 4, 5, 7}) {
        SCOPED_TRACE(std::to_string(n) + " " + std::to_string(n_keys) + " " + std::to_string(n_q));
        const RowKernels& rows = k.rows_q8;
        const int q_stride = n + 3, stride = n_keys + 2;
        const std::size_t bytes = row_bytes<RowQ8>(n) + 1;
        Bytes keys(1 + static_cast<std::size_t>(n_keys) * bytes);
        std::vector<float> decoded(static_cast<std::size_t>(n_keys * n));
        for (int j = 0; j < n_keys; ++j) {
          std::byte* row = keys.data() + 1 + static_cast<std::size_t>(j) * bytes;
          rows.encode(row, numbers.floats(static_cast<std::size_t>(n)).data(), n);
          rows.decode(decoded.data() + j * n, row, n);
        }
        const auto q = numbers.floats(static_cast<std::size_t>(n_q * q_stride));
        std::vector<float> got(static_cast<std::size_t>(n_q * stride), 7.0f), expected = got;
        rows.scores(got.data(), stride, q.data(), q_stride, n_q, keys.data() + 1, bytes, n_keys, n, 0.3f);
        k.attn_scores_f32(expected.data(), stride, q.data(), q_stride, n_q, decoded.data(), n, n_keys, n,
                          0.3f);
        ASSERT_EQ(got, expected);
        const auto p = numbers.floats(static_cast<std::size_t>(n_q * stride), 0, 1);
        auto mixed = numbers.floats(static_cast<std::size_t>(n_q * q_stride)), mixed_first = mixed;
        rows.mix(mixed.data(), q_stride, p.data(), stride, n_q, keys.data() + 1, bytes, n_keys, n);
        k.attn_mix_f32(mixed_first.data(), q_stride, p.data(), stride, n_q, decoded.data(), n, n_keys, n);
        ASSERT_EQ(mixed, mixed_first);
      }
}

}  // namespace
}  // namespace shrike
