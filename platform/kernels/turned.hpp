#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "platform/kernels/rows.hpp"

namespace shrike {

// What the bodies of q4 share. A row is turned, and kept as the places of its numbers among sixteen levels, eight
// sizes with a sign:
//
//   [eight codes of four bits in four bytes, the first code lowest] ... [d as f16]     turned x = d level[code]
//
// A code is the number of a size, and 8 where the number is below zero. A short group is filled up to a whole one.
struct RowQ4 {
  static constexpr int kGroup = 8;
  static constexpr int kGroupBytes = 4;
  static constexpr int n_groups(int n) noexcept { return div_ceil(n, kGroup); }
  static constexpr int scale_at(int n) noexcept { return n_groups(n) * kGroupBytes; }
};

template <>
constexpr std::size_t row_bytes<RowQ4>(int n) noexcept {
  return static_cast<std::size_t>(RowQ4::scale_at(n)) + sizeof(f16);
}
static_assert(row_bytes<RowQ4>(48) == 26 && row_bytes<RowQ4>(64) == 34 && row_bytes<RowQ4>(9) == 10);

namespace {

// The sizes that tell a normal distribution of size 1 best, with their signs: Max 1960, table I; what lies halfway
// between two is where the next begins.
constexpr int kSizes = 8;
constexpr float kSize[kSizes] = {0.1284f, 0.3881f, 0.6568f, 0.9424f, 1.256f, 1.618f, 2.069f, 2.733f};
constexpr int kBounds = kSizes - 1;
constexpr std::uint32_t kNegative = kSizes;  // of a code

constexpr float kScaleMax = 65504.0f;  // the largest half

inline const std::byte* scale_of(const std::byte* row, int n) noexcept { return row + RowQ4::scale_at(n); }

inline int turned_block(int n) noexcept { return std::min(n & -n, kTurnedBlockMax); }
inline float turned_norm(int block) noexcept { return 1.0f / std::sqrt(static_cast<float>(block)); }

// The reference: butterflies by neighbours first, then what makes it orthonormal. Its own inverse.
inline void turn_numbers(float* x, int n) noexcept {
  const int block = turned_block(n);
  const float norm = turned_norm(block);
  for (; n > 0; n -= block, x += block) {
    for (int h = 1; h < block; h *= 2)
      for (int i = 0; i < block; i += 2 * h)
        for (int j = i; j < i + h; ++j) {
          const float a = x[j], b = x[j + h];
          x[j] = a + b;
          x[j + h] = a - b;
        }
    for (int i = 0; i < block; ++i) x[i] *= norm;
  }
}

// A row in the turned basis, filled up to whole groups with zeros.
template <class Set>
inline void turn_into(float* turned, const float* x, int n) noexcept {
  if (n % RowQ4::kGroup != 0) std::fill_n(turned + n / RowQ4::kGroup * RowQ4::kGroup, RowQ4::kGroup, 0.0f);
  std::copy_n(x, n, turned);
  Set::turn(turned, n);
}

// Sums in eight lanes, whatever a set's registers are.
inline float sum_lanes(const float (&a)[8]) noexcept {
  return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

// The codes of n <= 8 numbers. Adds what d comes from.
inline std::uint32_t code_group(const float* x, int n, const float (&bounds)[kBounds], float (&with_size)[8],
                                float (&size_squared)[8]) noexcept {
  std::uint32_t codes = 0;
  for (int i = 0; i < n; ++i) {
    const float size = std::fabs(x[i]);
    std::uint32_t code = 0;
    for (const float bound : bounds) code += size > bound ? 1u : 0u;
    with_size[i] += size * kSize[code];
    size_squared[i] += kSize[code] * kSize[code];
    codes |= (x[i] < 0.0f ? code | kNegative : code) << 4 * i;
  }
  return codes;
}

// What sizes are compared with, from the sum of the row's squares.
inline void put_bounds(float (&bounds)[kBounds], float squares, int n) noexcept {
  const float size = std::sqrt(squares / static_cast<float>(n));
  for (int i = 0; i < kBounds; ++i) bounds[i] = (kSize[i] + kSize[i + 1]) / 2 * size;
}

// The groups from number i on, one number at a time; then the d that is least squares for all codes.
inline void finish_row(std::byte* row, const float* turned, int i, int n, const float (&bounds)[kBounds],
                       float (&with_size)[8], float (&size_squared)[8]) noexcept {
  for (; i < n; i += RowQ4::kGroup) {
    const std::uint32_t codes =
        code_group(turned + i, std::min(n - i, RowQ4::kGroup), bounds, with_size, size_squared);
    std::memcpy(row + i / RowQ4::kGroup * RowQ4::kGroupBytes, &codes, RowQ4::kGroupBytes);
  }
  const float d = sum_lanes(with_size) / sum_lanes(size_squared);
  put_half(row + RowQ4::scale_at(n), f32_to_f16(d >= 0.0f ? std::min(d, kScaleMax) : 0.0f));
}

}  // namespace
}  // namespace shrike
