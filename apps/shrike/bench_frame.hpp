#pragma once

#include "apps/shrike/bench_report.hpp"
#include "core/runtime.hpp"

namespace shrike::cli {

// Frames of a stream through a memory that is full, each stage by itself: medians in milliseconds.
[[nodiscard]] Result<BenchFrame> measure_frames(const SessionOptions& options, int n_frames);

}  // namespace shrike::cli
