#pragma once

#include <cstdint>
#include <cstring>

#include "platform/kernels/kernels.hpp"

namespace shrike {

// What the bodies of a format share. A row is its groups one behind the other, the last one short where n is
// no multiple of 32; a group is its scales and then its numbers:
//
//   q8   [f16 d][i8 q] ...              x = d q
//   q4   [f16 d][f16 m][two q a byte]   x = m + d q, the even number in the low half
struct RowQ8 {
  static constexpr int kHeader = 2;
  static constexpr int numbers_bytes(int n) noexcept { return n; }
};
struct RowQ4 {
  static constexpr int kHeader = 4;
  static constexpr int numbers_bytes(int n) noexcept { return (n + 1) / 2; }
};

inline constexpr int kRowGroup = 32;

template <class Format>
constexpr int group_bytes(int n = kRowGroup) noexcept {
  return Format::kHeader + Format::numbers_bytes(n);
}
static_assert(group_bytes<RowQ8>() == 34 && group_bytes<RowQ4>() == 20);

template <class Format>
constexpr std::size_t row_bytes(int n) noexcept {
  const int rest = n % kRowGroup;
  return static_cast<std::size_t>(n / kRowGroup * group_bytes<Format>() +
                                  (rest > 0 ? group_bytes<Format>(rest) : 0));
}
static_assert(row_bytes<RowQ8>(64) == 68 && row_bytes<RowQ4>(64) == 40 && row_bytes<RowQ4>(40) == 28);

namespace {

inline f16 half_at(const std::byte* at) noexcept {
  f16 h;
  std::memcpy(&h, at, sizeof(h));
  return h;
}
inline void put_half(std::byte* at, f16 h) noexcept { std::memcpy(at, &h, sizeof(h)); }

}  // namespace
}  // namespace shrike
