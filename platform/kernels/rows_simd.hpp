#pragma once

#include <cstring>

#include "platform/kernels/dot_simd.hpp"
#include "platform/kernels/install.hpp"
#include "platform/kernels/rows.hpp"

namespace shrike {
namespace {

// Groups become numbers in registers and are used there. Every sum runs in the order of the kernels for f32
// rows, so that reading in place and decoding first give the same bits. `Set` brings what a group needs.
template <class Set>
inline constexpr int kGroupParts = kRowGroup / Set::kWidth;

// A short group, filled up with zeros: its numbers beyond n are any.
template <class Set>
inline void unpack_short(const std::byte* group, int n,
                         typename Set::Vec (&part)[kGroupParts<Set>]) noexcept {
  std::byte whole[group_bytes()] = {};
  std::memcpy(whole, group, static_cast<std::size_t>(group_bytes(n)));
  Set::unpack(whole, part);
}

template <class Set>
void decode(float* out, const std::byte* row, int n) noexcept {
  typename Set::Vec part[kGroupParts<Set>];
  for (; n >= kRowGroup; n -= kRowGroup, out += kRowGroup, row += group_bytes()) {
    Set::unpack(row, part);
    for (int s = 0; s < kGroupParts<Set>; ++s) Set::store(out + s * Set::kWidth, part[s]);
  }
  if (n <= 0) return;
  unpack_short<Set>(row, n, part);
  float numbers[kRowGroup];
  for (int s = 0; s < kGroupParts<Set>; ++s) Set::store(numbers + s * Set::kWidth, part[s]);
  std::memcpy(out, numbers, static_cast<std::size_t>(n) * sizeof(float));
}

// One group of 32; a short one is filled up with its first number, which changes neither least nor largest.
template <class Set>
void encode(std::byte* row, const float* x, int n) noexcept {
  for (; n >= kRowGroup; n -= kRowGroup, x += kRowGroup, row += group_bytes()) Set::pack(row, x);
  if (n <= 0) return;
  float numbers[kRowGroup];
  std::byte whole[group_bytes()];
  for (int i = 0; i < kRowGroup; ++i) numbers[i] = i < n ? x[i] : x[0];
  Set::pack(whole, numbers);
  std::memcpy(row, whole, static_cast<std::size_t>(group_bytes(n)));
}

template <class Set, int rows, int keys>
inline void score_tile(float* scores, std::ptrdiff_t score_stride, const float* q, std::ptrdiff_t q_stride,
                       const std::byte* k, std::size_t row_bytes, int head_dim, float scale) noexcept {
  using Vec = typename Set::Vec;
  Vec acc[rows][keys];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < keys; ++c) acc[r][c] = Set::zero();
  int i = 0;
  for (; i + kRowGroup <= head_dim; i += kRowGroup, k += group_bytes())
#pragma GCC unroll 8
    for (int c = 0; c < keys; ++c) {
      Vec part[kGroupParts<Set>];
      Set::unpack(k + static_cast<std::size_t>(c) * row_bytes, part);
#pragma GCC unroll 8
      for (int s = 0; s < kGroupParts<Set>; ++s)
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
          acc[r][c] = Set::fma(Set::load(q + r * q_stride + i + s * Set::kWidth), part[s], acc[r][c]);
    }
  const int rest = head_dim - i;
#pragma GCC unroll 8
  for (int c = 0; rest > 0 && c < keys; ++c) {
    Vec part[kGroupParts<Set>];
    unpack_short<Set>(k + static_cast<std::size_t>(c) * row_bytes, rest, part);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
      for (int s = 0; s * Set::kWidth < rest; ++s) {
        const float* from = q + r * q_stride + i + s * Set::kWidth;
        const int left = rest - s * Set::kWidth;
        acc[r][c] =
            Set::fma(left >= Set::kWidth ? Set::load(from) : load_tail<Set>(from, left), part[s], acc[r][c]);
      }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    float sums[keys];
    sum_tile<Set, keys>(sums, acc[r]);
#pragma GCC unroll 8
    for (int c = 0; c < keys; ++c) scores[r * score_stride + c] = sums[c] * scale;
  }
}

template <class Set, int rows>
inline void score_rows(float* scores, std::ptrdiff_t score_stride, const float* q, std::ptrdiff_t q_stride,
                       const std::byte* k, std::size_t row_bytes, int n_keys, int head_dim,
                       float scale) noexcept {
  constexpr int kKeys = 4;
  int j = 0;
  for (; j + kKeys <= n_keys; j += kKeys)
    score_tile<Set, rows, kKeys>(scores + j, score_stride, q, q_stride,
                                 k + static_cast<std::size_t>(j) * row_bytes, row_bytes, head_dim, scale);
  for (; j < n_keys; ++j)
    score_tile<Set, rows, 1>(scores + j, score_stride, q, q_stride,
                             k + static_cast<std::size_t>(j) * row_bytes, row_bytes, head_dim, scale);
}

template <class Set>
void attn_scores_rows(float* scores, int score_stride, const float* q, int q_stride, int n_q,
                      const std::byte* k, std::size_t row_bytes, int n_keys, int head_dim,
                      float scale) noexcept {
  over_queries(n_q, [&]<int rows>(int r) {
    score_rows<Set, rows>(scores + static_cast<std::ptrdiff_t>(r) * score_stride, score_stride,
                          q + static_cast<std::ptrdiff_t>(r) * q_stride, q_stride, k, row_bytes, n_keys,
                          head_dim, scale);
  });
}

// One group of the outputs of `rows` queries, over all keys, in registers.
template <class Set, int rows>
inline void mix_group(float* out, std::ptrdiff_t out_stride, const float* p, std::ptrdiff_t p_stride,
                      const std::byte* v, std::size_t row_bytes, int n_keys) noexcept {
  using Vec = typename Set::Vec;
  constexpr int kParts = kGroupParts<Set>;
  Vec acc[rows][kParts];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < kParts; ++s) acc[r][s] = Set::load(out + r * out_stride + s * Set::kWidth);
  for (int j = 0; j < n_keys; ++j) {
    Vec part[kParts];
    Set::unpack(v + static_cast<std::size_t>(j) * row_bytes, part);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const Vec weight = Set::all(p[r * p_stride + j]);
#pragma GCC unroll 8
      for (int s = 0; s < kParts; ++s) acc[r][s] = Set::fma(weight, part[s], acc[r][s]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < kParts; ++s) Set::store(out + r * out_stride + s * Set::kWidth, acc[r][s]);
}

template <class Set, int rows>
inline void mix_rows_of(float* out, std::ptrdiff_t out_stride, const float* p, std::ptrdiff_t p_stride,
                        const std::byte* v, std::size_t row_bytes, int n_keys, int head_dim) noexcept {
  int i = 0;
  for (; i + kRowGroup <= head_dim; i += kRowGroup, v += group_bytes())
    mix_group<Set, rows>(out + i, out_stride, p, p_stride, v, row_bytes, n_keys);
  const int rest = head_dim - i;
  if (rest == 0) return;
  float numbers[rows][kRowGroup] = {};
  for (int r = 0; r < rows; ++r)
    std::memcpy(numbers[r], out + r * out_stride + i, static_cast<std::size_t>(rest) * sizeof(float));
  for (int j = 0; j < n_keys; ++j) {
    typename Set::Vec part[kGroupParts<Set>];
    unpack_short<Set>(v + static_cast<std::size_t>(j) * row_bytes, rest, part);
    for (int r = 0; r < rows; ++r)
      for (int s = 0; s * Set::kWidth < rest; ++s) {
        float* to = numbers[r] + s * Set::kWidth;
        Set::store(to, Set::fma(Set::all(p[r * p_stride + j]), part[s], Set::load(to)));
      }
  }
  for (int r = 0; r < rows; ++r)
    std::memcpy(out + r * out_stride + i, numbers[r], static_cast<std::size_t>(rest) * sizeof(float));
}

template <class Set>
void attn_mix_rows(float* out, int out_stride, const float* p, int p_stride, int n_q, const std::byte* v,
                   std::size_t row_bytes, int n_keys, int head_dim) noexcept {
  over_queries(n_q, [&]<int rows>(int r) {
    mix_rows_of<Set, rows>(out + static_cast<std::ptrdiff_t>(r) * out_stride, out_stride,
                           p + static_cast<std::ptrdiff_t>(r) * p_stride, p_stride, v, row_bytes, n_keys,
                           head_dim);
  });
}

template <class Set>
void install_rows(Kernels& k) noexcept {
  k.rows_q8 = {encode<Set>, decode<Set>, attn_scores_rows<Set>, attn_mix_rows<Set>};
}

}  // namespace
}  // namespace shrike
