#pragma once

#include "platform/kernels/dot_simd.hpp"
#include "platform/kernels/install.hpp"
#include "platform/kernels/turned.hpp"

namespace shrike {
namespace {

// Attention never turns rows back: queries are turned instead, and what is summed up is turned back once. All of
// it lies in whole groups, so nothing here has a tail. `Set` brings what a group and a turn need.
constexpr int kWeightKeys = 64;  // whose weights are made ahead

template <class Set>
inline constexpr int kEightParts = RowQ4::kGroup / Set::kWidth;

template <class Set, int block>
inline void turn_block(float* x) noexcept {
  constexpr int kVecs = block / Set::kWidth;
  typename Set::Vec v[kVecs];
#pragma GCC unroll 16
  for (int s = 0; s < kVecs; ++s) v[s] = Set::turn_within(Set::load(x + s * Set::kWidth));
#pragma GCC unroll 4
  for (int h = 1; h < kVecs; h *= 2)
#pragma GCC unroll 16
    for (int s = 0; s < kVecs; ++s) {
      if ((s & h) != 0) continue;
      const typename Set::Vec a = v[s], b = v[s + h];
      v[s] = Set::add(a, b);
      v[s + h] = Set::sub(a, b);
    }
  const typename Set::Vec norm = Set::all(turned_norm(block));
#pragma GCC unroll 16
  for (int s = 0; s < kVecs; ++s) Set::store(x + s * Set::kWidth, Set::mul(v[s], norm));
}

template <class Set>
struct Turned : Set {
  [[gnu::noinline]] static void turn(float* x, int n) noexcept {
    const auto blocks = [&]<int block>() {
      for (int i = 0; i < n; i += block) turn_block<Set, block>(x + i);
    };
    static_assert(kTurnedBlockMax == 64);
    switch (turned_block(n)) {
      case 64:
        return blocks.template operator()<64>();
      case 32:
        return blocks.template operator()<32>();
      case 16:
        return blocks.template operator()<16>();
      case 8:
        return blocks.template operator()<8>();
      default:
        turn_numbers(x, n);
    }
  }
};

// Codes of the row's own size. Products are rounded before they are added, as everywhere.
template <class Set>
void encode(std::byte* row, const float* x, int n) noexcept {
  using Vec = typename Set::Vec;
  constexpr int kParts = kEightParts<Set>;
  float turned[kTurnedMax], lanes[8], bounds[kBounds], with_size[8], size_squared[8];
  turn_into<Turned<Set>>(turned, x, n);
  Vec squares[kParts], with[kParts], size_square[kParts];
  for (int s = 0; s < kParts; ++s) squares[s] = with[s] = size_square[s] = Set::zero();
  for (int i = 0; i < n; i += RowQ4::kGroup)
    for (int s = 0; s < kParts; ++s) {
      const Vec v = Set::load(turned + i + s * Set::kWidth);
      squares[s] = Set::add(squares[s], Set::mul(v, v));
    }
  for (int s = 0; s < kParts; ++s) Set::store(lanes + s * Set::kWidth, squares[s]);
  put_bounds(bounds, sum_lanes(lanes), n);
  int i = 0;
  for (; i + RowQ4::kGroup <= n; i += RowQ4::kGroup) {
    Vec size[kParts];
    const std::uint32_t codes = Set::codes(turned + i, bounds, size);
    std::memcpy(row + i / RowQ4::kGroup * RowQ4::kGroupBytes, &codes, RowQ4::kGroupBytes);
    for (int s = 0; s < kParts; ++s) {
      const Vec v = Set::load(turned + i + s * Set::kWidth);
      with[s] = Set::add(with[s], Set::mul(Set::size(v), size[s]));
      size_square[s] = Set::add(size_square[s], Set::mul(size[s], size[s]));
    }
  }
  for (int s = 0; s < kParts; ++s) {
    Set::store(with_size + s * Set::kWidth, with[s]);
    Set::store(size_squared + s * Set::kWidth, size_square[s]);
  }
  finish_row(row, turned, i, n, bounds, with_size, size_squared);
}

template <class Set>
void decode(float* out, const std::byte* row, int n) noexcept {
  float turned[kTurnedMax];
  const typename Set::Vec d = Set::all(Set::number(half_at(scale_of(row, n))));
  for (int g = 0; g < RowQ4::n_groups(n); ++g) {
    typename Set::Vec part[kEightParts<Set>];
    Set::levels(row + g * RowQ4::kGroupBytes, part);
    for (int s = 0; s < kEightParts<Set>; ++s)
      Set::store(turned + g * RowQ4::kGroup + s * Set::kWidth, Set::mul(d, part[s]));
  }
  Turned<Set>::turn(turned, n);
  std::copy_n(turned, n, out);
}

template <class Set, int rows, int keys>
inline void score_tile(float* scores, std::ptrdiff_t score_stride, const float (*q)[kTurnedMax],
                       const std::byte* k, std::size_t row_bytes, int head_dim, float scale) noexcept {
  using Vec = typename Set::Vec;
  Vec acc[rows][keys];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < keys; ++c) acc[r][c] = Set::zero();
  for (int g = 0; g < RowQ4::n_groups(head_dim); ++g)
#pragma GCC unroll 8
    for (int c = 0; c < keys; ++c) {
      Vec part[kEightParts<Set>];
      Set::levels(k + static_cast<std::size_t>(c) * row_bytes + g * RowQ4::kGroupBytes, part);
#pragma GCC unroll 8
      for (int s = 0; s < kEightParts<Set>; ++s)
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
          acc[r][c] = Set::fma(Set::load(q[r] + g * RowQ4::kGroup + s * Set::kWidth), part[s], acc[r][c]);
    }
  float d[keys];
  for (int c = 0; c < keys; ++c)
    d[c] = Set::number(half_at(scale_of(k + static_cast<std::size_t>(c) * row_bytes, head_dim))) * scale;
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    float sums[keys];
    sum_tile<Set, keys>(sums, acc[r]);
    for (int c = 0; c < keys; ++c) scores[r * score_stride + c] = sums[c] * d[c];
  }
}

template <class Set, int rows>
inline void score_rows(float* scores, std::ptrdiff_t score_stride, const float* q, std::ptrdiff_t q_stride,
                       const std::byte* k, std::size_t row_bytes, int n_keys, int head_dim,
                       float scale) noexcept {
  constexpr int kKeys = 4;
  float turned[rows][kTurnedMax];
  for (int r = 0; r < rows; ++r) turn_into<Turned<Set>>(turned[r], q + r * q_stride, head_dim);
  int j = 0;
  for (; j + kKeys <= n_keys; j += kKeys, k += kKeys * row_bytes)
    score_tile<Set, rows, kKeys>(scores + j, score_stride, turned, k, row_bytes, head_dim, scale);
  for (; j < n_keys; ++j, k += row_bytes)
    score_tile<Set, rows, 1>(scores + j, score_stride, turned, k, row_bytes, head_dim, scale);
}

template <class Set>
void attn_scores_turned(float* scores, int score_stride, const float* q, int q_stride, int n_q,
                        const std::byte* k, std::size_t row_bytes, int n_keys, int head_dim,
                        float scale) noexcept {
  over_queries(n_q, [&]<int rows>(int r) {
    score_rows<Set, rows>(scores + static_cast<std::ptrdiff_t>(r) * score_stride, score_stride,
                          q + static_cast<std::ptrdiff_t>(r) * q_stride, q_stride, k, row_bytes, n_keys,
                          head_dim, scale);
  });
}

// Some groups of the turned sums of `rows` queries, over n_keys keys, in registers.
template <class Set, int rows, int groups>
inline void mix_groups(float (*sum)[kTurnedMax], const float (*weight)[kWeightKeys], const std::byte* v,
                       std::size_t row_bytes, int n_keys, int group) noexcept {
  using Vec = typename Set::Vec;
  constexpr int kParts = kEightParts<Set>;
  Vec acc[rows][groups * kParts];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < groups * kParts; ++s)
      acc[r][s] = Set::load(sum[r] + group * RowQ4::kGroup + s * Set::kWidth);
  v += group * RowQ4::kGroupBytes;
  for (int j = 0; j < n_keys; ++j, v += row_bytes)
#pragma GCC unroll 8
    for (int g = 0; g < groups; ++g) {
      Vec part[kParts];
      Set::levels(v + g * RowQ4::kGroupBytes, part);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
        for (int s = 0; s < kParts; ++s)
          acc[r][g * kParts + s] = Set::fma(Set::all(weight[r][j]), part[s], acc[r][g * kParts + s]);
    }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < groups * kParts; ++s)
      Set::store(sum[r] + group * RowQ4::kGroup + s * Set::kWidth, acc[r][s]);
}

template <class Set, int rows>
inline void mix_rows_of(float* out, std::ptrdiff_t out_stride, const float* p, std::ptrdiff_t p_stride,
                        const std::byte* v, std::size_t row_bytes, int n_keys, int head_dim) noexcept {
  constexpr int kGroups = 3;  // times three rows of sums
  float sum[rows][kTurnedMax], weight[rows][kWeightKeys];
  const int n_groups = RowQ4::n_groups(head_dim);
  for (int r = 0; r < rows; ++r) std::fill_n(sum[r], n_groups * RowQ4::kGroup, 0.0f);
  for (int begin = 0; begin < n_keys; begin += kWeightKeys) {
    const int n = std::min(n_keys - begin, kWeightKeys);
    const std::byte* from = v + static_cast<std::size_t>(begin) * row_bytes;
    for (int j = 0; j < n; ++j) {
      const float d =
          Set::number(half_at(scale_of(from + static_cast<std::size_t>(j) * row_bytes, head_dim)));
      for (int r = 0; r < rows; ++r) weight[r][j] = p[r * p_stride + begin + j] * d;
    }
    int g = 0;
    for (; g + kGroups <= n_groups; g += kGroups)
      mix_groups<Set, rows, kGroups>(sum, weight, from, row_bytes, n, g);
    if (n_groups - g == 2) mix_groups<Set, rows, 2>(sum, weight, from, row_bytes, n, g);
    if (n_groups - g == 1) mix_groups<Set, rows, 1>(sum, weight, from, row_bytes, n, g);
  }
  for (int r = 0; r < rows; ++r) {
    Turned<Set>::turn(sum[r], head_dim);
    for (int i = 0; i < head_dim; ++i) out[r * out_stride + i] += sum[r][i];
  }
}

template <class Set>
void attn_mix_turned(float* out, int out_stride, const float* p, int p_stride, int n_q, const std::byte* v,
                     std::size_t row_bytes, int n_keys, int head_dim) noexcept {
  over_queries(n_q, [&]<int rows>(int r) {
    mix_rows_of<Set, rows>(out + static_cast<std::ptrdiff_t>(r) * out_stride, out_stride,
                           p + static_cast<std::ptrdiff_t>(r) * p_stride, p_stride, v, row_bytes, n_keys,
                           head_dim);
  });
}

template <class Set>
void install_turned(Kernels& k) noexcept {
  k.rows_q4 = {encode<Set>, decode<Set>, attn_scores_turned<Set>, attn_mix_turned<Set>};
}

}  // namespace
}  // namespace shrike
