#pragma once

#include <immintrin.h>

#include "platform/kernels/groups.hpp"

// unpack() with AVX2, and the quants of a group in one register, as they lie: before kCentre is taken off.
namespace shrike {
namespace {

inline __m256i load_32(const void* at) noexcept {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

inline __m256i nibbles(const std::uint8_t* q) noexcept {
  const __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(q)));
  return _mm256_and_si256(_mm256_srlv_epi64(twice, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
}

// 16 where weight i has its bit in `high`.
inline __m256i fifth_bits(const std::uint8_t (&high)[4]) noexcept {
  const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,  //
                                          2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ull));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(high_bits(high))), spread);
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit), _mm256_set1_epi8(16));
}

inline __m256i half_bytes(const std::uint8_t* q, int high) noexcept {
  const __m256i bytes = load_32(q);
  return _mm256_and_si256(high != 0 ? _mm256_srli_epi16(bytes, 4) : bytes, _mm256_set1_epi8(15));
}

inline __m256i quants(const QBlockQ4_0* b, int) noexcept { return nibbles(b->q); }
inline __m256i quants(const QBlockQ4_1* b, int) noexcept { return nibbles(b->q); }
inline __m256i quants(const QBlockQ5_0* b, int) noexcept {
  return _mm256_or_si256(nibbles(b->q), fifth_bits(b->high));
}
inline __m256i quants(const QBlockQ5_1* b, int) noexcept {
  return _mm256_or_si256(nibbles(b->q), fifth_bits(b->high));
}
inline __m256i quants(const QBlockQ8_0* b, int) noexcept { return load_32(b->q); }
inline __m256i quants(const QBlockIQ4_NL* b, int) noexcept {
  const __m256i levels = _mm256_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10,  //
                                          1, 13, 25, 38, 53, 69, 89, 113,            //
                                          -127, -104, -83, -65, -49, -35, -22, -10,  //
                                          1, 13, 25, 38, 53, 69, 89, 113);
  return _mm256_shuffle_epi8(levels, nibbles(b->q));
}
inline __m256i quants(const QBlockQ4_K* b, int j) noexcept { return half_bytes(b->q + 32 * (j / 2), j % 2); }
inline __m256i quants(const QBlockQ5_K* b, int j) noexcept {
  const __m256i high = load_32(b->high);
  const __m256i moved = j < 4 ? _mm256_slli_epi16(high, 4 - j) : _mm256_srli_epi16(high, j - 4);
  return _mm256_or_si256(half_bytes(b->q + 32 * (j / 2), j % 2),
                         _mm256_and_si256(moved, _mm256_set1_epi8(16)));
}
inline __m256i quants(const QBlockQ6_K* b, int j) noexcept {
  const int half = j / 4, quarter = j % 4;
  const __m256i high = load_32(b->high + 32 * half);
  const __m256i moved = quarter < 3 ? _mm256_slli_epi16(high, 4 - 2 * quarter) : _mm256_srli_epi16(high, 2);
  return _mm256_or_si256(half_bytes(b->low + 64 * half + 32 * (quarter % 2), quarter / 2),
                         _mm256_and_si256(moved, _mm256_set1_epi8(48)));
}

inline float widen(f16 d) noexcept { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(d))); }

// The scales and minimums of group j.
template <class Block>
inline void set_scales(Group& out, const Block* b, int j) noexcept {
  if constexpr (QType<Block>::kScales == 2) {
    const float d = widen(b->d);
    set_scale(out, d * b->scales[2 * j]);
    out.d[1] = d * b->scales[2 * j + 1];
  } else if constexpr (QType<Block>::kGroups == 8) {
    const KScale s = k_scale(b->scales, j);
    set_scale(out, widen(b->d) * static_cast<float>(s.scale),
              -widen(b->dmin) * static_cast<float>(s.minimum));
  } else if constexpr (QType<Block>::kMinimum) {
    set_scale(out, widen(b->d), widen(b->m));
  } else {
    set_scale(out, widen(b->d));
  }
}

template <class Block>
inline void unpack_avx2(const std::byte* row, int first_group, int n_groups, Group* out) noexcept {
  constexpr int kGroups = QType<Block>::kGroups;
  for (int g = first_group; g < first_group + n_groups; ++g, ++out) {
    const auto* block = reinterpret_cast<const Block*>(row) + g / kGroups;
    const __m256i centred =
        _mm256_sub_epi8(quants(block, g % kGroups), _mm256_set1_epi8(QType<Block>::kCentre));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out->q), centred);
    set_scales(*out, block, g % kGroups);
  }
}

}  // namespace
}  // namespace shrike
