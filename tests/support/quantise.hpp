#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "platform/check.hpp"
#include "platform/kernels/groups.hpp"

namespace shrike::test {

// Numbers as the qblocks of any type, by the plainest rounding that the type allows: the counterpart of groups.hpp,
// written apart from it.
namespace quantising {

struct Range {
  float low, high, largest;  // largest: of magnitude, with its sign
};
inline Range range(const float* x, int n) {
  Range r{x[0], x[0], x[0]};
  for (int i = 1; i < n; ++i) {
    r.low = std::min(r.low, x[i]);
    r.high = std::max(r.high, x[i]);
    if (std::fabs(x[i]) > std::fabs(r.largest)) r.largest = x[i];
  }
  return r;
}

inline int level(float x, float d, float m, int low, int high) {
  return d == 0 ? std::clamp(0, low, high) : std::clamp(static_cast<int>(std::lrint((x - m) / d)), low, high);
}

// d and m of a group whose quants run from 0 to n_levels - 1, or with m = 0 around the middle; then its quants.
template <class Block>
std::vector<int> levels(Block& block, const float* x, int n_levels) {
  const Range r = range(x, 32);
  float d = 0, m = 0;
  if constexpr (QType<Block>::kMinimum) {
    block.d = f32_to_f16((r.high - r.low) / static_cast<float>(n_levels - 1));
    block.m = f32_to_f16(r.low);
    m = f16_to_f32(block.m);
  } else {
    block.d = f32_to_f16(r.largest / static_cast<float>(-n_levels / 2));
    m = -f16_to_f32(block.d) * static_cast<float>(n_levels / 2);
  }
  d = f16_to_f32(block.d);
  std::vector<int> q;
  for (int i = 0; i < 32; ++i) q.push_back(level(x[i], d, m, 0, n_levels - 1));
  return q;
}

template <class Block>
void put_nibbles(Block& block, const std::vector<int>& q) {
  for (std::size_t i = 0; i < 16; ++i)
    block.q[i] = static_cast<std::uint8_t>((q[i] & 15) | (q[i + 16] & 15) << 4);
}
template <class Block>
void put_fifth_bits(Block& block, const std::vector<int>& q) {
  for (std::size_t i = 0; i < 32; ++i)
    block.high[i / 8] = static_cast<std::uint8_t>(block.high[i / 8] | (q[i] >> 4) << i % 8);
}

inline void fill(QBlockQ4_0& block, const float* x) { put_nibbles(block, levels(block, x, 16)); }
inline void fill(QBlockQ4_1& block, const float* x) { put_nibbles(block, levels(block, x, 16)); }
template <class Block>
void fill_5(Block& block, const float* x) {
  const auto q = levels(block, x, 32);
  put_nibbles(block, q);
  put_fifth_bits(block, q);
}
inline void fill(QBlockQ5_0& block, const float* x) { fill_5(block, x); }
inline void fill(QBlockQ5_1& block, const float* x) { fill_5(block, x); }

inline void fill(QBlockQ8_0& block, const float* x) {
  const float largest = std::fabs(range(x, 32).largest);
  block.d = f32_to_f16(largest / 127);
  for (int i = 0; i < 32; ++i)
    block.q[i] = static_cast<std::int8_t>(largest == 0 ? 0.0f : std::nearbyint(x[i] / largest * 127));
}

inline void fill(QBlockIQ4_NL& block, const float* x) {
  block.d = f32_to_f16(range(x, 32).largest / -127);
  const float d = f16_to_f32(block.d);
  std::vector<int> q;
  for (int i = 0; i < 32; ++i) {
    const auto far = [&](std::int8_t value) { return std::fabs(x[i] - d * static_cast<float>(value)); };
    const auto* nearest = std::min_element(std::begin(kIq4Levels), std::end(kIq4Levels),
                                           [&](std::int8_t a, std::int8_t b) { return far(a) < far(b); });
    q.push_back(static_cast<int>(nearest - kIq4Levels));
  }
  put_nibbles(block, q);
}

// Eight scales and minimums of 6 bits; then the quants of all groups, [8][32].
template <class Block>
std::vector<int> k_levels(Block& block, const float* x, int n_levels) {
  float step[8], depth[8];  // w = step * q - depth
  for (int j = 0; j < 8; ++j) {
    const Range r = range(x + 32 * j, 32);
    depth[j] = std::max(0.0f, -r.low);
    step[j] = std::max(0.0f, r.high + depth[j]) / static_cast<float>(n_levels - 1);
  }
  block.d = f32_to_f16(*std::max_element(step, step + 8) / 63);
  block.dmin = f32_to_f16(*std::max_element(depth, depth + 8) / 63);
  std::vector<int> q;
  for (int j = 0; j < 8; ++j) {
    const int s = level(step[j], f16_to_f32(block.d), 0, 0, 63);
    const int m = level(depth[j], f16_to_f32(block.dmin), 0, 0, 63);
    if (j < 4) {
      block.scales[j] = static_cast<std::uint8_t>(block.scales[j] | s);
      block.scales[j + 4] = static_cast<std::uint8_t>(block.scales[j + 4] | m);
    } else {
      block.scales[j + 4] = static_cast<std::uint8_t>((s & 15) | (m & 15) << 4);
      block.scales[j - 4] = static_cast<std::uint8_t>(block.scales[j - 4] | (s >> 4) << 6);
      block.scales[j] = static_cast<std::uint8_t>(block.scales[j] | (m >> 4) << 6);
    }
    for (int l = 0; l < 32; ++l)
      q.push_back(level(x[32 * j + l], f16_to_f32(block.d) * static_cast<float>(s),
                        -f16_to_f32(block.dmin) * static_cast<float>(m), 0, n_levels - 1));
  }
  return q;
}
template <class Block>
void put_half_bytes(Block& block, const std::vector<int>& q) {
  for (std::size_t pair = 0; pair < 4; ++pair)
    for (std::size_t l = 0; l < 32; ++l)
      block.q[32 * pair + l] =
          static_cast<std::uint8_t>((q[64 * pair + l] & 15) | (q[64 * pair + 32 + l] & 15) << 4);
}
inline void fill(QBlockQ4_K& block, const float* x) { put_half_bytes(block, k_levels(block, x, 16)); }
inline void fill(QBlockQ5_K& block, const float* x) {
  const auto q = k_levels(block, x, 32);
  put_half_bytes(block, q);
  for (std::size_t i = 0; i < 256; ++i)
    block.high[i % 32] = static_cast<std::uint8_t>(block.high[i % 32] | (q[i] >> 4) << i / 32);
}

inline void fill(QBlockQ6_K& block, const float* x) {
  float step[16];
  for (int i = 0; i < 16; ++i) step[i] = std::fabs(range(x + 16 * i, 16).largest) / 31;
  block.d = f32_to_f16(*std::max_element(step, step + 16) / 127);
  for (int i = 0; i < 256; ++i) {
    const int s = level(step[i / 16], f16_to_f32(block.d), 0, -128, 127);
    block.scales[i / 16] = static_cast<std::int8_t>(s);
    const int q = level(x[i], f16_to_f32(block.d) * static_cast<float>(s), 0, -32, 31) + 32;
    const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
    auto& low = block.low[64 * half + 32 * (quarter % 2) + l];
    auto& high = block.high[32 * half + l];
    low = static_cast<std::uint8_t>(low | (q & 15) << 4 * (quarter / 2));
    high = static_cast<std::uint8_t>(high | (q >> 4) << 2 * quarter);
  }
}

}  // namespace quantising

// Numbers must fill whole qblocks.
inline std::vector<std::byte> quantise(DType type, const std::vector<float>& x) {
  std::vector<std::byte> out;
  const bool known = with_qblock(type, [&]<class Block>() {
    constexpr std::size_t kWeights = kQ8Group * QType<Block>::kGroups;
    SHRIKE_CHECK(x.size() % kWeights == 0);
    for (std::size_t begin = 0; begin < x.size(); begin += kWeights) {
      Block block{};
      quantising::fill(block, x.data() + begin);
      const auto* bytes = reinterpret_cast<const std::byte*>(&block);
      out.insert(out.end(), bytes, bytes + sizeof(block));
    }
  });
  SHRIKE_CHECK(known, static_cast<int>(type));
  return out;
}

}  // namespace shrike::test
