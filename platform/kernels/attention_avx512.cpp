#include "platform/kernels/attention_simd.hpp"
#include "platform/kernels/lanes_avx2.hpp"
#include "platform/kernels/sets_avx512.hpp"

// Products in eight lanes as everywhere on this processor, since all rows of keys and values are to give the same
// sums; but with twice as many registers.
void shrike::install_attention_avx512(Kernels& k) noexcept { install_attention<LanesAvx2, Avx512>(k); }
