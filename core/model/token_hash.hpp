#pragma once

#include <cstdint>
#include <string_view>

namespace shrike {

// The hashes of a tokenizer's tables (open addressing, powers of two). Texts are hashed byte by byte, so that
// every prefix of a text is hashed on the way: FNV-1a, finished by hash_end().
inline constexpr std::uint64_t kHashBegin = 0xCBF29CE484222325u;

[[nodiscard]] inline std::uint64_t hash_step(std::uint64_t h, char c) noexcept {
  return (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
}
[[nodiscard]] inline std::uint32_t hash_end(std::uint64_t h) noexcept {
  h ^= h >> 32;
  h *= 0x9E3779B97F4A7C15u;
  return static_cast<std::uint32_t>(h >> 32);
}
[[nodiscard]] inline std::uint32_t hash_text(std::string_view text) noexcept {
  std::uint64_t h = kHashBegin;
  for (const char c : text) h = hash_step(h, c);
  return hash_end(h);
}
[[nodiscard]] inline std::uint32_t hash_pair(std::int32_t left, std::int32_t right) noexcept {
  return hash_end(static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
                  static_cast<std::uint32_t>(right));
}

}  // namespace shrike
