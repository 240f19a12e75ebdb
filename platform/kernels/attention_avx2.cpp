#include "platform/kernels/attention_simd.hpp"
#include "platform/kernels/lanes_avx2.hpp"
#include "platform/kernels/sets_avx2.hpp"

void shrike::install_attention_avx2(Kernels& k) noexcept { install_attention<LanesAvx2, Avx2>(k); }
