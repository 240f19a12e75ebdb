#include "platform/kernels/lanes_neon.hpp"
#include "platform/kernels/rows_simd.hpp"

namespace shrike {
namespace {

struct RowsNeon : LanesNeon {
  static f16 half(float x) noexcept {
    return vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(x))), 0);
  }

  static void unpack(const std::byte* group, Vec (&part)[8]) noexcept {
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

  static int32x4_t rounded(float32x4_t v) noexcept {  // truncates; what is no number becomes 0
    const uint32x4_t sign = vandq_u32(vreinterpretq_u32_f32(v), vdupq_n_u32(0x80000000u));
    const float32x4_t nudge =
        vreinterpretq_f32_u32(vorrq_u32(sign, vreinterpretq_u32_f32(vdupq_n_f32(0.5f))));
    return vcvtq_s32_f32(
        vmaxq_f32(vminq_f32(vaddq_f32(v, nudge), vdupq_n_f32(127.0f)), vdupq_n_f32(-127.0f)));
  }

  static void pack(std::byte* group, const float* x) noexcept {
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
};

}  // namespace

void install_rows_neon(Kernels& k) noexcept { install_rows<RowsNeon>(k); }

}  // namespace shrike
