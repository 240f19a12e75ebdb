#include "platform/kernels/act_simd.hpp"
#include "platform/kernels/sets_avx2.hpp"

void shrike::install_act_avx2(Kernels& k) noexcept { install_act<Avx2>(k); }
