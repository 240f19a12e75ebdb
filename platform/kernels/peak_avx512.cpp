#include <immintrin.h>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr int kSums = 12;  // hide the latency of a multiply-add on every core there is

double peak_f32(int rounds) noexcept {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(sum, a, b);
      asm volatile("" : "+v"(sum));
    }
  return 2.0 * 16 * kSums * rounds;
}

double peak_int8(int rounds) noexcept {
  __m512i sums[kSums];
#pragma GCC unroll 12
  for (int s = 0; s < kSums; ++s) sums[s] = _mm512_setzero_si512();
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5);
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (int s = 0; s < kSums; ++s) {  // by number: references would keep the sums in memory
      sums[s] = _mm512_dpbusd_epi32(sums[s], a, b);
      asm volatile("" : "+v"(sums[s]));
    }
  return 2.0 * 64 * kSums * rounds;
}

}  // namespace
}  // namespace shrike

void shrike::install_peak_avx512(Kernels& k) noexcept {
  k.peak_f32 = peak_f32;
  k.peak_int8 = peak_int8;
}
