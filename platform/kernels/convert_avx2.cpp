#include <immintrin.h>

#include <cstring>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

void to_f16(f16* out, const float* x, int n) noexcept {
  int i = 0;
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i)
    out[i] =
        static_cast<f16>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x[i]), _MM_FROUND_TO_NEAREST_INT), 0));
}

void from_f16(float* out, const f16* x, int n) noexcept {
  int i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  for (; i < n; ++i) out[i] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(x[i])));
}

void quantize_q8(std::int8_t* q, float* d, const float* x, int n) noexcept {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  for (int g = 0; g < n / kQ8Group; ++g, x += kQ8Group, q += kQ8Group) {
    __m256 v[4];
    for (int i = 0; i < 4; ++i) v[i] = _mm256_loadu_ps(x + 8 * i);
    const __m256 m = _mm256_max_ps(_mm256_max_ps(_mm256_andnot_ps(sign, v[0]), _mm256_andnot_ps(sign, v[1])),
                                   _mm256_max_ps(_mm256_andnot_ps(sign, v[2]), _mm256_andnot_ps(sign, v[3])));
    __m128 top = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
    top = _mm_max_ps(top, _mm_movehl_ps(top, top));
    top = _mm_max_ss(top, _mm_movehdup_ps(top));
    const float largest = _mm_cvtss_f32(top);
    d[g] = largest / 127.0f;
    const __m256 inverse = _mm256_set1_ps(largest > 0.0f ? 127.0f / largest : 0.0f);
    __m256i whole[4];
    for (int i = 0; i < 4; ++i) {
      const __m256 scaled = _mm256_mul_ps(v[i], inverse);
      const __m256 half = _mm256_or_ps(_mm256_and_ps(sign, scaled), _mm256_set1_ps(0.5f));
      whole[i] = _mm256_cvttps_epi32(_mm256_add_ps(scaled, half));
    }
    const __m256i low = _mm256_packs_epi32(whole[0], whole[1]);
    const __m256i high = _mm256_packs_epi32(whole[2], whole[3]);
    // Packing works by halves of a register; this puts the groups of four back in order.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    // What is no number became the smallest integer; products rely on -127 as the least.
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm256_max_epi8(packed, _mm256_set1_epi8(-127)));
  }
}

}  // namespace

void install_convert_avx2(Kernels& k) noexcept {
  k.f32_to_f16 = to_f16;
  k.f16_to_f32 = from_f16;
  k.quantize_q8 = quantize_q8;
}

}  // namespace shrike
