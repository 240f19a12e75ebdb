#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "platform/cpu.hpp"

namespace shrike {
namespace {

struct Part {
  unsigned long id;  // "CPU part" of implementer 0x41, Arm itself
  const char* name;
};
constexpr Part kParts[] = {
    {0xd03, "Cortex-A53"},   {0xd04, "Cortex-A35"},  {0xd05, "Cortex-A55"},  {0xd07, "Cortex-A57"},
    {0xd08, "Cortex-A72"},   {0xd09, "Cortex-A73"},  {0xd0a, "Cortex-A75"},  {0xd0b, "Cortex-A76"},
    {0xd0c, "Neoverse-N1"},  {0xd0d, "Cortex-A77"},  {0xd40, "Neoverse-V1"}, {0xd41, "Cortex-A78"},
    {0xd42, "Cortex-A78AE"}, {0xd44, "Cortex-X1"},   {0xd46, "Cortex-A510"}, {0xd47, "Cortex-A710"},
    {0xd48, "Cortex-X2"},    {0xd49, "Neoverse-N2"}, {0xd4b, "Cortex-A78C"}, {0xd4f, "Neoverse-V2"},
};

const char* part_name(unsigned long id) noexcept {
  for (const Part& part : kParts)
    if (part.id == id) return part.name;
  return nullptr;
}

}  // namespace

CpuFeatures detect_cpu() noexcept {
  CpuFeatures cpu;
#if defined(__aarch64__)
  const unsigned long caps = getauxval(AT_HWCAP);
  const unsigned long caps2 = getauxval(AT_HWCAP2);
  cpu.neon = (caps & HWCAP_ASIMD) != 0;
  cpu.neon_dotprod = (caps & HWCAP_ASIMDDP) != 0;
  cpu.neon_fp16 = (caps & HWCAP_ASIMDHP) != 0;
  cpu.neon_i8mm = (caps2 & HWCAP2_I8MM) != 0;
#endif
  return cpu;
}

const char* missing_instructions() noexcept {
  [[maybe_unused]] const unsigned long caps = getauxval(AT_HWCAP);
#if defined(__ARM_FEATURE_ATOMICS)
  if ((caps & HWCAP_ATOMICS) == 0) return "atomics in one instruction (Armv8.1)";
#endif
#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
  if ((caps & HWCAP_ASIMDHP) == 0) return "half-precision arithmetic (Armv8.2)";
#endif
#if defined(__ARM_FEATURE_DOTPROD)
  if ((caps & HWCAP_ASIMDDP) == 0) return "dot products (Armv8.2)";
#endif
#if defined(__arm__) && defined(__ARM_NEON)
  if ((caps & HWCAP_NEON) == 0) return "NEON";
#endif
#if defined(__arm__) && defined(__ARM_FEATURE_FMA)
  if ((caps & HWCAP_VFPv4) == 0) return "VFPv4";
#endif
  return nullptr;
}

// Boards mix cores, so each kind is named once, in the order the system lists them: "Cortex-A55 +
// Cortex-A76".
std::string cpu_name() {
  std::FILE* file = std::fopen("/proc/cpuinfo", "re");
  if (file == nullptr) return "unknown";
  std::string names;
  char line[256];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::strncmp(line, "CPU part", 8) != 0) continue;
    const char* colon = std::strchr(line, ':');
    const char* name = colon != nullptr ? part_name(std::strtoul(colon + 1, nullptr, 16)) : nullptr;
    if (name == nullptr || names.find(name) != std::string::npos) continue;
    if (!names.empty()) names += " + ";
    names += name;
  }
  std::fclose(file);
  return names.empty() ? "unknown" : names;
}

}  // namespace shrike
