#pragma once

#include <cstddef>
#include <string_view>

namespace shrike {

// Byte-level BPE spells bytes as printable characters: 33-126, 161-172 and 174-255 as themselves, the other
// 68, in order, as U+0100 and up. Each is one or two bytes of UTF-8.
inline constexpr int kSpellingsEnd = 324;  // of the code points

[[nodiscard]] constexpr bool spells_itself(int byte) noexcept {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}
[[nodiscard]] constexpr int code_point_of(int byte) noexcept {
  if (spells_itself(byte)) return byte;
  int rank = 0;
  for (int b = 0; b < byte; ++b) rank += spells_itself(b) ? 0 : 1;
  return 256 + rank;
}

// Both ways as tables, made at compile time.
struct ByteSpelling {
  char text[256][2] = {};
  unsigned char size[256] = {};
  short byte_of[kSpellingsEnd] = {};  // of a code point, -1: none

  constexpr ByteSpelling() noexcept {
    for (short& byte : byte_of) byte = -1;
    for (int byte = 0; byte < 256; ++byte) {
      const int c = code_point_of(byte);
      byte_of[c] = static_cast<short>(byte);
      size[byte] = c < 0x80 ? 1 : 2;
      text[byte][0] = static_cast<char>(c < 0x80 ? c : 0xC0 | c >> 6);
      text[byte][1] = static_cast<char>(c < 0x80 ? 0 : 0x80 | (c & 0x3F));
    }
  }
  constexpr std::string_view of(int byte) const noexcept { return {text[byte], size[byte]}; }
};
inline constexpr ByteSpelling kByteSpelling;

}  // namespace shrike
