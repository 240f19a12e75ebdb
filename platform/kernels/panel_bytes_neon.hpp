#pragma once

#include "platform/kernels/panel_neon.hpp"

// Forms over a multiplier of bytes, which has
//   Unit                                          as a form's
//   add<rows>(dots, strip, x, x_stride, n)        dots += products of n numbers, n a multiple of 16
namespace shrike {
namespace {

template <class Bytes>
struct NarrowOf : Narrow {
  using Unit = typename Bytes::Unit;
  static constexpr int kOuts = kStripOuts, kStep = 16;
  static constexpr int kTileRows = 6;  // whose sums of floats stay in registers beside those of integers

  static void put(std::byte* to, int i, int, int16x8_t a, int16x8_t b) noexcept {
    vst1q_s8(reinterpret_cast<std::int8_t*>(to + i), low_bytes(a, b));
  }

  template <int rows>
  [[gnu::always_inline]] static void dots(Dots<rows> dots, const std::byte* strip, const std::byte* x,
                                          std::size_t x_stride, int n) noexcept {
    clear<rows>(dots);
    Bytes::template add<rows>(dots, strip, x, x_stride, n);
  }
};

// A number of 13 bits is 64 high + low, -64 <= high <= 64 and -32 <= low < 32, and
//   (64 h + l)(64 h' + l') = 4032 h h' + 64 (h + l)(h' + l') - 63 l l'
// three products of bytes, each summed up for itself. On the way there sums may leave 32 bits and come back.
template <class Bytes>
struct WideOf : Wide {
  struct Integer {
    std::int8_t high, both, low;
  };
  using Unit = typename Bytes::Unit;
  static constexpr int kOuts = kStripOuts, kStep = 16;
  static constexpr int kTileRows = 8;  // whose sums of integers, numbers and weights fill the registers

  static void put(std::byte* to, int i, int n, int16x8_t a, int16x8_t b) noexcept {
    const int8x16_t high = low_bytes(vrshrq_n_s16(a, 6), vrshrq_n_s16(b, 6));
    // The low byte of a number, less that of 64 high.
    const int8x16_t low = vsubq_s8(low_bytes(a, b), vshlq_n_s8(high, 6));
    auto* at = reinterpret_cast<std::int8_t*>(to + i);
    vst1q_s8(at, high);
    vst1q_s8(at + n, vaddq_s8(high, low));
    vst1q_s8(at + 2 * n, low);
  }

  template <int rows>
  [[gnu::always_inline]] static void dots(Dots<rows> dots, const std::byte* strip, const std::byte* x,
                                          std::size_t x_stride, int n) noexcept {
    clear<rows>(dots);
    for (const int times : {4032, 64, -63}) {
      int32x4_t part[rows][kVecs];
      clear<rows>(part);
      Bytes::template add<rows>(part, strip, x, x_stride, n);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < kVecs; ++v) dots[r][v] = vmlaq_n_s32(dots[r][v], part[r][v], times);
      strip += n * kStripOuts;
      x += n;
    }
  }
};

}  // namespace
}  // namespace shrike
