#pragma once

#include <string>

namespace shrike {

// What this machine can execute, asked once. A feature is true only if the operating system saves its
// registers.
struct CpuFeatures {
  bool avx2 = false;    // with fma and f16c
  bool avx512 = false;  // f, cd, dq, bw, vl, vnni
  bool neon = false;
  bool neon_dotprod = false;
  bool neon_fp16 = false;
  bool neon_i8mm = false;
};
[[nodiscard]] CpuFeatures detect_cpu() noexcept;

// What the compiler was allowed to use in every function, not in kernels only, and this processor lacks, in words;
// null when it lacks nothing. Builds for one board's cores are meant; those for a whole architecture run everywhere.
[[nodiscard]] const char* missing_instructions() noexcept;

[[nodiscard]] int n_cpus() noexcept;   // processors this process may run on, at least 1
[[nodiscard]] std::string cpu_name();  // "AMD EPYC 9354P", "Cortex-A76"; "unknown" where nothing tells

}  // namespace shrike
