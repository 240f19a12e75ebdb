#pragma once

#include <arm_neon.h>

#include "platform/numeric.hpp"

namespace shrike {
namespace {

// The few operations that products are made of, on one register of NEON (ARMv8.0).
struct LanesNeon {
  using Vec = float32x4_t;
  static constexpr int kWidth = 4;
  static constexpr int kTileRows = 4;  // 4 x 4 sums, 4 weights, 4 activations: 24 of 32 registers
  static constexpr int kTileOuts = 4;
  static constexpr int kTileOutsAlone = 8;

  static Vec zero() noexcept { return vdupq_n_f32(0.0f); }
  static Vec all(float x) noexcept { return vdupq_n_f32(x); }
  static Vec load(const float* x) noexcept { return vld1q_f32(x); }
  static Vec load(const f16* x) noexcept { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))); }
  static Vec load(const bf16* x) noexcept {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(&x->bits), 16));
  }
  static float number(f16 h) noexcept {
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0);
  }
  static void store(float* x, Vec v) noexcept { vst1q_f32(x, v); }
  static Vec mul(Vec a, Vec b) noexcept { return vmulq_f32(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) noexcept { return vfmaq_f32(c, a, b); }

  // What an empty statement might change, the compiler keeps in one register instead of copying it about.
  static void stay(Vec& v) noexcept { asm("" : "+w"(v)); }

  // (0+1)+(2+3), and four of them at once in the same order.
  static float sum(Vec v) noexcept { return vaddvq_f32(v); }
  static void sum4(float* out, Vec a, Vec b, Vec c, Vec d) noexcept {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
  }

  static void prefetch(const void* at) noexcept { __builtin_prefetch(at); }
};

}  // namespace
}  // namespace shrike
