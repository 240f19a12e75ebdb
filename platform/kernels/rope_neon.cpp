#include <arm_neon.h>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

void rope_neighbours(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept {
  int i = 0;
  for (; i + 4 <= n_pairs; i += 4) {
    const float32x4_t c = vld1q_f32(cos + i), s = vld1q_f32(sin + i);
    const float32x4x2_t v = vld2q_f32(x + 2 * i);  // all a, all b
    const float32x4_t a = vsubq_f32(vmulq_f32(v.val[0], c), vmulq_f32(v.val[1], s));
    const float32x4_t b = vaddq_f32(vmulq_f32(v.val[1], c), vmulq_f32(v.val[0], s));
    vst2q_f32(out + 2 * i, float32x4x2_t{{a, b}});
  }
  for (; i < n_pairs; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    out[2 * i] = a * cos[i] - b * sin[i];
    out[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

void rope_halves(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept {
  int i = 0;
  for (; i + 4 <= n_pairs; i += 4) {
    const float32x4_t c = vld1q_f32(cos + i), s = vld1q_f32(sin + i);
    const float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(x + i + n_pairs);
    vst1q_f32(out + i, vsubq_f32(vmulq_f32(a, c), vmulq_f32(b, s)));
    vst1q_f32(out + i + n_pairs, vaddq_f32(vmulq_f32(b, c), vmulq_f32(a, s)));
  }
  for (; i < n_pairs; ++i) {
    const float a = x[i], b = x[i + n_pairs];
    out[i] = a * cos[i] - b * sin[i];
    out[i + n_pairs] = b * cos[i] + a * sin[i];
  }
}

}  // namespace

void install_rope_neon(Kernels& k) noexcept {
  k.rope_neighbours = rope_neighbours;
  k.rope_halves = rope_halves;
}

}  // namespace shrike
