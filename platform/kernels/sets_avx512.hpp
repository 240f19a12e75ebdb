#pragma once

#include <immintrin.h>

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "platform/kernels/exp_simd.hpp"

namespace shrike {
namespace {

// What the bodies written over xsimd ask of AVX-512 beyond it.
struct Avx512 {
  using Vec = xsimd::batch<float, xsimd::avx512bw>;

  static Vec divide(Vec a, Vec b) noexcept { return a / b; }
  static Vec fma(Vec a, Vec b, Vec c) noexcept { return _mm512_fmadd_ps(a, b, c); }  // xsimd's rounds twice here

  // Sixteen bytes as sixteen conditions.
  static Vec::batch_bool_type not_zero(const std::uint8_t* flags) noexcept {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(flags));
    return _mm_test_epi8_mask(bytes, bytes);
  }

  // The lanes where the condition holds, or where it does not; 0 elsewhere.
  static Vec keep(Vec::batch_bool_type lanes, Vec v) noexcept { return _mm512_maskz_mov_ps(lanes, v); }
  static Vec drop(Vec::batch_bool_type lanes, Vec v) noexcept {
    return _mm512_maskz_mov_ps(static_cast<__mmask16>(~static_cast<__mmask16>(lanes)), v);
  }

  static Vec times_two_to(Vec y, Vec shifted) noexcept {
    return _mm512_scalef_ps(y, shifted - Vec(kRounder));
  }
};

}  // namespace
}  // namespace shrike
