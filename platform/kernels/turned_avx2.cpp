#include "platform/kernels/lanes_avx2.hpp"
#include "platform/kernels/turned_simd.hpp"

namespace shrike {
namespace {

struct TurnedAvx2 : LanesAvx2 {
  static Vec add(Vec a, Vec b) noexcept { return _mm256_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) noexcept { return _mm256_sub_ps(a, b); }

  // Each code moved down to where the permutation looks: the bits above it do not count.
  static void levels(const std::byte* group, Vec (&part)[1]) noexcept {
    std::int32_t codes;
    std::memcpy(&codes, group, sizeof(codes));
    const __m256i each =
        _mm256_srlv_epi32(_mm256_set1_epi32(codes), _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21));
    part[0] = _mm256_permutevar8x32_ps(_mm256_loadu_ps(kLevels), each);
  }

  // Codes by sizes, and each code's level.
  static std::uint32_t codes(const float* x, const Vec (&between)[3], Vec (&level)[1]) noexcept {
    const Vec v = load(x), size = _mm256_andnot_ps(all(-0.0f), v);
    const auto above = [&](Vec a, Vec b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_GT_OQ)); };
    const __m256i steps = _mm256_add_epi32(_mm256_add_epi32(above(size, between[0]), above(size, between[1])),
                                           above(size, between[2]));  // 0 to -3
    const __m256i mirrored = _mm256_and_si256(above(zero(), v), _mm256_set1_epi32(7));
    const __m256i code = _mm256_xor_si256(_mm256_sub_epi32(_mm256_set1_epi32(4), steps), mirrored);
    level[0] = _mm256_permutevar8x32_ps(_mm256_loadu_ps(kLevels), code);
    const __m256i placed = _mm256_sllv_epi32(code, _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21));
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
