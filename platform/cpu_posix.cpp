#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "platform/cpu.hpp"

namespace shrike {

int n_cpus() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));  // more CPUs than the mask can name
}

}  // namespace shrike
