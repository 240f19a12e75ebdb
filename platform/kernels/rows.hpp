#pragma once

#include <cstdint>
#include <cstring>

#include "platform/kernels/kernels.hpp"

namespace shrike {

// What the bodies of q8 share. A row is its groups one behind the other, the last one short where n is no multiple
// of 32; a group is its scale and then its numbers:
//
//   [f16 d][i8 q] ...              x = d q
struct RowQ8 {
  static constexpr int kHeader = 2;
};

inline constexpr int kRowGroup = 32;

constexpr int group_bytes(int n = kRowGroup) noexcept { return RowQ8::kHeader + n; }

// Of a row of n numbers, in either format.
template <class Format>
constexpr std::size_t row_bytes(int n) noexcept;
template <>
constexpr std::size_t row_bytes<RowQ8>(int n) noexcept {
  const int rest = n % kRowGroup;
  return static_cast<std::size_t>(n / kRowGroup * group_bytes() + (rest > 0 ? group_bytes(rest) : 0));
}
static_assert(group_bytes() == 34 && row_bytes<RowQ8>(64) == 68);

namespace {

inline f16 half_at(const std::byte* at) noexcept {
  f16 h;
  std::memcpy(&h, at, sizeof(h));
  return h;
}
inline void put_half(std::byte* at, f16 h) noexcept { std::memcpy(at, &h, sizeof(h)); }

}  // namespace
}  // namespace shrike
