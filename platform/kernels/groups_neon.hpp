#pragma once

#include <arm_neon.h>

#include "platform/kernels/groups.hpp"

// unpack() with NEON, and the quants of a group in two registers, as they lie: before kCentre is taken off.
namespace shrike {
namespace {

inline uint8x16x2_t nibbles(const std::uint8_t* q) noexcept {
  const uint8x16_t bytes = vld1q_u8(q);
  return {{vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4)}};
}

// 16 where weight i has its bit in `high`.
inline uint8x16x2_t fifth_bits(const std::uint8_t (&high)[4]) noexcept {
  const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ull));
  const uint8x16_t sixteen = vdupq_n_u8(16);
  const auto spread = [&](int byte) {
    const uint8x16_t two = vcombine_u8(vdup_n_u8(high[byte]), vdup_n_u8(high[byte + 1]));
    return vandq_u8(vtstq_u8(two, bit), sixteen);
  };
  return {{spread(0), spread(2)}};
}

inline uint8x16x2_t either(uint8x16x2_t a, uint8x16x2_t b) noexcept {
  return {{vorrq_u8(a.val[0], b.val[0]), vorrq_u8(a.val[1], b.val[1])}};
}

inline uint8x16x2_t half_bytes(const std::uint8_t* q, int high) noexcept {
  const uint8x16x2_t bytes = {{vld1q_u8(q), vld1q_u8(q + 16)}};
  if (high != 0) return {{vshrq_n_u8(bytes.val[0], 4), vshrq_n_u8(bytes.val[1], 4)}};
  return {{vandq_u8(bytes.val[0], vdupq_n_u8(15)), vandq_u8(bytes.val[1], vdupq_n_u8(15))}};
}

// The bits of `mask` out of 32 bytes moved up by `up`, which may be negative.
inline uint8x16x2_t moved_bits(const std::uint8_t* high, int up, std::uint8_t mask) noexcept {
  const int8x16_t by = vdupq_n_s8(static_cast<std::int8_t>(up));
  const uint8x16_t bits = vdupq_n_u8(mask);
  return {{vandq_u8(vshlq_u8(vld1q_u8(high), by), bits), vandq_u8(vshlq_u8(vld1q_u8(high + 16), by), bits)}};
}

inline uint8x16x2_t quants(const QBlockQ4_0* b, int) noexcept { return nibbles(b->q); }
inline uint8x16x2_t quants(const QBlockQ4_1* b, int) noexcept { return nibbles(b->q); }
inline uint8x16x2_t quants(const QBlockQ5_0* b, int) noexcept {
  return either(nibbles(b->q), fifth_bits(b->high));
}
inline uint8x16x2_t quants(const QBlockQ5_1* b, int) noexcept {
  return either(nibbles(b->q), fifth_bits(b->high));
}
inline uint8x16x2_t quants(const QBlockQ8_0* b, int) noexcept {
  return {{vreinterpretq_u8_s8(vld1q_s8(b->q)), vreinterpretq_u8_s8(vld1q_s8(b->q + 16))}};
}
inline uint8x16x2_t quants(const QBlockIQ4_NL* b, int) noexcept {
  const int8x16_t levels = vld1q_s8(kIq4Levels);
  const uint8x16x2_t index = nibbles(b->q);
  return {{vreinterpretq_u8_s8(vqtbl1q_s8(levels, index.val[0])),
           vreinterpretq_u8_s8(vqtbl1q_s8(levels, index.val[1]))}};
}
inline uint8x16x2_t quants(const QBlockQ4_K* b, int j) noexcept {
  return half_bytes(b->q + 32 * (j / 2), j % 2);
}
inline uint8x16x2_t quants(const QBlockQ5_K* b, int j) noexcept {
  return either(half_bytes(b->q + 32 * (j / 2), j % 2), moved_bits(b->high, 4 - j, 16));
}
inline uint8x16x2_t quants(const QBlockQ6_K* b, int j) noexcept {
  const int half = j / 4, quarter = j % 4;
  return either(half_bytes(b->low + 64 * half + 32 * (quarter % 2), quarter / 2),
                moved_bits(b->high + 32 * half, 4 - 2 * quarter, 48));
}

inline float widen(f16 d) noexcept {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(d))), 0);
}

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
inline void unpack_neon(const std::byte* row, int first_group, int n_groups, Group* out) noexcept {
  constexpr int kGroups = QType<Block>::kGroups;
  const uint8x16_t centre = vdupq_n_u8(QType<Block>::kCentre);
  for (int g = first_group; g < first_group + n_groups; ++g, ++out) {
    const auto* block = reinterpret_cast<const Block*>(row) + g / kGroups;
    const uint8x16x2_t q = quants(block, g % kGroups);
    vst1q_s8(out->q, vreinterpretq_s8_u8(vsubq_u8(q.val[0], centre)));
    vst1q_s8(out->q + 16, vreinterpretq_s8_u8(vsubq_u8(q.val[1], centre)));
    set_scales(*out, block, g % kGroups);
  }
}

}  // namespace
}  // namespace shrike
