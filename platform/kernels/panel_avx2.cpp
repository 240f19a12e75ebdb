#include <immintrin.h>

#include "platform/kernels/install.hpp"
#include "platform/kernels/panel.hpp"

namespace shrike {
namespace {

constexpr PanelForm kForm = panel_form<Wide>();
constexpr int kVecs = Wide::kOuts / 8;

__m256 magnitude(__m256 v) noexcept { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }

float largest_of(__m256 v) noexcept {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

// n <= 128 numbers as integers, filled up with zeros to a multiple of 16; their scale. NaN is passed over by
// max, its operands in this order.
float round_block(std::int16_t* q, const float* x, int n) noexcept {
  __m256 largest = _mm256_setzero_ps();
  int i = 0;
  for (; i + 8 <= n; i += 8) largest = _mm256_max_ps(magnitude(_mm256_loadu_ps(x + i)), largest);
  float tail[16] = {};
  const int n_whole = n / 16 * 16;
  if (n_whole < n) {
    std::memcpy(tail, x + n_whole, static_cast<std::size_t>(n - n_whole) * sizeof(float));
    for (int t = 0; t < 16; t += 8) largest = _mm256_max_ps(magnitude(_mm256_loadu_ps(tail + t)), largest);
  }
  const float most = largest_of(largest);
  const __m256 inverse = _mm256_set1_ps(inverse_of<Wide>(most));
  const auto put = [&](int at, const float* from) {
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from), inverse));
    const __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from + 8), inverse));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + at),
                        _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8));
  };
  for (i = 0; i < n_whole; i += 16) put(i, x + i);
  if (n_whole < n) put(n_whole, tail);
  return scale_of<Wide>(most);
}

void pack_row(std::byte* row, const float* x, int n_in) noexcept {
  for (int k = 0; k < n_in; k += Wide::kDepth) {
    const int n = n_in - k < Wide::kDepth ? n_in - k : Wide::kDepth;
    std::int16_t q[Wide::kDepth];
    const float scale = round_block(q, x + k, n);
    const std::size_t bytes = kForm.numbers_bytes(n);
    std::memcpy(row, q, bytes);
    put_scale(row + bytes, scale);
    row += bytes + sizeof(float);
  }
}

// Eight rows of eight pairs become eight columns.
void turn(const std::int16_t* from, std::byte* to) noexcept {
  __m256i r[8], s[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i)
    r[i] = _mm256_load_si256(reinterpret_cast<const __m256i*>(from + i * Wide::kDepth));
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    s[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_unpacklo_epi64(s[i], s[i + 2]);
    r[i + 1] = _mm256_unpackhi_epi64(s[i], s[i + 2]);
    r[i + 2] = _mm256_unpacklo_epi64(s[i + 1], s[i + 3]);
    r[i + 3] = _mm256_unpackhi_epi64(s[i + 1], s[i + 3]);
  }
  const auto put = [&](int pair, __m256i v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + pair * Wide::kOuts * 4), v);
  };
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    put(i, _mm256_permute2x128_si256(r[i], r[i + 4], 0x20));
    put(i + 4, _mm256_permute2x128_si256(r[i], r[i + 4], 0x31));
  }
}

void pack_outs(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  alignas(32) std::int16_t q[Wide::kOuts][Wide::kDepth] = {};
  const int n_pairs = (n + 1) / 2;
  std::byte* scales = block + static_cast<std::size_t>(n_pairs * Wide::kOuts) * 4;
  for (int out = 0; out < Wide::kOuts; ++out)
    put_scale(scales + out * 4, out < n_outs ? round_block(q[out], w + out * stride, n) : 0.0f);
  int pair = 0;
  for (; pair + 8 <= n_pairs; pair += 8)
    for (int out = 0; out < Wide::kOuts; out += 8)
      turn(&q[out][2 * pair], block + (pair * Wide::kOuts + out) * 4);
  for (; pair < n_pairs; ++pair)
    for (int out = 0; out < Wide::kOuts; ++out)
      std::memcpy(block + (pair * Wide::kOuts + out) * 4, &q[out][2 * pair], 4);
}

__m256 load_some(const float* x, int n) noexcept {
  if (n >= 8) return _mm256_loadu_ps(x);
  alignas(32) float some[8] = {};
  for (int i = 0; i < n; ++i) some[i] = x[i];
  return _mm256_load_ps(some);
}

void pack_columns(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  const int n_pairs = (n + 1) / 2;
  std::byte* scales = block + static_cast<std::size_t>(n_pairs * Wide::kOuts) * 4;
  for (int out = 0; out < Wide::kOuts; out += 8) {
    const int n_here = n_outs - out;
    __m256 largest = _mm256_setzero_ps();
    for (int k = 0; k < n; ++k)
      largest = _mm256_max_ps(magnitude(load_some(w + k * stride + out, n_here)), largest);
    alignas(32) float inverse[8];
    _mm256_store_ps(inverse, largest);
    for (int i = 0; i < 8; ++i) {
      put_scale(scales + (out + i) * 4, scale_of<Wide>(inverse[i]));
      inverse[i] = inverse_of<Wide>(inverse[i]);
    }
    const __m256 factor = _mm256_load_ps(inverse);
    const auto integers = [&](int k) {
      if (k >= n) return _mm256_setzero_si256();
      return _mm256_cvtps_epi32(_mm256_mul_ps(load_some(w + k * stride + out, n_here), factor));
    };
    for (int pair = 0; pair < n_pairs; ++pair)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(block + (pair * Wide::kOuts + out) * 4),
          _mm256_blend_epi16(integers(2 * pair), _mm256_slli_epi32(integers(2 * pair + 1), 16), 0xaa));
  }
}

// Sums of `rows` rows and one strip. The empty statement keeps each sum in one register; without it the
// compiler copies them about.
template <int rows>
void tile(float (*sums)[Wide::kOuts], const std::byte* strip, const std::byte* x, std::size_t x_stride,
          int n_in) noexcept {
  for (int k = 0; k < n_in; k += Wide::kDepth) {
    const int n_pairs = (n_in - k < Wide::kDepth ? n_in - k + 1 : Wide::kDepth) / 2;
    __m256i dots[rows][kVecs];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) dots[r][v] = _mm256_setzero_si256();
    for (int pair = 0; pair < n_pairs; ++pair) {
      __m256i w[kVecs];
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v)
        w[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(strip + pair * Wide::kOuts * 4) + v);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        const __m256i a = _mm256_castps_si256(_mm256_broadcast_ss(
            reinterpret_cast<const float*>(x + static_cast<std::size_t>(r) * x_stride + pair * 4)));
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) {
          dots[r][v] = _mm256_add_epi32(dots[r][v], _mm256_madd_epi16(a, w[v]));
          asm("" : "+x"(dots[r][v]));
        }
      }
    }
    strip += static_cast<std::size_t>(n_pairs * Wide::kOuts) * 4;
    x += static_cast<std::size_t>(n_pairs) * 4;
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const __m256 x_scale = _mm256_set1_ps(scale_at(x + static_cast<std::size_t>(r) * x_stride));
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) {
        const __m256 scale =
            _mm256_mul_ps(_mm256_loadu_ps(reinterpret_cast<const float*>(strip) + 8 * v), x_scale);
        float* sum = sums[r] + 8 * v;
        _mm256_storeu_ps(sum, _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r][v]), scale, _mm256_loadu_ps(sum)));
      }
    }
    strip += Wide::kOuts * sizeof(float);
    x += sizeof(float);
  }
}

void finish_whole(const PanelTask& t, int row, int out, const float* sums) noexcept {
  float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
  for (int v = 0; v < kVecs; ++v) {
    __m256 sum = _mm256_loadu_ps(sums + 8 * v);
    if (t.bias != nullptr) sum = _mm256_add_ps(sum, _mm256_loadu_ps(t.bias + out + 8 * v));
    if (t.accumulate) sum = _mm256_add_ps(_mm256_loadu_ps(y + 8 * v), sum);
    _mm256_storeu_ps(y + 8 * v, sum);
  }
}

template <int rows>
void over_strips(const PanelTask& t, int row) noexcept {
  const std::size_t row_bytes = kForm.row_bytes(t.n_in);
  for (int out = 0; out < t.n_outs; out += Wide::kOuts) {
    alignas(32) float sums[rows][Wide::kOuts] = {};
    tile<rows>(sums, t.panel + static_cast<std::size_t>(out / Wide::kOuts) * kForm.strip_bytes(t.n_in),
               t.rows + static_cast<std::size_t>(row) * row_bytes, row_bytes, t.n_in);
    for (int r = 0; r < rows; ++r)
      if (t.n_outs - out >= Wide::kOuts)
        finish_whole(t, row + r, out, sums[r]);
      else
        finish(t, row + r, out, t.n_outs - out, sums[r]);
  }
}

void multiply(const PanelTask& t) noexcept {
  int row = 0;
  for (; row + 3 <= t.n_rows; row += 3) over_strips<3>(t, row);
  if (t.n_rows - row == 2) over_strips<2>(t, row);
  if (t.n_rows - row == 1) over_strips<1>(t, row);
}

}  // namespace
}  // namespace shrike

void shrike::install_panel_avx2(Kernels& k) noexcept {
  k.wide = {kForm, true, pack_row, pack_outs, pack_columns, multiply};
}
