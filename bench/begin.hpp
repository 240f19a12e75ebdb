#pragma once

#include <vector>

#include "platform/kernels/kernels.hpp"
#include "platform/machine.hpp"

namespace shrike::bench {

// How every benchmark here begins: reads the arguments of Google Benchmark (a wrong one ends the program with
// 64), measures what one thread of this machine can do at best and says so on stderr.
[[nodiscard]] Machine begin(int argc, char** argv);

// A table for each kernel set that runs here, best first.
[[nodiscard]] std::vector<Kernels> all_kernels();

}  // namespace shrike::bench
