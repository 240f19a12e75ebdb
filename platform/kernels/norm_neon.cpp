#include "platform/kernels/norm_simd.hpp"

void shrike::install_norm_neon(Kernels& k) noexcept { install_norm<xsimd::neon64>(k); }
