#pragma once

#include <cmath>
#include <xsimd/xsimd.hpp>

#include "platform/kernels/dot_simd.hpp"
#include "platform/kernels/exp_simd.hpp"
#include "platform/kernels/install.hpp"
#include "platform/kernels/row_evidence.hpp"

namespace shrike {
namespace {

// A block of keys is a small matrix. Four keys at a time, so that four sums become one register at once; every
// score is summed as in products with weights, in the same order whatever is asked for beside it.
template <class Lanes, int rows, int keys, class T>
inline void score_tile(float* scores, std::ptrdiff_t score_stride, const float* q, std::ptrdiff_t q_stride,
                       const T* k, std::ptrdiff_t k_stride, int head_dim, float scale) noexcept {
  typename Lanes::Vec acc[rows][keys];
  dot_tile<Lanes, rows, keys>(acc, q, q_stride, k, k_stride, head_dim);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    float sums[keys];
    sum_tile<Lanes, keys>(sums, acc[r]);
#pragma GCC unroll 4
    for (int c = 0; c < keys; ++c) scores[r * score_stride + c] = sums[c] * scale;
  }
}

template <class Lanes, int rows, class T>
inline void score_rows(float* scores, std::ptrdiff_t score_stride, const float* q, std::ptrdiff_t q_stride,
                       const T* k, std::ptrdiff_t k_stride, int n_keys, int head_dim, float scale) noexcept {
  int key = 0;
  for (; key + 4 <= n_keys; key += 4)
    score_tile<Lanes, rows, 4>(scores + key, score_stride, q, q_stride, k + key * k_stride, k_stride,
                               head_dim, scale);
  for (; key < n_keys; ++key)
    score_tile<Lanes, rows, 1>(scores + key, score_stride, q, q_stride, k + key * k_stride, k_stride,
                               head_dim, scale);
}

template <class Lanes, class T>
void attn_scores(float* scores, int score_stride, const float* q, int q_stride, int n_q, const T* k,
                 int k_stride, int n_keys, int head_dim, float scale) noexcept {
  over_queries(n_q, [&]<int rows>(int r) {
    score_rows<Lanes, rows>(scores + static_cast<std::ptrdiff_t>(r) * score_stride, score_stride,
                            q + static_cast<std::ptrdiff_t>(r) * q_stride, q_stride, k, k_stride, n_keys,
                            head_dim, scale);
  });
}

// A strip of `parts` registers of the outputs of `rows` queries, over all keys, in registers.
template <class Lanes, int rows, int parts, class T>
inline void mix_strip(float* out, std::ptrdiff_t out_stride, const float* p, std::ptrdiff_t p_stride,
                      const T* v, std::ptrdiff_t v_stride, int n_keys) noexcept {
  typename Lanes::Vec acc[rows][parts];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < parts; ++s) acc[r][s] = Lanes::load(out + r * out_stride + s * Lanes::kWidth);
  for (int j = 0; j < n_keys; ++j) {
    typename Lanes::Vec value[parts];
#pragma GCC unroll 8
    for (int s = 0; s < parts; ++s) value[s] = Lanes::load(v + j * v_stride + s * Lanes::kWidth);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const auto weight = Lanes::all(p[r * p_stride + j]);
#pragma GCC unroll 8
      for (int s = 0; s < parts; ++s) {
        acc[r][s] = Lanes::fma(weight, value[s], acc[r][s]);
        Lanes::stay(acc[r][s]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < parts; ++s) Lanes::store(out + r * out_stride + s * Lanes::kWidth, acc[r][s]);
}

template <class Lanes, int rows, class T>
inline void mix_rows(float* out, std::ptrdiff_t out_stride, const float* p, std::ptrdiff_t p_stride,
                     const T* v, std::ptrdiff_t v_stride, int n_keys, int head_dim) noexcept {
  constexpr int kParts = rows <= 3 ? 4 : 2;
  int i = 0;
  for (; i + kParts * Lanes::kWidth <= head_dim; i += kParts * Lanes::kWidth)
    mix_strip<Lanes, rows, kParts>(out + i, out_stride, p, p_stride, v + i, v_stride, n_keys);
  for (; i + Lanes::kWidth <= head_dim; i += Lanes::kWidth)
    mix_strip<Lanes, rows, 1>(out + i, out_stride, p, p_stride, v + i, v_stride, n_keys);
  const int rest = head_dim - i;
  if (rest == 0) return;
  for (int r = 0; r < rows; ++r) {
    auto acc = load_tail<Lanes>(out + r * out_stride + i, rest);
    for (int j = 0; j < n_keys; ++j)
      acc = Lanes::fma(Lanes::all(p[r * p_stride + j]), load_tail<Lanes>(v + j * v_stride + i, rest), acc);
    float padded[Lanes::kWidth];
    Lanes::store(padded, acc);
    std::memcpy(out + r * out_stride + i, padded, static_cast<std::size_t>(rest) * sizeof(float));
  }
}

template <class Lanes, class T>
void attn_mix(float* out, int out_stride, const float* p, int p_stride, int n_q, const T* v, int v_stride,
              int n_keys, int head_dim) noexcept {
  const auto tile = [&]<int rows>(int r) {
    mix_rows<Lanes, rows>(out + static_cast<std::ptrdiff_t>(r) * out_stride, out_stride,
                          p + static_cast<std::ptrdiff_t>(r) * p_stride, p_stride, v, v_stride, n_keys,
                          head_dim);
  };
  int r = 0;
  for (; r + 4 <= n_q; r += 4) tile.template operator()<4>(r);
  if (n_q - r == 3) tile.template operator()<3>(r);
  if (n_q - r == 2) tile.template operator()<2>(r);
  if (n_q - r == 1) tile.template operator()<1>(r);
}

// The row in registers; the last one is filled up with `pad`. each(Vec, index)
template <class Vec, class Each>
inline void over_row(const float* row, int n, float pad, Each each) noexcept {
  constexpr int kWidth = static_cast<int>(Vec::size);
  int i = 0;
  for (; i + kWidth <= n; i += kWidth) each(Vec::load_unaligned(row + i), i);
  if (i == n) return;
  alignas(64) float padded[kWidth];
  for (int l = 0; l < kWidth; ++l) padded[l] = i + l < n ? row[i + l] : pad;
  each(Vec::load_aligned(padded), i);
}

template <class Vec>
inline void store_part(float* row, int i, int n, Vec v) noexcept {
  constexpr int kWidth = static_cast<int>(Vec::size);
  if (i + kWidth <= n) return v.store_unaligned(row + i);
  alignas(64) float padded[kWidth];
  v.store_aligned(padded);
  for (int l = 0; i + l < n; ++l) row[i + l] = padded[l];
}

template <class Vec>
inline float largest_lane(Vec v) noexcept {
  alignas(64) float lane[Vec::size];
  v.store_aligned(lane);
  float largest = lane[0];
  for (std::size_t l = 1; l < Vec::size; ++l) largest = lane[l] > largest ? lane[l] : largest;
  return largest;
}

template <class Vec>
inline float lane_sum(Vec v) noexcept {
  alignas(64) float lane[Vec::size];
  v.store_aligned(lane);
  float sum = 0.0f;
  for (std::size_t l = 0; l < Vec::size; ++l) sum += lane[l];
  return sum;
}

template <class Vec>
inline void scale_row(float* row, int n, float factor) noexcept {
  over_row<Vec>(row, n, 0.0f, [&](Vec e, int i) { store_part(row, i, n, e * Vec(factor)); });
}

// The row's registers one by one into `ways` values that do not wait for each other, kept in registers themselves as
// what a lambda refers to would not be; then those into one.
template <class Vec, int ways, class Each, class Join>
[[gnu::always_inline]] inline Vec fold_row(const float* row, int n, float pad, float start, Each each,
                                           Join join) noexcept {
  constexpr int kWidth = static_cast<int>(Vec::size);
  Vec all[ways];
#pragma GCC unroll 4
  for (Vec& one : all) one = Vec(start);
  int i = 0;
  for (; i + ways * kWidth <= n; i += ways * kWidth)
#pragma GCC unroll 4
    for (int w = 0; w < ways; ++w)
      all[w] = each(all[w], Vec::load_unaligned(row + i + w * kWidth), i + w * kWidth);
#pragma GCC unroll 4
  for (int w = 1; w < ways; ++w) all[0] = join(all[0], all[w]);
  over_row<Vec>(row + i, n - i, pad, [&](Vec v, int at) { all[0] = each(all[0], v, i + at); });
  return all[0];
}

template <class Vec>
inline float largest_score(const float* row, int n) noexcept {
  const auto larger = [](Vec a, Vec b) { return xsimd::max(a, b); };
  return largest_lane(fold_row<Vec, 4>(
      row, n, -INFINITY, -INFINITY, [&](Vec m, Vec s, int) { return larger(m, s); }, larger));
}

template <class Set>
float softmax(float* row, int n) noexcept {
  using Vec = typename Set::Vec;
  const float most = largest_score<Vec>(row, n);
  const Vec largest(most);
  const auto add = [&](Vec sum, Vec s, int i) {
    const Vec e = exp<Set>(s - largest);  // 0 where padded
    store_part(row, i, n, e);
    return sum + e;
  };
  const float sum =
      lane_sum(fold_row<Vec, 2>(row, n, -INFINITY, 0.0f, add, [](Vec a, Vec b) { return a + b; }));
  scale_row<Vec>(row, n, 1.0f / sum);
  return most + std::log(sum);
}

// The classes of the slots of one register: true where image. Slots beyond n are of no class: their score is
// padded anyway.
template <class Set>
inline auto image_lanes(const std::uint8_t* modality, int i, int n) noexcept {
  constexpr int kWidth = static_cast<int>(Set::Vec::size);
  if (i + kWidth <= n) return Set::not_zero(modality + i);
  std::uint8_t padded[kWidth] = {};
  std::memcpy(padded, modality + i, static_cast<std::size_t>(n - i));
  return Set::not_zero(padded);
}

// Exponentials of the row, and what they and their products add up to in either class. Far below 0 exponentials are 0
// long before kFar, and 0 times a number is 0, where 0 times the pad is not.
template <class Set>
void softmax_evidence(float* row, const std::uint8_t* modality, int n, RowEvidence* evidence) noexcept {
  using Vec = typename Set::Vec;
  constexpr float kFar = -256.0f;
  const Vec largest(largest_score<Vec>(row, n)), none(0.0f);
  Vec z[2] = {none, none}, u[2] = {none, none};
  over_row<Vec>(row, n, -INFINITY, [&](Vec s, int i) {
    const auto image = image_lanes<Set>(modality, i, n);
    const Vec d = xsimd::max(s - largest, Vec(kFar));
    const Vec e = exp<Set>(d);
    const Vec of_text = Set::drop(image, e), of_image = Set::keep(image, e);
    z[0] = z[0] + of_text;
    z[1] = z[1] + of_image;
    u[0] = Set::fma(of_text, d, u[0]);
    u[1] = Set::fma(of_image, d, u[1]);
    store_part(row, i, n, e);
  });
  const float all_z[2] = {lane_sum(z[0]), lane_sum(z[1])}, all_u[2] = {lane_sum(u[0]), lane_sum(u[1])};
  *evidence = evidence_of(all_z, all_u);
  scale_row<Vec>(row, n, 1.0f / (all_z[0] + all_z[1]));
}

// out[j] += each(p[r][j]) of up to four rows, in ascending order: a column is read and written once for all four,
// and more rows side by side would be more streams than a core fetches ahead.
template <class Vec, int rows, class Each, class One>
inline void add_rows(float* out, const float* p, std::ptrdiff_t stride, int n, Each each, One one) noexcept {
  constexpr int kWidth = static_cast<int>(Vec::size);
  int j = 0;
  for (; j + kWidth <= n; j += kWidth) {
    Vec sum = Vec::load_unaligned(out + j);
    for (int r = 0; r < rows; ++r) sum = sum + each(Vec::load_unaligned(p + r * stride + j));
    sum.store_unaligned(out + j);
  }
  for (; j < n; ++j)
    for (int r = 0; r < rows; ++r) out[j] += one(p[r * stride + j]);
}

template <class Vec, class Each, class One>
inline void add_columns(float* out, const float* p, std::ptrdiff_t stride, int n_rows, int n, Each each,
                        One one) noexcept {
  int r = 0;
  for (; r + 4 <= n_rows; r += 4) add_rows<Vec, 4>(out, p + r * stride, stride, n, each, one);
  for (; r < n_rows; ++r) add_rows<Vec, 1>(out, p + r * stride, stride, n, each, one);
}

template <class Vec>
void column_mass(float* mass, const float* p, int p_stride, int n_rows, int n) noexcept {
  add_columns<Vec>(
      mass, p, p_stride, n_rows, n, [](Vec v) { return v; }, [](float v) { return v; });
}

template <class Set>
void column_votes(float* votes, const float* p, int p_stride, int n_rows, int n, float least) noexcept {
  using Vec = typename Set::Vec;
  const Vec enough(least), vote(1.0f);
  add_columns<Vec>(
      votes, p, p_stride, n_rows, n, [&](Vec v) { return Set::keep(v >= enough, vote); },
      [&](float v) { return v >= least ? 1.0f : 0.0f; });
}

template <class Lanes, class Set>
void install_attention(Kernels& k) noexcept {
  k.attn_scores_f16 = attn_scores<Lanes, f16>;
  k.attn_scores_f32 = attn_scores<Lanes, float>;
  k.attn_mix_f16 = attn_mix<Lanes, f16>;
  k.attn_mix_f32 = attn_mix<Lanes, float>;
  k.softmax = softmax<Set>;
  k.softmax_evidence = softmax_evidence<Set>;
  k.column_mass = column_mass<typename Set::Vec>;
  k.column_votes = column_votes<Set>;
}

}  // namespace
}  // namespace shrike
