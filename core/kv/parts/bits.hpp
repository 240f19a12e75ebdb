#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/kernels/kernels.hpp"
#include "platform/numeric.hpp"

// Numbers in 2, 4 or 8 bits between a least and a largest, for codecs that are not read in place.
namespace shrike::kv::parts {

struct Grid {
  float least = 0, step = 0;
};

// n numbers `stride` apart. A group of equal numbers, or of one that is no number, has no steps.
inline Grid grid_of(const float* x, int n, int stride, int bits) noexcept {
  float least = INFINITY, most = -INFINITY;
  for (int i = 0; i < n; ++i) {
    least = std::min(least, x[i * stride]);
    most = std::max(most, x[i * stride]);
  }
  if (!(most - least <= 65504.0f) || !(std::fabs(least) <= 65504.0f)) return {};
  // As they will be read again.
  return {f16_to_f32(f32_to_f16(least)),
          f16_to_f32(f32_to_f16((most - least) / static_cast<float>((1 << bits) - 1)))};
}

inline unsigned code_of(const Grid& grid, float x, int bits) noexcept {
  const float at = grid.step > 0 ? (x - grid.least) / grid.step : 0.0f;
  const float top = static_cast<float>((1 << bits) - 1);
  return at > 0 ? static_cast<unsigned>(std::min(at, top) + 0.5f) : 0u;
}

// Code i of a run of codes of so many bits, the first ones in the low bits of a byte. The bytes begin as zeros.
inline void put_code(std::byte* at, int i, int bits, unsigned code) noexcept {
  at[i * bits / 8] |= static_cast<std::byte>(code << (i * bits % 8));
}
inline unsigned code_at(const std::byte* at, int i, int bits) noexcept {
  return static_cast<unsigned>(at[i * bits / 8]) >> (i * bits % 8) & ((1u << bits) - 1);
}

inline void put_grid(std::byte* at, const Grid& grid) noexcept {
  const f16 numbers[2] = {f32_to_f16(grid.least), f32_to_f16(grid.step)};
  std::memcpy(at, numbers, sizeof(numbers));
}
inline Grid grid_at(const std::byte* at) noexcept {
  f16 numbers[2];
  std::memcpy(numbers, at, sizeof(numbers));
  return {f16_to_f32(numbers[0]), f16_to_f32(numbers[1])};
}
inline constexpr std::size_t kGridBytes = 4;

// A row in groups of 32, each with a grid of its own and then its codes.
inline constexpr int kBitsGroup = 32;
constexpr std::size_t bits_row_bytes(int n, int bits) noexcept {
  std::size_t bytes = 0;
  for (int i = 0; i < n; i += kBitsGroup)
    bytes +=
        kGridBytes + static_cast<std::size_t>(((n - i < kBitsGroup ? n - i : kBitsGroup) * bits + 7) / 8);
  return bytes;
}
inline void put_row(std::byte* at, const float* x, int n, int bits) noexcept {
  std::memset(at, 0, bits_row_bytes(n, bits));
  for (int i = 0; i < n; i += kBitsGroup) {
    const int m = std::min(kBitsGroup, n - i);
    const Grid grid = grid_of(x + i, m, 1, bits);
    put_grid(at, grid);
    for (int k = 0; k < m; ++k) put_code(at + kGridBytes, k, bits, code_of(grid, x[i + k], bits));
    at += bits_row_bytes(m, bits);
  }
}
inline void read_row(float* out, const std::byte* at, int n, int bits) noexcept {
  for (int i = 0; i < n; i += kBitsGroup) {
    const int m = std::min(kBitsGroup, n - i);
    const Grid grid = grid_at(at);
    for (int k = 0; k < m; ++k)
      out[i + k] = grid.least + grid.step * static_cast<float>(code_at(at + kGridBytes, k, bits));
    at += bits_row_bytes(m, bits);
  }
}

}  // namespace shrike::kv::parts
