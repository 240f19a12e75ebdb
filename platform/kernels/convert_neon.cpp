#include <arm_neon.h>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

void to_f16(f16* out, const float* x, int n) noexcept {
  int i = 0;
  for (; i + 4 <= n; i += 4) vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
  for (; i < n; ++i) out[i] = vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(x[i]))), 0);
}

void from_f16(float* out, const f16* x, int n) noexcept {
  int i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + i))));
  for (; i < n; ++i) out[i] = vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(x[i]))), 0);
}

void quantize_q8(std::int8_t* q, float* d, const float* x, int n) noexcept {
  for (int g = 0; g < n / kQ8Group; ++g, x += kQ8Group, q += kQ8Group) {
    float32x4_t m = vdupq_n_f32(0.0f);
    for (int i = 0; i < kQ8Group; i += 4) m = vmaxq_f32(m, vabsq_f32(vld1q_f32(x + i)));
    const float largest = vmaxvq_f32(m);
    d[g] = largest / 127.0f;
    const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    for (int i = 0; i < kQ8Group; i += 8) {
      int32x4_t whole[2];
      for (int half = 0; half < 2; ++half) {
        const float32x4_t scaled = vmulq_n_f32(vld1q_f32(x + i + 4 * half), inverse);
        const uint32x4_t sign = vandq_u32(vreinterpretq_u32_f32(scaled), vdupq_n_u32(0x80000000u));
        const float32x4_t nudge =
            vreinterpretq_f32_u32(vorrq_u32(sign, vreinterpretq_u32_f32(vdupq_n_f32(0.5f))));
        whole[half] = vcvtq_s32_f32(vaddq_f32(scaled, nudge));  // truncates
      }
      const int8x8_t packed = vqmovn_s16(vcombine_s16(vqmovn_s32(whole[0]), vqmovn_s32(whole[1])));
      vst1_s8(q + i, vmax_s8(packed, vdup_n_s8(-127)));  // products rely on -127 as the least
    }
  }
}

}  // namespace

void install_convert_neon(Kernels& k) noexcept {
  k.f32_to_f16 = to_f16;
  k.f16_to_f32 = from_f16;
  k.quantize_q8 = quantize_q8;
}

}  // namespace shrike
