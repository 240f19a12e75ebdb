#pragma once

#include <immintrin.h>

#include "platform/numeric.hpp"

namespace shrike {
namespace {

// The few operations that products are made of, on one register of AVX2.
struct LanesAvx2 {
  using Vec = __m256;
  static constexpr int kWidth = 8;
  static constexpr int kTileRows = 4;  // 4 x 3 sums, 3 weights and an activation fill the 16 registers
  static constexpr int kTileOuts = 3;
  static constexpr int kTileOutsAlone = 8;  // one row: as many sums as hide the latency of fma

  static Vec zero() noexcept { return _mm256_setzero_ps(); }
  static Vec all(float x) noexcept { return _mm256_set1_ps(x); }
  static Vec load(const float* x) noexcept { return _mm256_loadu_ps(x); }
  static Vec load(const f16* x) noexcept {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
  }
  static Vec load(const bf16* x) noexcept {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static float number(f16 h) noexcept { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h))); }
  static void store(float* x, Vec v) noexcept { _mm256_storeu_ps(x, v); }
  static Vec mul(Vec a, Vec b) noexcept { return _mm256_mul_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) noexcept { return _mm256_fmadd_ps(a, b, c); }

  // What an empty statement might change, the compiler keeps in one register instead of copying it about.
  static void stay(Vec& v) noexcept { asm("" : "+v"(v)); }

  // ((0+1)+(2+3)) + ((4+5)+(6+7)), and four of them at once in the same order.
  static float sum(Vec v) noexcept {
    const __m256 pairs = _mm256_hadd_ps(v, v);
    const __m256 fours = _mm256_hadd_ps(pairs, pairs);
    return _mm_cvtss_f32(_mm_add_ss(_mm256_castps256_ps128(fours), _mm256_extractf128_ps(fours, 1)));
  }
  static void sum4(float* out, Vec a, Vec b, Vec c, Vec d) noexcept {
    const __m256 fours = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(fours), _mm256_extractf128_ps(fours, 1)));
  }

  static void prefetch(const void* at) noexcept { _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T0); }
};

}  // namespace
}  // namespace shrike
