#pragma once

#include <cstdint>

namespace shrike {

[[nodiscard]] std::int64_t monotonic_ns() noexcept;
void sleep_ns(std::int64_t ns) noexcept;  // at least that long, unless a signal comes; negative: returns

}  // namespace shrike
