#include "platform/kernels/norm_simd.hpp"

void shrike::install_norm_avx2(Kernels& k) noexcept { install_norm<xsimd::fma3<xsimd::avx2>>(k); }
