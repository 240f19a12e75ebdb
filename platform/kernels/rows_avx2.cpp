#include "platform/kernels/lanes_avx2.hpp"
#include "platform/kernels/rows_simd.hpp"

namespace shrike {
namespace {

struct RowsAvx2 : LanesAvx2 {
  static f16 half(float x) noexcept {
    return static_cast<f16>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT), 0));
  }

  static void unpack(const std::byte* group, Vec (&part)[4]) noexcept {
    const Vec d = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(half_at(group))));
    for (int s = 0; s < 4; ++s) {
      const auto* at = reinterpret_cast<const __m128i*>(group + RowQ8::kHeader + 8 * s);
      part[s] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at))));
    }
  }

  static float largest(Vec v) noexcept {
    __m128 top = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    top = _mm_max_ps(top, _mm_movehl_ps(top, top));
    return _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
  }
  // Four registers of whole numbers as 32 bytes. Packing works by halves of a register; the last step puts
  // the groups of four back in order.
  static __m256i bytes(const __m256i (&whole)[4]) noexcept {
    const __m256i packed =
        _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3]));
    return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }

  static void pack(std::byte* group, const float* x) noexcept {
    const Vec sign = _mm256_set1_ps(-0.0f);
    Vec top = _mm256_setzero_ps();
    for (int s = 0; s < 4; ++s) top = _mm256_max_ps(_mm256_andnot_ps(sign, load(x + 8 * s)), top);
    const f16 d = half(largest(top) / 127.0f);
    put_half(group, d);
    const Vec inverse = all(number(d) > 0.0f ? 1.0f / number(d) : 0.0f);
    __m256i whole[4];
    for (int s = 0; s < 4; ++s) {
      const Vec v = mul(load(x + 8 * s), inverse);
      const Vec rounded = _mm256_add_ps(v, _mm256_or_ps(_mm256_and_ps(sign, v), _mm256_set1_ps(0.5f)));
      const Vec number = _mm256_and_ps(rounded, _mm256_cmp_ps(v, v, _CMP_ORD_Q));
      whole[s] = _mm256_cvttps_epi32(
          _mm256_max_ps(_mm256_min_ps(number, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-127.0f)));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + RowQ8::kHeader), bytes(whole));
  }
};

}  // namespace

void install_rows_avx2(Kernels& k) noexcept { install_rows<RowsAvx2>(k); }

}  // namespace shrike
