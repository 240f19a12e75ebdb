#include "platform/kernels/lanes_avx2.hpp"
#include "platform/kernels/rows_simd.hpp"

namespace shrike {
namespace {

struct RowsAvx2 : LanesAvx2 {
  static f16 half(float x) noexcept {
    return static_cast<f16>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT), 0));
  }

  static void unpack(RowQ8, const std::byte* group, Vec (&part)[4]) noexcept {
    const Vec d = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(half_at(group))));
    for (int s = 0; s < 4; ++s) {
      const auto* at = reinterpret_cast<const __m128i*>(group + RowQ8::kHeader + 8 * s);
      part[s] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at))));
    }
  }
  static void unpack(RowQ4, const std::byte* group, Vec (&part)[4]) noexcept {
    std::int32_t scales, eight;
    std::memcpy(&scales, group, sizeof(scales));
    const __m128 both = _mm_cvtph_ps(_mm_cvtsi32_si128(scales));
    const Vec d = _mm256_broadcastss_ps(both), m = _mm256_broadcastss_ps(_mm_movehdup_ps(both));
    const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28), low = _mm256_set1_epi32(15);
    for (int s = 0; s < 4; ++s) {
      std::memcpy(&eight, group + RowQ4::kHeader + 4 * s, sizeof(eight));
      const __m256i q = _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(eight), shifts), low);
      part[s] = _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q), m);
    }
  }

  static float largest(Vec v) noexcept {
    __m128 top = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    top = _mm_max_ps(top, _mm_movehl_ps(top, top));
    return _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
  }
  static float least(Vec v) noexcept {
    __m128 low = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    low = _mm_min_ps(low, _mm_movehl_ps(low, low));
    return _mm_cvtss_f32(_mm_min_ss(low, _mm_movehdup_ps(low)));
  }
  // Four registers of whole numbers as 32 bytes. Packing works by halves of a register; the last step puts
  // the groups of four back in order.
  static __m256i bytes(const __m256i (&whole)[4]) noexcept {
    const __m256i packed =
        _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3]));
    return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }

  static void pack(RowQ8, std::byte* group, const float* x) noexcept {
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

  static void pack(RowQ4, std::byte* group, const float* x) noexcept {
    Vec low = load(x), high = low;
    for (int s = 1; s < 4; ++s) {
      low = _mm256_min_ps(load(x + 8 * s), low);
      high = _mm256_max_ps(load(x + 8 * s), high);
    }
    const f16 m = half(least(low) + 0.0f);  // -0 becomes 0
    const float from = number(m);
    const float step = (largest(high) - from) / 15.0f;
    const f16 d = half(step > 0.0f ? step : 0.0f);
    put_half(group, d);
    put_half(group + 2, m);
    const Vec inverse = all(number(d) > 0.0f ? 1.0f / number(d) : 0.0f);
    __m256i whole[4];
    for (int s = 0; s < 4; ++s) {
      const Vec v = _mm256_add_ps(mul(_mm256_sub_ps(load(x + 8 * s), all(from)), inverse), all(0.5f));
      const Vec positive = _mm256_max_ps(v, zero());  // what is no number becomes 0
      whole[s] = _mm256_cvttps_epi32(_mm256_min_ps(positive, all(15.0f)));
    }
    // Each pair of bytes as low + 16 high, then every second byte.
    const __m256i pairs = _mm256_maddubs_epi16(bytes(whole), _mm256_set1_epi16(0x1001));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(pairs, pairs), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(group + RowQ4::kHeader), _mm256_castsi256_si128(packed));
  }
};

}  // namespace

void install_rows_avx2(Kernels& k) noexcept { install_rows<RowsAvx2>(k); }

}  // namespace shrike
