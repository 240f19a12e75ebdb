#pragma once

#include <cstddef>
#include <cstring>

#include "platform/kernels/dtype.hpp"
#include "platform/kernels/kernels.hpp"
#include "platform/kernels/qblocks.hpp"

// 32 weights of any quantised type in one form, and how the file's qblocks become it: all that a kernel needs
// to know of a type.
namespace shrike {

// w[i] = d[i / 16] * q[i] + m[i / 16]. Types with one scale for 32 weights have it twice; q6_k alone has two.
// Types with minimums (q4_1, q5_1, q4_k, q5_k) have q in 0..31, as in the file; the others are centred, with
// m = 0, and have q in -128..127. d and m are exact.
struct Group {
  std::int8_t q[kQ8Group];
  float d[2];
  float m[2];
};
static_assert(sizeof(Group) == 48);

namespace {

constexpr std::int8_t kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};

inline void set_scale(Group& out, float d, float m = 0.0f) noexcept {
  out.d[0] = out.d[1] = d;
  out.m[0] = out.m[1] = m;
}

// The nibbles of 16 bytes in their order, each raised by 16 where its bit of `high` is set, then less `centre`.
inline void set_quants(Group& out, const std::uint8_t* q, std::uint32_t high, int centre) noexcept {
  for (int i = 0; i < 16; ++i) {
    const std::uint32_t low_bit = high >> i & 1u, high_bit = high >> (i + 16) & 1u;
    out.q[i] = static_cast<std::int8_t>(static_cast<int>((q[i] & 15u) + 16u * low_bit) - centre);
    out.q[i + 16] = static_cast<std::int8_t>(static_cast<int>((q[i] >> 4) + 16u * high_bit) - centre);
  }
}

inline std::uint32_t high_bits(const std::uint8_t (&high)[4]) noexcept {
  std::uint32_t bits = 0;
  std::memcpy(&bits, high, sizeof(bits));
  return bits;
}

// group_of(block, j, out): the j-th group of a qblock. j = 0 for those of 32 weights.
inline void group_of(const QBlockQ4_0& block, int, Group& out) noexcept {
  set_scale(out, f16_to_f32(block.d));
  set_quants(out, block.q, 0, 8);
}

inline void group_of(const QBlockQ4_1& block, int, Group& out) noexcept {
  set_scale(out, f16_to_f32(block.d), f16_to_f32(block.m));
  set_quants(out, block.q, 0, 0);
}

inline void group_of(const QBlockQ5_0& block, int, Group& out) noexcept {
  set_scale(out, f16_to_f32(block.d));
  set_quants(out, block.q, high_bits(block.high), 16);
}

inline void group_of(const QBlockQ5_1& block, int, Group& out) noexcept {
  set_scale(out, f16_to_f32(block.d), f16_to_f32(block.m));
  set_quants(out, block.q, high_bits(block.high), 0);
}

inline void group_of(const QBlockQ8_0& block, int, Group& out) noexcept {
  set_scale(out, f16_to_f32(block.d));
  std::memcpy(out.q, block.q, sizeof(out.q));
}

inline void group_of(const QBlockIQ4_NL& block, int, Group& out) noexcept {
  set_scale(out, f16_to_f32(block.d));
  for (int i = 0; i < 16; ++i) {
    out.q[i] = kIq4Levels[block.q[i] & 15u];
    out.q[i + 16] = kIq4Levels[block.q[i] >> 4];
  }
}

// The 6-bit scale and minimum of group j. Those of the first four groups are the low 6 bits of the first and
// of the second four bytes; of the last four, their low 4 bits share a byte of the last four, and the upper 2
// bits of the first eight bytes are their high ones.
struct KScale {
  int scale, minimum;
};
inline KScale k_scale(const std::uint8_t (&s)[kQScales], int j) noexcept {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | (s[j - 4] >> 6) << 4, s[j + 4] >> 4 | (s[j] >> 6) << 4};
}

template <class Block>
inline void set_k_scale(Group& out, const Block& block, int j) noexcept {
  const KScale s = k_scale(block.scales, j);
  set_scale(out, f16_to_f32(block.d) * static_cast<float>(s.scale),
            -f16_to_f32(block.dmin) * static_cast<float>(s.minimum));
}

inline void group_of(const QBlockQ4_K& block, int j, Group& out) noexcept {
  set_k_scale(out, block, j);
  const std::uint8_t* q = block.q + 32 * (j / 2);
  for (int l = 0; l < kQ8Group; ++l) out.q[l] = static_cast<std::int8_t>(q[l] >> 4 * (j % 2) & 15);
}

inline void group_of(const QBlockQ5_K& block, int j, Group& out) noexcept {
  set_k_scale(out, block, j);
  const std::uint8_t* q = block.q + 32 * (j / 2);
  for (int l = 0; l < kQ8Group; ++l)
    out.q[l] = static_cast<std::int8_t>((q[l] >> 4 * (j % 2) & 15) | (block.high[l] >> j & 1) << 4);
}

inline void group_of(const QBlockQ6_K& block, int j, Group& out) noexcept {
  const int half = j / 4, quarter = j % 4;
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < 2; ++i) {
    out.d[i] = d * block.scales[2 * j + i];
    out.m[i] = 0.0f;
  }
  const std::uint8_t* low = block.low + 64 * half + 32 * (quarter % 2);
  const std::uint8_t* high = block.high + 32 * half;
  for (int l = 0; l < kQ8Group; ++l) {
    const int six = (low[l] >> 4 * (quarter / 2) & 15) | (high[l] >> 2 * quarter & 3) << 4;
    out.q[l] = static_cast<std::int8_t>(six - 32);
  }
}

// What kernels ask of a type: groups in a qblock; width of its quants (8: signed, else unsigned as they lie);
// what to take from a quant to centre it; scales of a group; whether it has minimums.
template <class Block>
struct QType;
template <>
struct QType<QBlockQ4_0> {
  static constexpr int kGroups = 1, kBits = 4, kCentre = 8, kScales = 1;
  static constexpr bool kMinimum = false;
};
template <>
struct QType<QBlockQ4_1> {
  static constexpr int kGroups = 1, kBits = 4, kCentre = 0, kScales = 1;
  static constexpr bool kMinimum = true;
};
template <>
struct QType<QBlockQ5_0> {
  static constexpr int kGroups = 1, kBits = 5, kCentre = 16, kScales = 1;
  static constexpr bool kMinimum = false;
};
template <>
struct QType<QBlockQ5_1> {
  static constexpr int kGroups = 1, kBits = 5, kCentre = 0, kScales = 1;
  static constexpr bool kMinimum = true;
};
template <>
struct QType<QBlockQ8_0> {
  static constexpr int kGroups = 1, kBits = 8, kCentre = 0, kScales = 1;
  static constexpr bool kMinimum = false;
};
template <>
struct QType<QBlockIQ4_NL> {
  static constexpr int kGroups = 1, kBits = 8, kCentre = 0, kScales = 1;
  static constexpr bool kMinimum = false;
};
template <>
struct QType<QBlockQ4_K> {
  static constexpr int kGroups = 8, kBits = 4, kCentre = 0, kScales = 1;
  static constexpr bool kMinimum = true;
};
template <>
struct QType<QBlockQ5_K> {
  static constexpr int kGroups = 8, kBits = 5, kCentre = 0, kScales = 1;
  static constexpr bool kMinimum = true;
};
template <>
struct QType<QBlockQ6_K> {
  static constexpr int kGroups = 8, kBits = 6, kCentre = 32, kScales = 2;
  static constexpr bool kMinimum = false;
};

// The file promises no alignment, so a qblock is copied out.
template <class Block>
inline Block load_qblock(const std::byte* row, int index) noexcept {
  Block block;
  std::memcpy(&block, row + static_cast<std::ptrdiff_t>(index) * static_cast<std::ptrdiff_t>(sizeof(block)),
              sizeof(block));
  return block;
}

template <class Block>
inline void unpack_blocks(const std::byte* row, int first_group, int n_groups, Group* out) noexcept {
  constexpr int kGroups = QType<Block>::kGroups;
  for (int g = first_group; g < first_group + n_groups;) {
    const Block block = load_qblock<Block>(row, g / kGroups);
    do {
      group_of(block, g % kGroups, *out++);
      ++g;
    } while (g % kGroups != 0 && g < first_group + n_groups);
  }
}

// Calls fn<Block>() for the qblock of a type; false if the type has no groups.
template <class Fn>
inline bool with_qblock(DType type, Fn&& fn) noexcept {
  switch (type) {
    case DType::q4_0:
      return fn.template operator()<QBlockQ4_0>(), true;
    case DType::q4_1:
      return fn.template operator()<QBlockQ4_1>(), true;
    case DType::q5_0:
      return fn.template operator()<QBlockQ5_0>(), true;
    case DType::q5_1:
      return fn.template operator()<QBlockQ5_1>(), true;
    case DType::q8_0:
      return fn.template operator()<QBlockQ8_0>(), true;
    case DType::q4_k:
      return fn.template operator()<QBlockQ4_K>(), true;
    case DType::q5_k:
      return fn.template operator()<QBlockQ5_K>(), true;
    case DType::q6_k:
      return fn.template operator()<QBlockQ6_K>(), true;
    case DType::iq4_nl:
      return fn.template operator()<QBlockIQ4_NL>(), true;
    default:
      return false;
  }
}

// Whether a group of this type is d * q and nothing else.
inline bool has_one_scale(DType type) noexcept {
  bool one = false;
  with_qblock(type, [&]<class Block>() { one = QType<Block>::kScales == 1 && !QType<Block>::kMinimum; });
  return one;
}

// Groups [first_group, first_group + n_groups) of a row, counted from its start, of any type with groups;
// n_groups >= 0. Reads the qblocks that hold them, nothing beyond.
inline void unpack(DType type, const std::byte* row, int first_group, int n_groups, Group* out) noexcept {
  with_qblock(type, [&]<class Block>() { unpack_blocks<Block>(row, first_group, n_groups, out); });
}

}  // namespace
}  // namespace shrike
