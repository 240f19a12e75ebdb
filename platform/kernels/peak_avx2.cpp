#include <immintrin.h>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr int kSums = 12;  // hide the latency of a multiply-add on every core there is

double peak_f32(int rounds) noexcept {
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(sum, a, b);
      asm volatile("" : "+x"(sum));
    }
  return 2.0 * 8 * kSums * rounds;
}

// 32 products of bytes, summed into eight integers without a chance of overflow, take these three.
double peak_int8(int rounds) noexcept {
  __m256i sums[kSums];
#pragma GCC unroll 12
  for (int s = 0; s < kSums; ++s) sums[s] = _mm256_setzero_si256();
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(-5), ones = _mm256_set1_epi16(1);
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (int s = 0; s < kSums; ++s) {  // by number: references would keep the sums in memory
      asm volatile("" : "+x"(a));      // else one product would do for all sums
      const __m256i pairs = _mm256_maddubs_epi16(a, b);
      sums[s] = _mm256_add_epi32(sums[s], _mm256_madd_epi16(pairs, ones));
      asm volatile("" : "+x"(sums[s]));
    }
  return 2.0 * 32 * kSums * rounds;
}

std::uint64_t read_all(const std::byte* from, std::size_t n_bytes) noexcept {
  const auto* words = reinterpret_cast<const __m256i*>(from);
  __m256i sums[4];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i + 4 <= n_bytes / sizeof(*words); i += 4)
    for (std::size_t s = 0; s < 4; ++s)
      sums[s] = _mm256_xor_si256(sums[s], _mm256_loadu_si256(words + i + s));
  const __m256i sum =
      _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]), _mm256_xor_si256(sums[2], sums[3]));
  return static_cast<std::uint64_t>(_mm256_extract_epi64(sum, 0) ^ _mm256_extract_epi64(sum, 1) ^
                                    _mm256_extract_epi64(sum, 2) ^ _mm256_extract_epi64(sum, 3));
}

}  // namespace
}  // namespace shrike

void shrike::install_peak_avx2(Kernels& k) noexcept {
  k.peak_f32 = peak_f32;
  k.peak_int8 = peak_int8;
  k.read_all = read_all;
}
