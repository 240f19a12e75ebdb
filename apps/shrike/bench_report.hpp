#pragma once

#include <string>
#include <vector>

#include "apps/shrike/bench_stages.hpp"
#include "apps/shrike/canvas.hpp"
#include "apps/shrike/print.hpp"
#include "platform/machine.hpp"
#include "platform/sensors.hpp"

namespace shrike::cli {

// A stage of a frame.
struct BenchPart {
  std::string name;
  double ms = 0;
};
struct BenchFrame {
  std::string policy;
  int n_frames = 0, n_threads = 0;
  int tokens = 0;  // of a frame
  std::vector<BenchPart> parts;
};

// A kernel alone, on one thread.
struct BenchKernel {
  std::string name, isa;
  double us = 0;
  double share = 0;  // of what the machine can do at best
};

struct BenchLimit {
  int n_threads = 0;
  Machine machine;
};

struct BenchRow {
  std::string stage, isa, bound;
  int n_threads = 0;
  int n_tokens = 1;  // that the time is for; 0: a picture
  double seconds = 0, seconds_min = 0, own_seconds = 0, limit_seconds = 0;

  double share() const noexcept { return seconds > 0 ? limit_seconds / seconds : 0; }
};

struct BenchReport {
  std::string model, cpu;
  int repetitions = 0;
  std::vector<BenchLimit> limits;
  std::vector<BenchRow> rows;
  BenchFrame frame;
  std::vector<BenchKernel> kernels;
  Sensors before, after;
  double flop_before = 0, flop_after = 0;  // of one thread: what throttling takes away
  std::size_t plan_bytes = 0;              // beside the mapped files: text alone, 2048 positions, all threads

  bool throttled() const noexcept { return flop_after < 0.9 * flop_before; }
  bool busy() const noexcept;  // others had a good part of the processors
};

void print_bench(std::FILE* to, const BenchReport& report);
[[nodiscard]] Json bench_json(const BenchReport& report);
[[nodiscard]] Canvas draw_bench(const BenchReport& report);

}  // namespace shrike::cli
