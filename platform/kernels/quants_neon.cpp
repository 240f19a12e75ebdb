#include "platform/kernels/quants_neon.hpp"

namespace shrike {
namespace {

void unpack_quants(DType type, const std::byte* row, int first_group, int n_groups, Group* out) noexcept {
  with_qblock(type, [&]<class Block>() { unpack_neon<Block>(row, first_group, n_groups, out); });
}

void quants_to_f32(DType type, float* out, const std::byte* row, int n) noexcept {
  constexpr int kStretch = 8;
  Group groups[kStretch];
  for (int first = 0; first < n / kQ8Group; first += kStretch) {
    const int count = n / kQ8Group - first < kStretch ? n / kQ8Group - first : kStretch;
    unpack_quants(type, row, first, count, groups);
    for (const Group* g = groups; g != groups + count; ++g)
      for (int i = 0; i < kQ8Group; i += 8, out += 8) {
        const int16x8_t q = vmovl_s8(vld1_s8(g->q + i));
        const float32x4_t low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(q)));
        const float32x4_t high = vcvtq_f32_s32(vmovl_s16(vget_high_s16(q)));
        const float32x4_t m = vdupq_n_f32(g->m[i / 16]);
        vst1q_f32(out, vaddq_f32(vmulq_n_f32(low, g->d[i / 16]), m));
        vst1q_f32(out + 4, vaddq_f32(vmulq_n_f32(high, g->d[i / 16]), m));
      }
  }
}

void bf16_to_f32(float* out, const bf16* x, int n) noexcept {
  int i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(&x[i].bits), 16)));
  for (; i < n; ++i) out[i] = shrike::bf16_to_f32(x[i]);
}

void q8_sums(std::int32_t* sums, const std::int8_t* q, int n) noexcept {
  for (int i = 0; i < n / kQ8Sum; ++i) sums[i] = vaddlvq_s8(vld1q_s8(q + i * kQ8Sum));
}

}  // namespace

void install_quants_neon(Kernels& k) noexcept {
  k.bf16_to_f32 = bf16_to_f32;
  k.q8_sums = q8_sums;
  k.unpack = unpack_quants;
  k.quants_to_f32 = quants_to_f32;
  k.matmul_q8_0 = matmul<PlainDots, QBlockQ8_0>;
  k.matmul_quants = matmul_quants<PlainDots>;
}

}  // namespace shrike
