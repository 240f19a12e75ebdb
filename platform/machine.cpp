#include "platform/machine.hpp"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "platform/kernels/kernels.hpp"

namespace shrike {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 20;
constexpr int kRepetitions = 9, kRoundsMax = 1 << 24;
constexpr double kSeconds = 0.005;  // of a repetition, at least

// The best rate at which all threads together do `body(thread's share)`, which tells how much it did. By each
// thread's own processor time, so that a machine with other work on it has the limits that it has without.
template <class Body>
double best_rate(Threads& threads, Body body) {
  double best = 0;
  std::vector<double> rates(static_cast<std::size_t>(threads.count()));
  for (int i = 0; i < kRepetitions; ++i) {
    threads.parallel_for(threads.count(), [&](int task, int) {
      const double start = thread_seconds();
      const double done = body(task);
      rates[static_cast<std::size_t>(task)] = done / (thread_seconds() - start);
    });
    double sum = 0;
    for (const double rate : rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

// The rate of a kernel that counts what `rounds` rounds do, with as many as take long enough to be measured.
double best_rate_of(Threads& threads, double (*kernel)(int rounds) noexcept) {
  int rounds = 1000;
  for (double start = thread_seconds(); rounds < kRoundsMax; start = thread_seconds()) {
    kernel(rounds);
    if (thread_seconds() - start >= kSeconds) break;
    rounds *= 2;
  }
  return best_rate(threads, [&](int) { return kernel(rounds); });
}

double read_bytes_per_s(const Kernels& k, Threads& threads) {
  std::vector<std::byte> buffer(kBufferBytes);
  std::memset(buffer.data(), 1, buffer.size());  // real pages, not the one of zeros
  const std::size_t share = kBufferBytes / static_cast<std::size_t>(threads.count()) / 4096 * 4096;
  volatile std::uint64_t sink = 0;
  return best_rate(threads, [&](int task) {
    sink = k.read_all(buffer.data() + static_cast<std::size_t>(task) * share, share);
    return static_cast<double>(share);
  });
}

}  // namespace

double measure_flop_per_s(Threads& threads) {
  return best_rate_of(threads, kernels_for(runnable_isas().front()).peak_f32);
}

Machine measure_machine(Threads& threads) {
  const Kernels k = kernels_for(runnable_isas().front());
  Machine machine;
  machine.flop_per_s = measure_flop_per_s(threads);
  machine.int8_per_s = best_rate_of(threads, k.peak_int8);
  machine.bytes_per_s = read_bytes_per_s(k, threads);
  return machine;
}

double thread_seconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace shrike
