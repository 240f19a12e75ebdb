#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

// Plain C++ that the compiler may not fold: what a build without vector sets can do at best.
constexpr int kSums = 12;

double peak_f32(int rounds) noexcept {
  float sums[kSums] = {};
  float a = 0.999f, b = 0.001f;
  asm volatile("" : "+m"(a), "+m"(b));
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (float& sum : sums) {
      sum = sum * a + b;
      asm volatile("" : "+m"(sum));
    }
  return 2.0 * kSums * rounds;
}

double peak_int8(int rounds) noexcept {
  int sums[kSums] = {};
  std::int8_t a = 3, b = 5;
  asm volatile("" : "+m"(a), "+m"(b));
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (int& sum : sums) {
      sum += a * b;
      asm volatile("" : "+m"(sum));
    }
  return 2.0 * kSums * rounds;
}

std::uint64_t read_all(const std::byte* from, std::size_t n_bytes) noexcept {
  const auto* words = reinterpret_cast<const std::uint64_t*>(from);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < n_bytes / sizeof(*words); ++i) sum ^= words[i];
  return sum;
}

}  // namespace

void install_peak_scalar(Kernels& k) noexcept {
  k.peak_f32 = peak_f32;
  k.peak_int8 = peak_int8;
  k.read_all = read_all;
}

}  // namespace shrike
