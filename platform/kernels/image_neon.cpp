#include <arm_neon.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr std::int32_t kHalf = 1 << (kResampleBits - 1);

// Eight sums to eight bytes: shift, then narrow twice with saturation.
uint8x8_t to_bytes(int32x4_t low, int32x4_t high) noexcept {
  return vqmovun_s16(vcombine_s16(vqmovn_s32(vshrq_n_s32(low, kResampleBits)),
                                  vqmovn_s32(vshrq_n_s32(high, kResampleBits))));
}

// The first four of eight words as signed numbers.
int32x4_t four(uint16x8_t words) noexcept { return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words))); }

void resample_row(std::uint8_t* out, const std::uint8_t* in, const ResampleAxis& axis) noexcept {
  for (int i = 0; i < axis.n_out; ++i) {
    const std::uint8_t* pixel = in + 3 * static_cast<std::ptrdiff_t>(axis.first[i]);
    const std::int32_t* weight = axis.weight + static_cast<std::ptrdiff_t>(i) * axis.taps_max;
    const int n_taps = axis.count[i];
    int32x4_t even = vdupq_n_s32(kHalf), odd = vdupq_n_s32(0);  // lanes r g b and one that nobody reads
    int t = 0;
    for (; t + 3 <= n_taps; t += 2) {  // eight bytes are read for six, so a third pixel must be there
      const uint16x8_t words = vmovl_u8(vld1_u8(pixel + 3 * t));
      even = vmlaq_n_s32(even, four(words), weight[t]);
      odd = vmlaq_n_s32(odd, four(vextq_u16(words, words, 3)), weight[t + 1]);
    }
    for (; t < n_taps; ++t) {
      std::uint32_t bytes = 0;
      std::memcpy(&bytes, pixel + 3 * t, 3);
      even = vmlaq_n_s32(even, four(vmovl_u8(vcreate_u8(bytes))), weight[t]);
    }
    const int32x4_t sum = vaddq_s32(even, odd);
    const std::uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(to_bytes(sum, sum)), 0);
    std::memcpy(out + 3 * i, &bytes, 3);
  }
}

void resample_column(std::uint8_t* out, const std::uint8_t* in, std::size_t row_stride,
                     const std::int32_t* weight, int n_taps, int n_bytes) noexcept {
  int b = 0;
  for (; b + 8 <= n_bytes; b += 8) {
    int32x4_t low = vdupq_n_s32(kHalf), high = low;
    const std::uint8_t* at = in + b;
    for (int t = 0; t < n_taps; ++t, at += row_stride) {
      const uint16x8_t words = vmovl_u8(vld1_u8(at));
      low = vmlaq_n_s32(low, four(words), weight[t]);
      high = vmlaq_n_s32(high, vreinterpretq_s32_u32(vmovl_high_u16(words)), weight[t]);
    }
    vst1_u8(out + b, to_bytes(low, high));
  }
  for (; b < n_bytes; ++b) {
    std::int32_t sum = kHalf;
    for (int t = 0; t < n_taps; ++t) sum += weight[t] * in[static_cast<std::size_t>(t) * row_stride + b];
    out[b] = static_cast<std::uint8_t>(std::clamp(sum >> kResampleBits, 0, 255));
  }
}

void normalise_rgb(float* planes, std::size_t plane_stride, const std::uint8_t* in, int n_pixels,
                   const float scale[3], const float shift[3]) noexcept {
  float* const plane[3] = {planes, planes + plane_stride, planes + 2 * plane_stride};
  int i = 0;
  for (; i + 8 <= n_pixels; i += 8) {
    const uint8x8x3_t pixels = vld3_u8(in + 3 * i);
    for (int c = 0; c < 3; ++c) {
      const uint16x8_t words = vmovl_u8(pixels.val[c]);
      const float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(words)));
      const float32x4_t high = vcvtq_f32_u32(vmovl_high_u16(words));
      vst1q_f32(plane[c] + i, vfmaq_n_f32(vdupq_n_f32(shift[c]), low, scale[c]));
      vst1q_f32(plane[c] + i + 4, vfmaq_n_f32(vdupq_n_f32(shift[c]), high, scale[c]));
    }
  }
  for (; i < n_pixels; ++i)
    for (int c = 0; c < 3; ++c) plane[c][i] = std::fma(static_cast<float>(in[3 * i + c]), scale[c], shift[c]);
}

}  // namespace

void install_image_neon(Kernels& k) noexcept {
  k.resample_row = resample_row;
  k.resample_column = resample_column;
  k.normalise_rgb = normalise_rgb;
}

}  // namespace shrike
