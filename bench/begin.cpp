#include "bench/begin.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

namespace shrike::bench {

Machine begin(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) std::exit(64);
  Threads alone(1);
  const Machine machine = measure_machine(alone);
  std::fprintf(stderr, "one thread at best: reads %.1f GB/s, %.1f GFLOP/s in f32, %.1f GOP/s in int8\n",
               machine.bytes_per_s * 1e-9, machine.flop_per_s * 1e-9, machine.int8_per_s * 1e-9);
  return machine;
}

std::vector<Kernels> all_kernels() {
  std::vector<Kernels> tables;
  for (const Isa isa : runnable_isas()) tables.push_back(kernels_for(isa));
  return tables;
}

}  // namespace shrike::bench
