#pragma once

#include <cstddef>

namespace shrike {

// Asks for bytes that are read soon, line by line in the order of memory. Any address will do.
inline void fetch_ahead(const std::byte* from, std::size_t n_bytes) noexcept {
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < n_bytes; at += kLine) __builtin_prefetch(from + at);
}

}  // namespace shrike
