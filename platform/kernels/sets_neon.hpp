#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

#include <xsimd/xsimd.hpp>

#include "platform/kernels/exp_simd.hpp"

namespace shrike {
namespace {

// What the bodies written over xsimd ask of NEON beyond it.
struct Neon {
  using Vec = xsimd::batch<float, xsimd::neon64>;

  static Vec fma(Vec a, Vec b, Vec c) noexcept { return xsimd::fma(a, b, c); }
  // xsimd 8 divides by a reciprocal, some ulp off.
  static Vec divide(Vec a, Vec b) noexcept { return Vec(vdivq_f32(a, b)); }

  // Four bytes as four conditions.
  static Vec::batch_bool_type not_zero(const std::uint8_t* flags) noexcept {
    std::uint32_t four;
    std::memcpy(&four, flags, sizeof(four));
    const uint32x4_t wide = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
    return vtstq_u32(wide, wide);
  }

  // The lanes where the condition holds, or where it does not; 0 elsewhere.
  static Vec keep(Vec::batch_bool_type lanes, Vec v) noexcept {
    return vreinterpretq_f32_u32(vandq_u32(lanes, vreinterpretq_u32_f32(v)));
  }
  static Vec drop(Vec::batch_bool_type lanes, Vec v) noexcept {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), lanes));
  }

  static Vec times_two_to(Vec y, Vec shifted) noexcept {
    const int32x4_t n =
        vsubq_s32(vreinterpretq_s32_f32(shifted), vreinterpretq_s32_f32(vdupq_n_f32(kRounder)));
    const int32x4_t half = vshrq_n_s32(n, 1);
    const auto two_to = [](int32x4_t e) {
      return Vec(vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(e, vdupq_n_s32(127)), 23)));
    };
    return y * two_to(half) * two_to(vsubq_s32(n, half));
  }
};

}  // namespace
}  // namespace shrike
