#pragma once

#include <cstddef>
#include <string_view>

namespace shrike {

// How many of the leading bytes are whole UTF-8 characters, when the rest may still come. Bytes that can
// never become one count as whole, so that nothing is held back for ever.
[[nodiscard]] inline std::size_t whole_utf8(std::string_view bytes) noexcept {
  const std::size_t n = bytes.size();
  for (std::size_t back = 1; back <= 3 && back <= n; ++back) {
    const unsigned char c = static_cast<unsigned char>(bytes[n - back]);
    if (c < 0x80) return n;  // ASCII: nothing pending
    if (c < 0xC0) continue;  // continuation: look for its lead
    const std::size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return length > back ? n - back : n;
  }
  return n;
}

}  // namespace shrike
