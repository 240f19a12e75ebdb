#pragma once

#include <cstdint>

#include "platform/numeric.hpp"

// Quantised weights as a GGUF file stores them, little-endian: a row is a run of qblocks of 32 or 256 weights.
// w[i] below is the i-th weight of a qblock; nibble(i) of 16 bytes is the low half of byte i for i < 16, then
// the high half of byte i - 16. Source: ggml's block layouts.
namespace shrike {

inline constexpr int kQScales = 12;  // bytes that hold eight scales and eight minimums of 6 bits each

struct QBlockQ4_0 {  // w[i] = d * (nibble(i) - 8)
  f16 d;
  std::uint8_t q[16];
};
struct QBlockQ4_1 {  // w[i] = d * nibble(i) + m
  f16 d, m;
  std::uint8_t q[16];
};
struct QBlockQ5_0 {  // w[i] = d * (nibble(i) + 16 * bit i of high - 16)
  f16 d;
  std::uint8_t high[4];
  std::uint8_t q[16];
};
struct QBlockQ5_1 {  // w[i] = d * (nibble(i) + 16 * bit i of high) + m
  f16 d, m;
  std::uint8_t high[4];
  std::uint8_t q[16];
};
struct QBlockQ8_0 {  // w[i] = d * q[i]
  f16 d;
  std::int8_t q[32];
};
struct QBlockIQ4_NL {  // w[i] = d * kIq4Levels[nibble(i)]
  f16 d;
  std::uint8_t q[16];
};

// Group j of eight has a scale s_j and a minimum m_j (k_scale). Its weight l lies in byte 32 (j / 2) + l of q:
// the low half for even j, the high half for odd.
struct QBlockQ4_K {  // w = d s_j nibble - dmin m_j
  f16 d, dmin;
  std::uint8_t scales[kQScales];
  std::uint8_t q[128];
};
struct QBlockQ5_K {  // w = d s_j (nibble + 16 * bit j of high[l]) - dmin m_j
  f16 d, dmin;
  std::uint8_t scales[kQScales];
  std::uint8_t high[32];
  std::uint8_t q[128];
};

// Group j of eight is quarter t = j % 4 of half n = j / 4. Its weight l has its low 4 bits in byte
// 64 n + 32 (t % 2) + l of low (the low half for t < 2), its high 2 in bits 2t, 2t + 1 of high[32 n + l];
// 16 weights share a scale.
struct QBlockQ6_K {  // w = d scales[2j + l / 16] (low + 16 high - 32)
  std::uint8_t low[128];
  std::uint8_t high[64];
  std::int8_t scales[16];
  f16 d;
};

static_assert(sizeof(QBlockQ4_0) == 18 && sizeof(QBlockQ4_1) == 20);
static_assert(sizeof(QBlockQ5_0) == 22 && sizeof(QBlockQ5_1) == 24);
static_assert(sizeof(QBlockQ8_0) == 34 && sizeof(QBlockIQ4_NL) == 18);
static_assert(sizeof(QBlockQ4_K) == 144 && sizeof(QBlockQ5_K) == 176 && sizeof(QBlockQ6_K) == 210);

}  // namespace shrike
