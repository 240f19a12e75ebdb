#pragma once

#include <immintrin.h>

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "platform/kernels/exp_simd.hpp"

namespace shrike {
namespace {

// What the bodies written over xsimd ask of AVX2 beyond it.
struct Avx2 {
  using Vec = xsimd::batch<float, xsimd::fma3<xsimd::avx2>>;

  static Vec fma(Vec a, Vec b, Vec c) noexcept { return xsimd::fma(a, b, c); }
  static Vec divide(Vec a, Vec b) noexcept { return a / b; }

  // Eight bytes as eight conditions.
  static Vec::batch_bool_type not_zero(const std::uint8_t* flags) noexcept {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(flags)));
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(wide, _mm256_setzero_si256()));
  }

  // The lanes where the condition holds, or where it does not; 0 elsewhere.
  static Vec keep(Vec::batch_bool_type lanes, Vec v) noexcept { return _mm256_and_ps(lanes, v); }
  static Vec drop(Vec::batch_bool_type lanes, Vec v) noexcept { return _mm256_andnot_ps(lanes, v); }

  static Vec times_two_to(Vec y, Vec shifted) noexcept {
    const __m256i n =
        _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_castps_si256(_mm256_set1_ps(kRounder)));
    const __m256i half = _mm256_srai_epi32(n, 1);
    const auto two_to = [](__m256i e) {
      return Vec(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23)));
    };
    return y * two_to(half) * two_to(_mm256_sub_epi32(n, half));
  }
};

}  // namespace
}  // namespace shrike
