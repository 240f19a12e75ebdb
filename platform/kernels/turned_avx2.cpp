#include "platform/kernels/lanes_avx2.hpp"
#include "platform/kernels/turned_simd.hpp"

namespace shrike {
namespace {

struct TurnedAvx2 : LanesAvx2 {
  static Vec add(Vec a, Vec b) noexcept { return _mm256_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) noexcept { return _mm256_sub_ps(a, b); }

  static Vec size(Vec v) noexcept { return _mm256_andnot_ps(all(-0.0f), v); }
  static __m256i places() noexcept { return _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28); }

  // Each code moved down to where the permutation looks, which the bits above three do not count for; the fourth
  // becomes the sign.
  static void levels(const std::byte* group, Vec (&part)[1]) noexcept {
    std::int32_t codes;
    std::memcpy(&codes, group, sizeof(codes));
    const __m256i each = _mm256_srlv_epi32(_mm256_set1_epi32(codes), places());
    const Vec signs = _mm256_castsi256_ps(_mm256_slli_epi32(each, 28));
    part[0] = _mm256_xor_ps(_mm256_permutevar8x32_ps(load(kSize), each), _mm256_and_ps(signs, all(-0.0f)));
  }

  // The codes of eight numbers, and the size that each means.
  static std::uint32_t codes(const float* x, const float (&bounds)[kBounds], Vec (&means)[1]) noexcept {
    const Vec v = load(x), of = size(v);
    const auto above = [](Vec a, Vec b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_GT_OQ)); };
    __m256i code = _mm256_setzero_si256();
    for (const float bound : bounds) code = _mm256_sub_epi32(code, above(of, all(bound)));
    means[0] = _mm256_permutevar8x32_ps(load(kSize), code);
    code = _mm256_or_si256(code, _mm256_and_si256(above(zero(), v), _mm256_set1_epi32(kNegative)));
    const __m256i placed = _mm256_sllv_epi32(code, places());
    __m128i all_of = _mm_or_si128(_mm256_castsi256_si128(placed), _mm256_extracti128_si256(placed, 1));
    all_of = _mm_or_si128(all_of, _mm_unpackhi_epi64(all_of, all_of));
    all_of = _mm_or_si128(all_of, _mm_shuffle_epi32(all_of, 1));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(all_of));
  }

  // Neighbours, pairs, fours. The product with one is exact, so it is the sum and the difference.
  static Vec turn_within(Vec v) noexcept {
    v = fma(v, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1), _mm256_permute_ps(v, 0xB1));
    v = fma(v, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1), _mm256_permute_ps(v, 0x4E));
    return fma(v, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1), _mm256_permute2f128_ps(v, v, 0x01));
  }
};

}  // namespace

void install_turned_avx2(Kernels& k) noexcept { install_turned<TurnedAvx2>(k); }

}  // namespace shrike
