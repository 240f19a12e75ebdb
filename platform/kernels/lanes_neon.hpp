#pragma once

#include <arm_neon.h>

#include "platform/kernels/q8.hpp"

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

  struct Group {
    int8x16_t low, high;
    float d;
  };
  static Group load_group(const std::byte* row, int g) noexcept {
    const std::byte* at = row + static_cast<std::size_t>(g) * sizeof(QBlockQ8_0);
    f16 d;
    std::memcpy(&d, at, sizeof(d));
    const auto* q = reinterpret_cast<const std::int8_t*>(at + sizeof(d));
    return {vld1q_s8(q), vld1q_s8(q + 16),
            vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(d))), 0)};
  }
  // Two products of at most 127 * 128 fit into 16 bits, so they are added there first.
  static Vec dot(const Group& w, const std::int8_t* x) noexcept {
    const int8x16_t a = vld1q_s8(x), b = vld1q_s8(x + 16);
    const int16x8_t s =
        vmlal_s8(vmull_s8(vget_low_s8(w.low), vget_low_s8(a)), vget_high_s8(w.low), vget_high_s8(a));
    const int16x8_t t =
        vmlal_s8(vmull_s8(vget_low_s8(w.high), vget_low_s8(b)), vget_high_s8(w.high), vget_high_s8(b));
    return vcvtq_f32_s32(vpadalq_s16(vpaddlq_s16(s), t));
  }
  static void prefetch(const void* at) noexcept { __builtin_prefetch(at); }
};

}  // namespace
}  // namespace shrike
