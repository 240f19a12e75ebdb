#include "platform/kernels/act_simd.hpp"
#include "platform/kernels/sets_avx512.hpp"

void shrike::install_act_avx512(Kernels& k) noexcept { install_act<Avx512>(k); }
