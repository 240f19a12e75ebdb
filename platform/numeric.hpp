#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace shrike {

// IEEE half, kept as its bits: the language has no such type yet.
using f16 = std::uint16_t;

// The upper half of an f32; a type of its own, so that it is not taken for the other half.
struct bf16 {
  std::uint16_t bits;
};

template <class T>
constexpr T div_ceil(T a, T b) noexcept {
  return (a + b - 1) / b;
}

template <class T>
constexpr T align_up(T n, T alignment) noexcept {
  return div_ceil(n, alignment) * alignment;
}

// Sizes from files are multiplied only here: false on overflow, `out` then untouched.
[[nodiscard]] constexpr bool checked_mul(std::uint64_t a, std::uint64_t b, std::uint64_t& out) noexcept {
  if (a != 0 && b > std::numeric_limits<std::uint64_t>::max() / a) return false;
  out = a * b;
  return true;
}
[[nodiscard]] constexpr bool checked_add(std::uint64_t a, std::uint64_t b, std::uint64_t& out) noexcept {
  if (b > std::numeric_limits<std::uint64_t>::max() - a) return false;
  out = a + b;
  return true;
}

// Exact. Subnormals, infinities and NaN included. Without a branch, so that a loop of it becomes vector code:
// the bits moved up are the number divided by 2^112.
constexpr float f16_to_f32(f16 h) noexcept {
  const std::uint32_t magnitude = h & 0x7FFFu;
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const std::uint32_t special = magnitude >= 0x7C00u ? 0x7F800000u : 0u;
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | special | sign);
}

// Rounds to nearest, ties to even; overflow becomes infinity, NaN stays NaN.
constexpr f16 f32_to_f16(float x) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<f16>(sign | 0x7E00u);
  if (magnitude >= 0x477FF000u) return static_cast<f16>(sign | 0x7C00u);  // 65520 and up
  if (magnitude < 0x38800000u) {                                          // subnormal half: units of 2^-24
    const float units = std::bit_cast<float>(magnitude) * 0x1p24f;
    const float magic = 0x1p23f;  // adding it rounds to an integer
    const std::uint32_t rounded = std::bit_cast<std::uint32_t>(units + magic) & 0x7FFu;
    return static_cast<f16>(sign | rounded);
  }
  const std::uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<f16>(sign | ((magnitude + 0xFFFu + odd - 0x38000000u) >> 13));
}

constexpr float bf16_to_f32(bf16 h) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(h.bits) << 16);
}

}  // namespace shrike
