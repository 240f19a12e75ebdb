#include "platform/kernels/lanes_neon.hpp"
#include "platform/kernels/rows_simd.hpp"

namespace shrike {
namespace {

struct RowsNeon : LanesNeon {
  static f16 half(float x) noexcept {
    return vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(x))), 0);
  }

  static void unpack(RowQ8, const std::byte* group, Vec (&part)[8]) noexcept {
    const float d = number(half_at(group));
    for (int s = 0; s < 8; s += 4) {
      const int8x16_t q = vld1q_s8(reinterpret_cast<const std::int8_t*>(group + RowQ8::kHeader + 4 * s));
      const int16x8_t a = vmovl_s8(vget_low_s8(q)), b = vmovl_s8(vget_high_s8(q));
      part[s] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(a))), d);
      part[s + 1] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(a))), d);
      part[s + 2] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(b))), d);
      part[s + 3] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(b))), d);
    }
  }
  static void unpack(RowQ4, const std::byte* group, Vec (&part)[8]) noexcept {
    const Vec d = vdupq_n_f32(number(half_at(group))), m = vdupq_n_f32(number(half_at(group + 2)));
    const uint8x16_t two = vld1q_u8(reinterpret_cast<const std::uint8_t*>(group + RowQ4::kHeader));
    const uint8x16_t even = vandq_u8(two, vdupq_n_u8(15)), odd = vshrq_n_u8(two, 4);
    const uint8x16_t in_order[2] = {vzip1q_u8(even, odd), vzip2q_u8(even, odd)};
    for (int s = 0; s < 8; s += 4) {
      const uint16x8_t a = vmovl_u8(vget_low_u8(in_order[s / 4])),
                       b = vmovl_u8(vget_high_u8(in_order[s / 4]));
      part[s] = vfmaq_f32(m, d, vcvtq_f32_u32(vmovl_u16(vget_low_u16(a))));
      part[s + 1] = vfmaq_f32(m, d, vcvtq_f32_u32(vmovl_u16(vget_high_u16(a))));
      part[s + 2] = vfmaq_f32(m, d, vcvtq_f32_u32(vmovl_u16(vget_low_u16(b))));
      part[s + 3] = vfmaq_f32(m, d, vcvtq_f32_u32(vmovl_u16(vget_high_u16(b))));
    }
  }

  static int32x4_t rounded(float32x4_t v) noexcept {  // truncates; what is no number becomes 0
    const uint32x4_t sign = vandq_u32(vreinterpretq_u32_f32(v), vdupq_n_u32(0x80000000u));
    const float32x4_t nudge =
        vreinterpretq_f32_u32(vorrq_u32(sign, vreinterpretq_u32_f32(vdupq_n_f32(0.5f))));
    return vcvtq_s32_f32(
        vmaxq_f32(vminq_f32(vaddq_f32(v, nudge), vdupq_n_f32(127.0f)), vdupq_n_f32(-127.0f)));
  }

  static void pack(RowQ8, std::byte* group, const float* x) noexcept {
    float32x4_t top = vdupq_n_f32(0.0f);
    for (int i = 0; i < kRowGroup; i += 4) top = vmaxq_f32(top, vabsq_f32(vld1q_f32(x + i)));
    const f16 d = half(vmaxvq_f32(top) / 127.0f);
    put_half(group, d);
    const float inverse = number(d) > 0.0f ? 1.0f / number(d) : 0.0f;
    for (int i = 0; i < kRowGroup; i += 8) {
      const int32x4_t a = rounded(vmulq_n_f32(vld1q_f32(x + i), inverse)),
                      b = rounded(vmulq_n_f32(vld1q_f32(x + i + 4), inverse));
      vst1_s8(reinterpret_cast<std::int8_t*>(group + RowQ8::kHeader + i),
              vqmovn_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b))));
    }
  }

  static void pack(RowQ4, std::byte* group, const float* x) noexcept {
    float32x4_t low = vld1q_f32(x), high = low;
    for (int i = 4; i < kRowGroup; i += 4) {
      low = vminq_f32(low, vld1q_f32(x + i));
      high = vmaxq_f32(high, vld1q_f32(x + i));
    }
    const f16 m = half(vminvq_f32(low) + 0.0f);  // -0 becomes 0
    const float from = number(m);
    const float step = (vmaxvq_f32(high) - from) / 15.0f;
    const f16 d = half(step > 0.0f ? step : 0.0f);
    put_half(group, d);
    put_half(group + 2, m);
    const float inverse = number(d) > 0.0f ? 1.0f / number(d) : 0.0f;
    const auto whole = [&](const float* at) {
      const float32x4_t v =
          vaddq_f32(vmulq_n_f32(vsubq_f32(vld1q_f32(at), vdupq_n_f32(from)), inverse), vdupq_n_f32(0.5f));
      return vcvtq_u32_f32(vminq_f32(v, vdupq_n_f32(15.0f)));  // below 0 and what is no number become 0
    };
    for (int i = 0; i < kRowGroup; i += 16) {
      const uint16x8_t a = vcombine_u16(vmovn_u32(whole(x + i)), vmovn_u32(whole(x + i + 4))),
                       b = vcombine_u16(vmovn_u32(whole(x + i + 8)), vmovn_u32(whole(x + i + 12)));
      const uint8x8_t even = vmovn_u16(vuzp1q_u16(a, b)), odd = vmovn_u16(vuzp2q_u16(a, b));
      vst1_u8(reinterpret_cast<std::uint8_t*>(group + RowQ4::kHeader + i / 2),
              vorr_u8(even, vshl_n_u8(odd, 4)));
    }
  }
};

}  // namespace

void install_rows_neon(Kernels& k) noexcept { install_rows<RowsNeon>(k); }

}  // namespace shrike
