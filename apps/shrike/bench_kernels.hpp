#pragma once

#include <vector>

#include "apps/shrike/bench_report.hpp"

namespace shrike::cli {

// What attention and its evidence are made of, on each kernel set that runs here.
[[nodiscard]] std::vector<BenchKernel> measure_kernels(const Machine& one_thread);

}  // namespace shrike::cli
