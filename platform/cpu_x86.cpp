#include <cpuid.h>

#include <cstring>

#include "platform/cpu.hpp"

namespace shrike {

// __builtin_cpu_supports also asks whether the operating system saves the wide registers. It does not know
// f16c under every compiler, so that bit is read here; the registers it uses are those of avx2.
CpuFeatures detect_cpu() noexcept {
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool f16c = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
  CpuFeatures cpu;
  cpu.avx2 = f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  cpu.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  return cpu;
}

const char* missing_instructions() noexcept {
#if defined(__AVX2__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) return "AVX2";
#endif
#if defined(__AVX512F__)
  if (!__builtin_cpu_supports("avx512f")) return "AVX-512";
#endif
  return nullptr;
}

std::string cpu_name() {
  unsigned brand[3][4] = {};
  for (unsigned i = 0; i < 3; ++i)
    if (__get_cpuid(0x80000002u + i, &brand[i][0], &brand[i][1], &brand[i][2], &brand[i][3]) == 0)
      return "unknown";
  char text[sizeof(brand) + 1] = {};
  std::memcpy(text, brand, sizeof(brand));
  const std::string name = text;
  const std::size_t first = name.find_first_not_of(' ');
  if (first == std::string::npos) return "unknown";
  return name.substr(first, name.find_last_not_of(' ') + 1 - first);
}

}  // namespace shrike
