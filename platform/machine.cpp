#include "platform/machine.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "platform/kernels/kernels.hpp"

namespace shrike {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 20;
constexpr int kRepetitions = 9, kRoundsMax = 1 << 24;
constexpr double kSeconds = 0.005;  // of a repetition, at least

// Rates at which all threads together do `body(thread's share)`, which tells how much it did, in ascending order. By
// each thread's own processor time, so that a machine with other work on it has the limits that it has without; and
// from the moment on when all are there, since who reads memory alone reads it faster.
template <class Body>
std::array<double, kRepetitions> rates_of(Threads& threads, Body body) {
  std::array<double, kRepetitions> rates{};
  std::vector<double> each(static_cast<std::size_t>(threads.count()));
  for (double& rate : rates) {
    std::atomic<int> n_there{0};
    threads.parallel_for(threads.count(), [&](int task, int) {
      n_there.fetch_add(1);
      while (n_there.load() < threads.count()) std::this_thread::yield();
      const double start = thread_seconds();
      const double done = body(task);
      each[static_cast<std::size_t>(task)] = done / (thread_seconds() - start);
    });
    for (const double one : each) rate += one;
  }
  std::sort(rates.begin(), rates.end());
  return rates;
}

// The rate of a kernel that counts what `rounds` rounds do, with as many as take long enough to be measured.
double best_rate_of(Threads& threads, double (*kernel)(int rounds) noexcept) {
  int rounds = 1000;
  for (double start = thread_seconds(); rounds < kRoundsMax; start = thread_seconds()) {
    kernel(rounds);
    if (thread_seconds() - start >= kSeconds) break;
    rounds *= 2;
  }
  return rates_of(threads, [&](int) { return kernel(rounds); }).back();
}

// The middle one: the best is one in which a thread was alone after all, because the others were stopped.
double read_bytes_per_s(const Kernels& k, Threads& threads) {
  std::vector<std::byte> buffer(kBufferBytes);
  std::memset(buffer.data(), 1, buffer.size());  // real pages, not the one of zeros
  const std::size_t share = kBufferBytes / static_cast<std::size_t>(threads.count()) / 4096 * 4096;
  volatile std::uint64_t sink = 0;
  const auto read = [&](int task) {
    sink = k.read_all(buffer.data() + static_cast<std::size_t>(task) * share, share);
    return static_cast<double>(share);
  };
  return rates_of(threads, read)[kRepetitions / 2];
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
