#include "bench/machine.hpp"

#include <time.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace shrike::bench {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
#if defined(__aarch64__)
#define SHRIKE_REGISTER "w"
#else
#define SHRIKE_REGISTER "v"
#endif
using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));

volatile float sink;  // what is computed is used, or it would not be

template <class Body>
double least_seconds(Body body) {
  double least = 1e9;
  for (int i = 0; i < 9; ++i) {
    const double start = thread_seconds();
    body();
    least = std::min(least, thread_seconds() - start);
  }
  return least;
}

double read_bytes_per_s() {
  constexpr std::size_t kVecs = (std::size_t{192} << 20) / sizeof(Vec);
  std::vector<Vec> buffer(kVecs, Vec{} + 1.0f);
  const double seconds = least_seconds([&] {
    Vec sums[8] = {};
    for (std::size_t i = 0; i + 8 <= kVecs; i += 8)
      for (std::size_t s = 0; s < 8; ++s) sums[s] += buffer[i + s];
    for (const Vec& v : sums) sink = v[0];
  });
  return static_cast<double>(kVecs * sizeof(Vec)) / seconds;
}

// Twelve sums hide the latency of a multiply-add on every core there is.
double flop_per_s() {
  constexpr int kSums = 12, kRounds = 2'000'000;
  Vec sums[kSums] = {};
  const float one = 1.0f + sink * 0.0f;
  const Vec a = Vec{} + one * 0.999f, b = Vec{} + one * 0.001f;
  const double seconds = least_seconds([&] {
    for (int i = 0; i < kRounds; ++i) {
      for (Vec& v : sums) {
        v = v * a + b;
        asm volatile("" : "+" SHRIKE_REGISTER(v));  // neither folded nor kept in memory
      }
    }
  });
  for (const Vec& v : sums) sink = v[0];
  return 2.0 * kLanes * kSums * kRounds / seconds;
}

}  // namespace

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Machine measure_machine() { return {read_bytes_per_s(), flop_per_s()}; }

}  // namespace shrike::bench
