#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "platform/kernels/rows.hpp"

namespace shrike {

// What the bodies of q3 share. A row is turned, and kept as the places of its numbers among eight levels:
//
//   [eight codes of three bits in three bytes, the first code lowest] ... [d as f16]     turned x = d level[code]
//
// A short group is filled up to a whole one, and the groups to an even number of bytes. Because d comes last, four
// bytes may be read wherever a group begins.
struct RowQ3 {
  static constexpr int kGroup = 8;
  static constexpr int kGroupBytes = 3;
  static constexpr int n_groups(int n) noexcept { return div_ceil(n, kGroup); }
  static constexpr int scale_at(int n) noexcept { return align_up(n_groups(n) * kGroupBytes, 2); }
};

template <>
constexpr std::size_t row_bytes<RowQ3>(int n) noexcept {
  return static_cast<std::size_t>(RowQ3::scale_at(n)) + sizeof(f16);
}
static_assert(row_bytes<RowQ3>(48) == 20 && row_bytes<RowQ3>(64) == 26 && row_bytes<RowQ3>(8) == 6);

namespace {

// What a normal distribution of size 1 is best told by in eight steps: Max 1960, table I. Codes rise with levels.
constexpr float kTop[4] = {0.2451f, 0.756f, 1.3439f, 2.152f};
constexpr float kLevels[8] = {-kTop[3], -kTop[2], -kTop[1], -kTop[0], kTop[0], kTop[1], kTop[2], kTop[3]};
constexpr float kBetween[3] = {(kTop[0] + kTop[1]) / 2, (kTop[1] + kTop[2]) / 2, (kTop[2] + kTop[3]) / 2};
constexpr float kScaleMax = 65504.0f;  // the largest half

inline const std::byte* scale_of(const std::byte* row, int n) noexcept { return row + RowQ3::scale_at(n); }

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
  if (n % RowQ3::kGroup != 0) std::fill_n(turned + n / RowQ3::kGroup * RowQ3::kGroup, RowQ3::kGroup, 0.0f);
  std::copy_n(x, n, turned);
  Set::turn(turned, n);
}

// Sums in eight lanes, whatever a set's registers are.
inline float sum_lanes(const float (&a)[8]) noexcept {
  return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

// The codes of n <= 8 numbers, by sizes: levels lie alike on both sides of zero. Adds what d comes from.
inline std::uint32_t code_group(const float* x, int n, const float (&between)[3], float (&with_level)[8],
                                float (&level_squared)[8]) noexcept {
  std::uint32_t codes = 0;
  for (int i = 0; i < n; ++i) {
    const float size = std::fabs(x[i]);
    const bool first = size > between[0], second = size > between[1], third = size > between[2];
    const float low = first ? kTop[1] : kTop[0], high = third ? kTop[3] : kTop[2];
    const float level = second ? high : low;
    with_level[i] += size * level;
    level_squared[i] += level * level;
    const std::uint32_t above = 4u + first + second + third;
    codes |= (x[i] < 0.0f ? above ^ 7u : above) << 3 * i;
  }
  return codes;
}

// What is compared with sizes, from the sum of the row's squares.
inline void put_between(float (&between)[3], float squares, int n) noexcept {
  const float size = std::sqrt(squares / static_cast<float>(n));
  for (int i = 0; i < 3; ++i) between[i] = kBetween[i] * size;
}

// The groups from number i on, one number at a time; then the d that is least squares for all codes.
inline void finish_row(std::byte* row, const float* turned, int i, int n, const float (&between)[3],
                       float (&with_level)[8], float (&level_squared)[8]) noexcept {
  if (RowQ3::n_groups(n) % 2 == 1) row[RowQ3::scale_at(n) - 1] = std::byte{0};  // what fills up
  for (; i < n; i += RowQ3::kGroup) {
    const std::uint32_t codes =
        code_group(turned + i, std::min(n - i, RowQ3::kGroup), between, with_level, level_squared);
    std::memcpy(row + i / RowQ3::kGroup * RowQ3::kGroupBytes, &codes, RowQ3::kGroupBytes);
  }
  const float d = sum_lanes(with_level) / sum_lanes(level_squared);
  put_half(row + RowQ3::scale_at(n), f32_to_f16(d >= 0.0f ? std::min(d, kScaleMax) : 0.0f));
}

}  // namespace
}  // namespace shrike
