#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "core/model/unicode_ranges.hpp"

namespace shrike::unicode {

enum class Class : std::uint8_t { other, letter, number, space };

struct Char {
  std::uint32_t code_point = 0;
  int n_bytes = 1;
};

// The character at the front of `text`, which is not empty. A byte that is no UTF-8 stands for itself, as
// U+FFFD.
[[nodiscard]] inline Char front(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const int n = lead >= 0xF0 && lead < 0xF5   ? 4
                : lead >= 0xE0 && lead < 0xF0 ? 3
                : lead >= 0xC2 && lead < 0xE0 ? 2
                                              : 0;
  if (n == 0 || text.size() < static_cast<std::size_t>(n)) return {0xFFFD, 1};
  std::uint32_t code_point = lead & (0xFFu >> (n + 1));
  for (int i = 1; i < n; ++i) {
    if ((byte(static_cast<std::size_t>(i)) & 0xC0) != 0x80) return {0xFFFD, 1};
    code_point = code_point << 6 | (byte(static_cast<std::size_t>(i)) & 0x3Fu);
  }
  constexpr std::uint32_t kShortest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
  if (code_point < kShortest[n] || code_point > 0x10FFFF || surrogate) return {0xFFFD, 1};
  return {code_point, n};
}

template <std::size_t n>
[[nodiscard]] bool within(const Range (&ranges)[n], std::uint32_t code_point) noexcept {
  const Range* at = std::upper_bound(std::begin(ranges), std::end(ranges), code_point,
                                     [](std::uint32_t c, const Range& r) { return c < r.first; });
  return at != std::begin(ranges) && code_point <= (at - 1)->last;
}

[[nodiscard]] inline bool is_punctuation(std::uint32_t c) noexcept { return within(kPunctuation, c); }

[[nodiscard]] inline Class class_of(std::uint32_t c) noexcept {
  if ((c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
      (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000)
    return Class::space;
  if (within(kLetters, c)) return Class::letter;
  if (within(kNumbers, c)) return Class::number;
  return Class::other;
}

}  // namespace shrike::unicode
