#include "platform/sensors.hpp"

#include <cstdio>

namespace shrike {
namespace {

constexpr int kFilesMax = 256;

// The largest number in the files that `form` names with 0, 1, 2 ..., until one is missing.
std::optional<double> largest_of(const char* form, double unit) noexcept {
  std::optional<double> largest;
  for (int i = 0; i < kFilesMax; ++i) {
    char path[128];
    std::snprintf(path, sizeof(path), form, i);
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) break;
    double value = 0;
    if (std::fscanf(file, "%lf", &value) == 1 && (!largest || value * unit > *largest))
      largest = value * unit;
    std::fclose(file);
  }
  return largest;
}

}  // namespace

Sensors read_sensors() noexcept {
  return {largest_of("/sys/class/thermal/thermal_zone%d/temp", 1e-3),
          largest_of("/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", 1e-3)};
}

}  // namespace shrike
