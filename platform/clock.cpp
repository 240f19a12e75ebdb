#include "platform/clock.hpp"

#include <time.h>

namespace shrike {

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void sleep_ns(std::int64_t ns) noexcept {
  if (ns <= 0) return;
  timespec span{};
  span.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  span.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  nanosleep(&span, nullptr);
}

}  // namespace shrike
