#pragma once

#ifdef SHRIKE_SIMDE  // a test runs these bodies, in other instructions, where AVX-512 is missing
#include <simde/x86/avx512.h>
#else
#include <immintrin.h>
#endif

#include "platform/kernels/panel.hpp"

// Rows of numbers as panels take them, with registers of sixteen.
namespace shrike {
namespace {

// Bytes as vpdpbusd multiplies them: weights without sign, raised by 128, times activations with one. What that
// adds, 128 times the sum of a row's block, is taken off beforehand: sums of a block start there.
//
//   row   [n] i8, f32 scale, i32 start
struct Raised : Narrow {
  static constexpr int kRowFacts = 8;
};
constexpr PanelForm kBytes = {Raised::kOuts, Raised::kDepth, Raised::kStep, 1, Raised::kRowFacts};
constexpr PanelForm kWide = panel_form<Wide>();

// Of numbers that are none, max gives its second operand: the largest of the others.
inline __m512 larger_magnitude(__m512 x, __m512 largest) noexcept {
  const __m512i sign = _mm512_set1_epi32(0x7fffffff);
  return _mm512_max_ps(_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), sign)), largest);
}
// Of numbers whose inverse is a number.
inline __mmask16 usable_lanes(__m512 most) noexcept {
  return static_cast<__mmask16>(_mm512_cmp_ps_mask(most, _mm512_set1_ps(kLeast), _CMP_GT_OQ) &
                                _mm512_cmp_ps_mask(most, _mm512_set1_ps(1 / kLeast), _CMP_LT_OQ));
}
template <int order>
inline __m512i turned_fours(__m512i v) noexcept {
  return _mm512_castps_si512(_mm512_shuffle_ps(_mm512_castsi512_ps(v), _mm512_castsi512_ps(v), order));
}
inline __m512 largest_in_fours(__m512 v) noexcept {
  v = _mm512_max_ps(v, _mm512_shuffle_ps(v, v, 0x4e));
  return _mm512_max_ps(v, _mm512_shuffle_ps(v, v, 0xb1));
}
inline float largest_of(__m512 v) noexcept {
  v = _mm512_max_ps(v, _mm512_shuffle_f32x4(v, v, 0x4e));
  v = _mm512_max_ps(v, _mm512_shuffle_f32x4(v, v, 0xb1));
  return _mm_cvtss_f32(_mm512_castps512_ps128(largest_in_fours(v)));
}

// The first n of sixteen numbers, zeros in place of the others.
inline __m512 load_first(const float* x, int n) noexcept {
  if (n >= 16) return _mm512_loadu_ps(x);
  float padded[16] = {};
  if (n > 0) std::memcpy(padded, x, static_cast<std::size_t>(n) * sizeof(float));
  return _mm512_loadu_ps(padded);
}

// A block of n <= 128 numbers of `wide`, in eight registers with zeros behind them.
inline void put_wide(std::byte* row, const __m512 (&x)[8], int n) noexcept {
  __m512 even = _mm512_setzero_ps(), odd = even;
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    even = larger_magnitude(x[i], even);
    odd = larger_magnitude(x[i + 1], odd);
  }
  const float most = largest_of(_mm512_max_ps(even, odd));
  const __m512 inverse = _mm512_set1_ps(inverse_of<Wide>(most));
  const auto integers = [&](int i) { return _mm512_cvtps_epi32(_mm512_mul_ps(x[i], inverse)); };
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const std::size_t bytes = kWide.numbers_bytes(n);
  std::byte part[kWide.numbers_bytes(Wide::kDepth)];
  std::byte* to = n < Wide::kDepth ? part : row;
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2)
    _mm512_storeu_si512(to + 32 * i,
                        _mm512_permutexvar_epi64(order, _mm512_packs_epi32(integers(i), integers(i + 1))));
  if (n < Wide::kDepth) std::memcpy(row, part, bytes);
  put_scale(row + bytes, scale_of<Wide>(most));
}

inline void pack_row_wide(std::byte* row, const float* x, int n_in) noexcept {
  for (; n_in > 0; n_in -= Wide::kDepth, x += Wide::kDepth, row += kWide.row_bytes(Wide::kDepth)) {
    __m512 v[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) v[i] = load_first(x + 16 * i, n_in - 16 * i);
    put_wide(row, v, n_in < Wide::kDepth ? n_in : Wide::kDepth);
  }
}

// n <= 128 numbers as bytes, in eight registers with zeros behind them; what is one number a block is worked out for
// four blocks together.
inline void put_bytes(std::byte* row, const __m512 (&x)[8], int n) noexcept {
  const auto most_of = [&](int block) {
    return larger_magnitude(x[2 * block + 1], larger_magnitude(x[2 * block], _mm512_setzero_ps()));
  };
  const __m512 a = most_of(0), b = most_of(1), c = most_of(2), d = most_of(3);
  const __m512 ab = _mm512_max_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  const __m512 cd = _mm512_max_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  // A block's in each four lanes.
  const __m512 most =
      largest_in_fours(_mm512_max_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd)));
  const __m512 levels = _mm512_set1_ps(Raised::kLevels);
  const __mmask16 usable = usable_lanes(most);
  const __m512 inverse = _mm512_maskz_div_ps(usable, levels, most);
  const __m512 scale = _mm512_maskz_div_ps(usable, most, levels);
  const auto integers = [&](int i) {
    const __m512 by = _mm512_permutexvar_ps(_mm512_set1_epi32(i / 2 * 4), inverse);
    return _mm512_cvtps_epi32(_mm512_mul_ps(x[i], by));
  };
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const auto two_blocks = [&](int i) {
    return _mm512_permutexvar_epi32(order,
                                    _mm512_packs_epi16(_mm512_packs_epi32(integers(i), integers(i + 1)),
                                                       _mm512_packs_epi32(integers(i + 2), integers(i + 3))));
  };
  const __m512i q[2] = {two_blocks(0), two_blocks(4)};
  const __m512i none = _mm512_setzero_si512(), raised = _mm512_set1_epi8(-128);
  // 128 times sums of four: of blocks 0 and 1, of blocks 2 and 3; then of all, a block's in each four lanes.
  const __m512i first = _mm512_dpbusd_epi32(none, raised, q[0]);
  const __m512i second = _mm512_dpbusd_epi32(none, raised, q[1]);
  __m512i sums =
      _mm512_add_epi32(_mm512_shuffle_i32x4(first, second, 0x88), _mm512_shuffle_i32x4(first, second, 0xdd));
  sums = _mm512_add_epi32(sums, turned_fours<0x4e>(sums));
  sums = _mm512_add_epi32(sums, turned_fours<0xb1>(sums));
  const __m512i facts = _mm512_unpacklo_epi32(_mm512_castps_si512(scale), _mm512_sub_epi32(none, sums));
  alignas(64) std::byte numbers[4][Raised::kDepth], facts_of[4][16];
  _mm512_store_si512(numbers[0], q[0]);
  _mm512_store_si512(numbers[2], q[1]);
  _mm512_store_si512(facts_of, facts);
  const auto put = [&](int block, std::size_t bytes) {
    std::memcpy(row, numbers[block], bytes);
    std::memcpy(row + bytes, facts_of[block], Raised::kRowFacts);
    row += bytes + Raised::kRowFacts;
  };
  if (n == 4 * Raised::kDepth) {
#pragma GCC unroll 4
    for (int block = 0; block < 4; ++block) put(block, Raised::kDepth);
    return;
  }
  for (int block = 0; n > 0; ++block, n -= Raised::kDepth)
    put(block, kBytes.numbers_bytes(n < Raised::kDepth ? n : Raised::kDepth));
}

inline void pack_row_bytes(std::byte* row, const float* x, int n_in) noexcept {
  constexpr int kNumbers = 4 * Raised::kDepth;
  for (; n_in > 0; n_in -= kNumbers, x += kNumbers, row += kBytes.row_bytes(kNumbers)) {
    __m512 v[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) v[i] = load_first(x + 16 * i, n_in - 16 * i);
    put_bytes(row, v, n_in < kNumbers ? n_in : kNumbers);
  }
}

}  // namespace
}  // namespace shrike
