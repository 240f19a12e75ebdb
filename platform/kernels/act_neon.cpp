#include "platform/kernels/act_simd.hpp"
#include "platform/kernels/sets_neon.hpp"

void shrike::install_act_neon(Kernels& k) noexcept { install_act<Neon>(k); }
