#include <arm_neon.h>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr int kSums = 12;

double peak_f32(int rounds) noexcept {
  float32x4_t sums[kSums];
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0.0f);
  const float32x4_t a = vdupq_n_f32(0.999f), b = vdupq_n_f32(0.001f);
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (float32x4_t& sum : sums) {
      sum = vfmaq_f32(sum, a, b);
      asm volatile("" : "+w"(sum));
    }
  return 2.0 * 4 * kSums * rounds;
}

// Sixteen products of bytes: two widening multiplications and a pairwise sum each.
double peak_int8(int rounds) noexcept {
  int32x4_t sums[kSums];
  for (int32x4_t& sum : sums) sum = vdupq_n_s32(0);
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-5);
  for (int i = 0; i < rounds; ++i) {
    asm volatile("" : "+w"(a), "+w"(b));
#pragma GCC unroll 12
    for (int32x4_t& sum : sums) {
      int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
      int16x8_t high = vmull_high_s8(a, b);
      asm volatile("" : "+w"(low), "+w"(high));
      sum = vpadalq_s16(vpadalq_s16(sum, low), high);
      asm volatile("" : "+w"(sum));
    }
  }
  return 2.0 * 16 * kSums * rounds;
}

std::uint64_t read_all(const std::byte* from, std::size_t n_bytes) noexcept {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
  uint8x16_t sums[4];
  for (uint8x16_t& sum : sums) sum = vdupq_n_u8(0);
  for (std::size_t i = 0; i + 64 <= n_bytes; i += 64)
    for (std::size_t s = 0; s < 4; ++s) sums[s] = veorq_u8(sums[s], vld1q_u8(bytes + i + 16 * s));
  const uint64x2_t sum =
      vreinterpretq_u64_u8(veorq_u8(veorq_u8(sums[0], sums[1]), veorq_u8(sums[2], sums[3])));
  return vgetq_lane_u64(sum, 0) ^ vgetq_lane_u64(sum, 1);
}

}  // namespace
}  // namespace shrike

void shrike::install_peak_neon(Kernels& k) noexcept {
  k.peak_f32 = peak_f32;
  k.peak_int8 = peak_int8;
  k.read_all = read_all;
}
