#include <cstring>

#include "platform/kernels/install.hpp"
#include "platform/kernels/q8.hpp"

namespace shrike {
namespace {

template <class Dot>
void matmul(const Matmul& t, Dot dot) noexcept {
  for (int r = 0; r < t.n_rows; ++r)
    for (int c = t.out_begin; c < t.out_end; ++c) {
      const float sum = dot(t, r, t.w + static_cast<std::size_t>(c) * t.w_row_bytes) + (t.bias != nullptr ? t.bias[c] : 0.0f);
      float& y = t.y[static_cast<std::ptrdiff_t>(r) * t.y_stride + c];
      y = t.accumulate ? y + sum : sum;
    }
}

void matmul_f32(const Matmul& task) noexcept {
  matmul(task, [](const Matmul& t, int r, const std::byte* w) {
    const float* x = t.x + static_cast<std::ptrdiff_t>(r) * t.x_stride;
    const float* weights = reinterpret_cast<const float*>(w);
    float sum = 0.0f;
    for (int k = 0; k < t.n_in; ++k) sum += x[k] * weights[k];
    return sum;
  });
}

void matmul_f16(const Matmul& task) noexcept {
  matmul(task, [](const Matmul& t, int r, const std::byte* w) {
    const float* x = t.x + static_cast<std::ptrdiff_t>(r) * t.x_stride;
    const f16* weights = reinterpret_cast<const f16*>(w);
    float sum = 0.0f;
    for (int k = 0; k < t.n_in; ++k) sum += x[k] * f16_to_f32(weights[k]);
    return sum;
  });
}

void matmul_q8_0(const Matmul& task) noexcept {
  matmul(task, [](const Matmul& t, int r, const std::byte* w) {
    const std::int8_t* q = t.xq + static_cast<std::ptrdiff_t>(r) * t.n_in;
    const float* d = t.xd + static_cast<std::ptrdiff_t>(r) * (t.n_in / kQ8Group);
    float sum = 0.0f;
    for (int g = 0; g < t.n_in / kQ8Group; ++g) {
      const QBlockQ8_0 block = load_q8_0(w, g);
      int dot = 0;
      for (int i = 0; i < kQ8Group; ++i) dot += q[g * kQ8Group + i] * block.q[i];
      sum += static_cast<float>(dot) * (f16_to_f32(block.d) * d[g]);
    }
    return sum;
  });
}

}  // namespace

void install_dot_scalar(Kernels& k) noexcept {
  k.matmul_f32 = matmul_f32;
  k.matmul_f16 = matmul_f16;
  k.matmul_q8_0 = matmul_q8_0;
}

}  // namespace shrike
