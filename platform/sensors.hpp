#pragma once

#include <optional>

namespace shrike {

// What the machine tells about itself, where it does: boards throttle when they are hot.
struct Sensors {
  std::optional<double> celsius;  // of the hottest thermal zone
  std::optional<double> mhz;      // of the fastest processor, now
};
// Source   Linux: /sys/class/thermal, /sys/devices/system/cpu/cpu*/cpufreq
[[nodiscard]] Sensors read_sensors() noexcept;

}  // namespace shrike
