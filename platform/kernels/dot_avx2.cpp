#include "platform/kernels/dot_simd.hpp"
#include "platform/kernels/lanes_avx2.hpp"

void shrike::install_dot_avx2(Kernels& k) noexcept {
  k.matmul_f32 = matmul_floats<LanesAvx2, float>;
  k.matmul_f16 = matmul_floats<LanesAvx2, f16>;
  k.matmul_bf16 = matmul_floats<LanesAvx2, bf16>;
}
