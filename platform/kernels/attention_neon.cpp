#include "platform/kernels/attention_simd.hpp"
#include "platform/kernels/lanes_neon.hpp"
#include "platform/kernels/sets_neon.hpp"

void shrike::install_attention_neon(Kernels& k) noexcept { install_attention<LanesNeon, Neon>(k); }
