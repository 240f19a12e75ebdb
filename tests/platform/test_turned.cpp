#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "platform/kernels/turned.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;
using Bytes = std::vector<std::byte>;

class TurnedTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(TurnedTest);

constexpr int kLengths[] = {0,  1,  2,  3,  4,  7,  8,  9,  15,  16,  17,  30,  31,  32,  33,
                            40, 48, 60, 63, 64, 65, 80, 96, 100, 127, 128, 160, 192, 255, 256};

// Numbers of any size: bells, single ones far out, ties, nothing but zeros, rows of the turn itself.
std::vector<float> hard_numbers(Numbers& numbers, int n, int round) {
  const float size = std::exp(numbers.between(-20, 9));
  auto x = numbers.floats(static_cast<std::size_t>(n), -size, size);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (round % 6 == 1) x[i] = i % 2 == 0 ? 0.0f : -0.0f;
    if (round % 6 == 2) x[i] = -size;
    if (round % 6 == 3 && i == 5) x[i] = 100.0f * size;
    if (round % 6 == 4) x[i] = static_cast<float>(static_cast<int>(i % 31) - 15) * 0.5f * size;
  }
  return x;
}

double squares(const std::vector<float>& x) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * v;
  return sum;
}

// The basis from its definition: the sign of i and j is the parity of the bits that they share.
std::vector<double> turned_slowly(const std::vector<float>& x) {
  const int n = static_cast<int>(x.size()), block = turned_block(n);
  std::vector<double> out(x.size());
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < block; ++j)
      out[static_cast<std::size_t>(i)] += x[static_cast<std::size_t>(i / block * block + j)] *
                                          (__builtin_parity(static_cast<unsigned>(i % block & j)) ? -1 : 1) /
                                          std::sqrt(block);
  return out;
}

TEST_P(TurnedTest, encoding_gives_the_same_bytes_everywhere_within_the_bound_and_writes_its_own_only) {
  Numbers numbers(1);
  for (const int n : kLengths)
    for (int round = 0; round < 30; ++round) {
      SCOPED_TRACE(std::to_string(n) + " " + std::to_string(round));
      const auto x = hard_numbers(numbers, n, round);
      const std::size_t offset = static_cast<std::size_t>(round % 4);  // no alignment is promised
      Bytes got(offset + row_bytes<RowQ4>(n) + 1, std::byte{0x5A}), expected = got;
      k.rows_q4.encode(got.data() + offset, x.data(), n);
      scalar.rows_q4.encode(expected.data() + offset, x.data(), n);
      ASSERT_EQ(got, expected);
      ASSERT_EQ(got.back(), std::byte{0x5A});
      std::vector<float> back(x.size() + 1, 7.0f), back_scalar = back;
      k.rows_q4.decode(back.data(), got.data() + offset, n);
      scalar.rows_q4.decode(back_scalar.data(), got.data() + offset, n);
      ASSERT_EQ(back, back_scalar);
      ASSERT_EQ(back.back(), 7.0f);
      back.pop_back();
      double error = 0;
      for (std::size_t i = 0; i < x.size(); ++i) error += std::pow(static_cast<double>(back[i]) - x[i], 2);
      ASSERT_LE(error, 1.00001 * squares(x));
    }
}

// The layout, by hand: levels are where codes say, in the basis of the definition.
TEST_P(TurnedTest, a_row_is_what_its_bits_say) {
  Numbers numbers(2);
  for (const int n : kLengths) {
    Bytes row(row_bytes<RowQ4>(n));
    for (std::byte& b : row) b = static_cast<std::byte>(numbers.byte());
    put_half(row.data() + row.size() - 2, f32_to_f16(0.75f));
    std::vector<float> levels(static_cast<std::size_t>(n)), got(levels.size());
    for (int i = 0; i < n; ++i) {
      const int code = std::to_integer<int>(row[static_cast<std::size_t>(i / 2)]) >> i % 2 * 4 & 15;
      levels[static_cast<std::size_t>(i)] = (code < 8 ? 0.75f : -0.75f) * kSize[code % 8];
    }
    k.rows_q4.decode(got.data(), row.data(), n);
    const std::vector<double> expected = turned_slowly(levels);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5) << n << " " << i;
  }
}

TEST_P(TurnedTest, what_is_not_a_number_gives_a_row_of_numbers) {
  for (const int n : {5, 40, 64})
    for (const float strange :
         {NAN, -NAN, INFINITY, -INFINITY, std::numeric_limits<float>::denorm_min(), 1e30f, 3e38f}) {
      std::vector<float> x(static_cast<std::size_t>(n), 0.25f);
      x[1] = x[4] = strange;
      Bytes row(row_bytes<RowQ4>(n)), expected = row;
      k.rows_q4.encode(row.data(), x.data(), n);
      scalar.rows_q4.encode(expected.data(), x.data(), n);
      EXPECT_EQ(row, expected) << strange;
      k.rows_q4.decode(x.data(), row.data(), n);
      for (const float v : x) EXPECT_TRUE(std::isfinite(v)) << strange;
    }
}

// In place, for any strides: near decoding first, and a query alone gets the bits it gets beside others.
TEST_P(TurnedTest, attention_in_place_is_near_attention_over_decoded_rows) {
  constexpr double kEps = 0x1p-24;
  Numbers numbers(3);
  for (const int n : kLengths)
    for (const int n_keys : {0, 1, 2, 3, 5, 16, 67})
      for (const int n_q : {1, 2, 3, 5}) {
        SCOPED_TRACE(std::to_string(n) + " " + std::to_string(n_keys) + " " + std::to_string(n_q));
        const RowKernels& rows = k.rows_q4;
        const int q_stride = n + 3, stride = n_keys + 2;
        const std::size_t bytes = row_bytes<RowQ4>(n) + 1, dim = static_cast<std::size_t>(n);
        Bytes keys(1 + static_cast<std::size_t>(n_keys) * bytes);
        std::vector<std::vector<float>> key(static_cast<std::size_t>(n_keys));
        for (std::size_t j = 0; j < key.size(); ++j) {
          rows.encode(keys.data() + 1 + j * bytes, numbers.floats(dim).data(), n);
          key[j].resize(dim);
          rows.decode(key[j].data(), keys.data() + 1 + j * bytes, n);
        }
        const auto q = numbers.floats(static_cast<std::size_t>(n_q * q_stride));
        const auto p = numbers.floats(static_cast<std::size_t>(n_q * stride), 0, 1);
        std::vector<float> scores(static_cast<std::size_t>(n_q * stride), 7.0f), alone(scores);
        const auto out = numbers.floats(static_cast<std::size_t>(n_q * q_stride));
        auto mixed = out, mixed_alone = out;
        rows.scores(scores.data(), stride, q.data(), q_stride, n_q, keys.data() + 1, bytes, n_keys, n, 0.3f);
        rows.mix(mixed.data(), q_stride, p.data(), stride, n_q, keys.data() + 1, bytes, n_keys, n);
        for (int r = 0; r < n_q; ++r) {
          rows.scores(alone.data() + r * stride, stride, q.data() + r * q_stride, q_stride, 1,
                      keys.data() + 1, bytes, n_keys, n, 0.3f);
          rows.mix(mixed_alone.data() + r * q_stride, q_stride, p.data() + r * stride, stride, 1,
                   keys.data() + 1, bytes, n_keys, n);
        }
        ASSERT_EQ(scores, alone);
        ASSERT_EQ(mixed, mixed_alone);
        for (std::size_t r = 0; r < static_cast<std::size_t>(n_q); ++r) {
          const float* query = q.data() + r * static_cast<std::size_t>(q_stride);
          const std::size_t at = r * static_cast<std::size_t>(stride),
                            to = r * static_cast<std::size_t>(q_stride);
          for (std::size_t j = 0; j < key.size(); ++j) {
            double dot = 0;
            for (std::size_t i = 0; i < dim; ++i) dot += static_cast<double>(query[i]) * key[j][i];
            const double sizes = std::sqrt(squares({query, query + n}) * squares(key[j]));
            ASSERT_NEAR(scores[at + j], 0.3 * dot, 0.3 * 8 * kEps * std::sqrt(n) * sizes + 1e-9);
          }
          for (std::size_t j = key.size(); j < static_cast<std::size_t>(stride); ++j)
            ASSERT_EQ(scores[at + j], 7.0f);
          double sizes = 0;
          for (std::size_t j = 0; j < key.size(); ++j) sizes += p[at + j] * std::sqrt(squares(key[j]));
          for (std::size_t i = 0; i < static_cast<std::size_t>(q_stride); ++i) {
            double sum = out[to + i];
            for (std::size_t j = 0; i < dim && j < key.size(); ++j)
              sum += static_cast<double>(p[at + j]) * key[j][i];
            const double off = i < dim ? 8 * kEps * (n + n_keys) * sizes + 2 * kEps : 0.0;
            ASSERT_NEAR(mixed[to + i], sum, off);
          }
        }
      }
}

// A page that may not be touched lies right behind each row.
TEST_P(TurnedTest, nothing_behind_a_row_is_touched) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* pages = static_cast<std::byte*>(
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(mprotect(pages + page, page, PROT_NONE), 0);
  Numbers numbers(4);
  for (const int n : kLengths)
    for (const int n_q : {1, 2, 3}) {
      const auto x = numbers.floats(static_cast<std::size_t>(n * n_q));
      const std::size_t bytes = row_bytes<RowQ4>(n);
      std::byte* rows = pages + page - 2 * bytes;
      for (int j = 0; j < 2; ++j) k.rows_q4.encode(rows + static_cast<std::size_t>(j) * bytes, x.data(), n);
      std::vector<float> out(static_cast<std::size_t>(n * n_q)),
          scores(static_cast<std::size_t>(2 * n_q), 1.0f);
      k.rows_q4.decode(out.data(), rows + bytes, n);
      k.rows_q4.scores(scores.data(), 2, x.data(), n, n_q, rows, bytes, 2, n, 1.0f);
      k.rows_q4.mix(out.data(), n, scores.data(), 2, n_q, rows, bytes, 2, n);
      for (int r = 0; r < n_q; ++r)
        ASSERT_EQ(scores[static_cast<std::size_t>(2 * r)], scores[static_cast<std::size_t>(2 * r + 1)]);
    }
  munmap(pages, 2 * page);
}

}  // namespace
}  // namespace shrike
