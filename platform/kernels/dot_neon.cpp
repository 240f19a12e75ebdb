#include "platform/kernels/dot_simd.hpp"
#include "platform/kernels/lanes_neon.hpp"

void shrike::install_dot_neon(Kernels& k) noexcept {
  k.matmul_f32 = matmul_floats<LanesNeon, float>;
  k.matmul_f16 = matmul_floats<LanesNeon, f16>;
  k.matmul_bf16 = matmul_floats<LanesNeon, bf16>;
}
