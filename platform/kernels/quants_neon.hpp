#pragma once

#include "platform/kernels/each.hpp"
#include "platform/kernels/groups_neon.hpp"
#include "platform/kernels/install.hpp"

// Products of int8 activations with quantised weights where they lie, for two kinds of integer dots: Dots is
// plain multiplications, or the instruction that some processors have. A tile is four outputs: their partial
// dots are added up across four registers, which leaves four dots side by side, so that scales, minimums and
// sums are registers of four outputs too. The number of rows changes the tile, never the order of an output's
// sum.
namespace shrike {
namespace {

constexpr int kOuts = 4;
constexpr int kTileRows = 4;
constexpr std::ptrdiff_t kLine = 64;  // of a cache

using Rows = const std::byte* const (&)[kOuts];  // a place in the row of each output

// --- scales of four outputs --------------------------------------------------------------------------------

inline uint32x4_t gather_32(Rows rows, std::ptrdiff_t at) noexcept {
  std::uint32_t words[kOuts];
  for (int c = 0; c < kOuts; ++c) std::memcpy(&words[c], rows[c] + at, sizeof(words[c]));
  return vld1q_u32(words);
}

inline float32x4_t gather_f16(Rows rows, std::ptrdiff_t at) noexcept {
  std::uint16_t halves[kOuts];
  for (int c = 0; c < kOuts; ++c) std::memcpy(&halves[c], rows[c] + at, sizeof(halves[c]));
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

// Two halves that lie side by side.
inline void gather_2_f16(Rows rows, std::ptrdiff_t at, float32x4_t& first, float32x4_t& second) noexcept {
  const uint32x4_t words = gather_32(rows, at);
  first = vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(words)));
  second = vcvt_f32_f16(vreinterpret_f16_u16(vshrn_n_u32(words, 16)));
}

// scale<k>(): the k-th scale of a qblock (its second 16 weights in q6_k have odd ones); minimum<j>() of group j.
template <class Block>
struct Scales {
  float32x4_t d, m;

  Scales(Rows rows, std::ptrdiff_t at) noexcept {
    if constexpr (QType<Block>::kMinimum)
      gather_2_f16(rows, at, d, m);
    else
      d = gather_f16(rows, at);
  }
  template <int k>
  float32x4_t scale() const noexcept {
    return d;
  }
  template <int j>
  float32x4_t minimum() const noexcept {
    return m;
  }
};

// As k_scale() of groups.hpp, the bytes of four groups in one word.
struct KScales {
  float32x4_t d, dmin;
  uint32x4_t scales[2], minimums[2];

  KScales(Rows rows, std::ptrdiff_t at) noexcept {
    gather_2_f16(rows, at, d, dmin);
    dmin = vnegq_f32(dmin);
    const uint32x4_t a = gather_32(rows, at + 4), b = gather_32(rows, at + 8), c = gather_32(rows, at + 12);
    const uint32x4_t six = vdupq_n_u32(0x3F3F3F3F), low = vdupq_n_u32(0x0F0F0F0F),
                     high = vdupq_n_u32(0x30303030);
    scales[0] = vandq_u32(a, six);
    minimums[0] = vandq_u32(b, six);
    scales[1] = vorrq_u32(vandq_u32(c, low), vandq_u32(vshrq_n_u32(a, 2), high));
    minimums[1] = vorrq_u32(vandq_u32(vshrq_n_u32(c, 4), low), vandq_u32(vshrq_n_u32(b, 2), high));
  }
  template <int j>
  static float32x4_t of(const uint32x4_t (&bytes)[2]) noexcept {
    const uint32x4_t moved = vshlq_u32(bytes[j / 4], vdupq_n_s32(-8 * (j % 4)));
    return vcvtq_f32_u32(vandq_u32(moved, vdupq_n_u32(63)));
  }
  template <int j>
  float32x4_t scale() const noexcept {
    return vmulq_f32(d, of<j>(scales));
  }
  template <int j>
  float32x4_t minimum() const noexcept {
    return vmulq_f32(dmin, of<j>(minimums));
  }
};
template <>
struct Scales<QBlockQ4_K> : KScales {
  using KScales::KScales;
};
template <>
struct Scales<QBlockQ5_K> : KScales {
  using KScales::KScales;
};

template <>
struct Scales<QBlockQ6_K> {
  float32x4_t d;
  int32x4_t bytes[4];

  Scales(Rows rows, std::ptrdiff_t at) noexcept {
    d = gather_f16(rows, at + static_cast<std::ptrdiff_t>(offsetof(QBlockQ6_K, d)));
    for (int i = 0; i < 4; ++i) {
      const std::ptrdiff_t four = at + static_cast<std::ptrdiff_t>(offsetof(QBlockQ6_K, scales)) + 4 * i;
      bytes[i] = vreinterpretq_s32_u32(gather_32(rows, four));
    }
  }
  template <int k>
  float32x4_t scale() const noexcept {
    const int32x4_t top = vshlq_s32(bytes[k / 4], vdupq_n_s32(24 - 8 * (k % 4)));
    return vmulq_f32(d, vcvtq_f32_s32(vshrq_n_s32(top, 24)));
  }
};

// --- integer dots of four outputs --------------------------------------------------------------------------

struct Activations {
  int8x16_t first, second;
};

// Four partial sums. Up to 6 bits a sum of four products, 4 * 63 * 127, fits into 16 bits; of 8 bits one of two.
struct PlainDots {
  static int16x8_t two(int8x16_t q, int8x16_t x) noexcept {
    return vmlal_s8(vmull_s8(vget_low_s8(q), vget_low_s8(x)), vget_high_s8(q), vget_high_s8(x));
  }
  static int32x4_t half(int8x16_t q, int8x16_t x) noexcept { return vpaddlq_s16(two(q, x)); }
  template <int bits>
  static int32x4_t whole(int8x16x2_t q, const Activations& x) noexcept {
    int16x8_t sums = two(q.val[0], x.first);
    if constexpr (bits > 6) return vpadalq_s16(vpaddlq_s16(sums), two(q.val[1], x.second));
    sums = vmlal_s8(sums, vget_low_s8(q.val[1]), vget_low_s8(x.second));
    return vpaddlq_s16(vmlal_s8(sums, vget_high_s8(q.val[1]), vget_high_s8(x.second)));
  }
};

inline int32x4_t add_across(const int32x4_t (&p)[kOuts]) noexcept {
  return vpaddq_s32(vpaddq_s32(p[0], p[1]), vpaddq_s32(p[2], p[3]));
}

// One group onto the sums of four outputs.
template <class Dots, class Block, int j>
inline float32x4_t add_group(float32x4_t sum, const Scales<Block>& s, const int8x16x2_t (&q)[kOuts],
                             const Activations& x, float xd, const std::int32_t* xsum) noexcept {
  using Type = QType<Block>;
  int32x4_t p[kOuts];
  if constexpr (Type::kScales == 2) {
    each<kOuts>([&]<int c>() { p[c] = Dots::half(q[c].val[0], x.first); });
    const int32x4_t first = vsubq_s32(add_across(p), vdupq_n_s32(Type::kCentre * xsum[0]));
    each<kOuts>([&]<int c>() { p[c] = Dots::half(q[c].val[1], x.second); });
    const int32x4_t second = vsubq_s32(add_across(p), vdupq_n_s32(Type::kCentre * xsum[1]));
    sum = vfmaq_f32(sum, vcvtq_f32_s32(first), vmulq_n_f32(s.template scale<2 * j>(), xd));
    return vfmaq_f32(sum, vcvtq_f32_s32(second), vmulq_n_f32(s.template scale<2 * j + 1>(), xd));
  } else {
    each<kOuts>([&]<int c>() { p[c] = Dots::template whole<Type::kBits>(q[c], x); });
    int32x4_t dot = add_across(p);
    if constexpr (Type::kCentre != 0) dot = vsubq_s32(dot, vdupq_n_s32(Type::kCentre * (xsum[0] + xsum[1])));
    sum = vfmaq_f32(sum, vcvtq_f32_s32(dot), vmulq_n_f32(s.template scale<j>(), xd));
    if constexpr (Type::kMinimum) {
      const float n = static_cast<float>(xsum[0] + xsum[1]);
      sum = vfmaq_f32(sum, s.template minimum<j>(), vdupq_n_f32(xd * n));
    }
    return sum;
  }
}

// --- products ----------------------------------------------------------------------------------------------

// The four rows of a tile lie one behind the other, and so does the next tile, which is fetched meanwhile: line
// by line in the order of memory, whatever the order of reading, because that is what memory is fast at.
template <class Dots, class Block, int rows>
inline void tile(const Matmul& t, int row, Rows w, float32x4_t (&sums)[rows]) noexcept {
  constexpr int kGroups = QType<Block>::kGroups;
  const int n_groups = t.n_in / kQ8Group;
  const std::ptrdiff_t first_group = static_cast<std::ptrdiff_t>(row) * n_groups;
  const std::ptrdiff_t ahead = kOuts * static_cast<std::ptrdiff_t>(t.w_row_bytes);
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0.0f);
  std::ptrdiff_t at = 0, fetched = 0;
  for (int block = 0; block < n_groups; block += kGroups, at += static_cast<std::ptrdiff_t>(sizeof(Block))) {
    const Scales<Block> scales(w, at);
    if constexpr (rows == 1)
      for (; fetched < kOuts * (at + static_cast<std::ptrdiff_t>(sizeof(Block))); fetched += kLine)
        __builtin_prefetch(w[0] + ahead + fetched);
    each<kGroups>([&]<int j>() {
      int8x16x2_t q[kOuts];
      each<kOuts>([&]<int c>() {
        const uint8x16x2_t bits = quants(reinterpret_cast<const Block*>(w[c] + at), j);
        q[c] = {{vreinterpretq_s8_u8(bits.val[0]), vreinterpretq_s8_u8(bits.val[1])}};
      });
      each<rows>([&]<int r>() {
        const std::ptrdiff_t g = first_group + r * n_groups + block + j;
        const Activations x = {vld1q_s8(t.xq + g * kQ8Group), vld1q_s8(t.xq + g * kQ8Group + 16)};
        sums[r] = add_group<Dots, Block, j>(sums[r], scales, q, x, t.xd[g], t.xsum + 2 * g);
      });
    });
  }
}

inline void put(const Matmul& t, int row, int out, int n_outs, float32x4_t sums) noexcept {
  float sum[kOuts];
  vst1q_f32(sum, sums);
  float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
  for (int c = 0; c < n_outs; ++c) {
    if (t.bias != nullptr) sum[c] += t.bias[out + c];
    y[c] = t.accumulate ? y[c] + sum[c] : sum[c];
  }
}

template <class Dots, class Block>
void matmul(const Matmul& t) noexcept {
  for (int out = t.out_begin; out < t.out_end; out += kOuts) {
    const int n_outs = t.out_end - out < kOuts ? t.out_end - out : kOuts;
    const std::byte* w[kOuts];  // a tile that is not full does its last output several times
    for (int c = 0; c < kOuts; ++c)
      w[c] = t.w + static_cast<std::size_t>(out + (c < n_outs ? c : n_outs - 1)) * t.w_row_bytes;
    int row = 0;
    for (; row + kTileRows <= t.n_rows; row += kTileRows) {
      float32x4_t sums[kTileRows];
      tile<Dots, Block>(t, row, w, sums);
      for (int r = 0; r < kTileRows; ++r) put(t, row + r, out, n_outs, sums[r]);
    }
    for (; row < t.n_rows; ++row) {
      float32x4_t sums[1];
      tile<Dots, Block>(t, row, w, sums);
      put(t, row, out, n_outs, sums[0]);
    }
  }
}

template <class Dots>
void matmul_quants(DType type, const Matmul& t) noexcept {
  with_qblock(type, [&]<class Block>() { matmul<Dots, Block>(t); });
}

}  // namespace
}  // namespace shrike
