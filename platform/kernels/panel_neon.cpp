#include "platform/kernels/panel_bytes_neon.hpp"

namespace shrike {
namespace {

// Without an instruction for dots. Products of two pairs of bytes fit 16 bits; then neighbours are added to sums.
struct PlainBytes {
  using Unit = std::int16_t;

  template <int rows>
  [[gnu::always_inline]] static void add(Dots<rows> dots, const std::byte* strip, const std::byte* x,
                                         std::size_t x_stride, int n) noexcept {
    for (int i = 0; i < n; i += 4, strip += 4 * kStripOuts) {
      const int8x16_t w0 = load_bytes(strip), w1 = load_bytes(strip + 2 * kStripOuts);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const std::byte* at = x + static_cast<std::size_t>(r) * x_stride + i;
        const int16x8x2_t pairs = vld2q_dup_s16(reinterpret_cast<const std::int16_t*>(at));
        const int8x16_t a0 = vreinterpretq_s8_s16(pairs.val[0]), a1 = vreinterpretq_s8_s16(pairs.val[1]);
        const int16x8_t low = vmull_s8(vget_low_s8(a0), vget_low_s8(w0));
        const int16x8_t high = vmull_high_s8(a0, w0);
        dots[r][0] = vpadalq_s16(dots[r][0], vmlal_s8(low, vget_low_s8(a1), vget_low_s8(w1)));
        dots[r][1] = vpadalq_s16(dots[r][1], vmlal_high_s8(high, a1, w1));
        stay(dots[r][0]);
        stay(dots[r][1]);
      }
    }
  }
};
static_assert(2 * Narrow::kLevels * Narrow::kLevels < 1 << 15);

struct PlainWide : Wide {
  using Unit = std::int16_t;
  static constexpr int kOuts = kStripOuts, kStep = 16;
  static constexpr int kTileRows = 6;

  static void put(std::byte* to, int i, int, int16x8_t a, int16x8_t b) noexcept {
    auto* at = reinterpret_cast<std::int16_t*>(to) + i;
    vst1q_s16(at, a);
    vst1q_s16(at + 8, b);
  }

  template <int lane, int rows>
  [[gnu::always_inline]] static void add_one(Dots<rows> dots, const std::byte* strip,
                                             const int16x8_t (&a)[rows]) noexcept {
    const int16x8_t w = vreinterpretq_s16_s8(load_bytes(strip + lane * 16));
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      dots[r][0] = vmlal_laneq_s16(dots[r][0], vget_low_s16(w), a[r], lane);
      dots[r][1] = vmlal_high_laneq_s16(dots[r][1], w, a[r], lane);
      stay(dots[r][0]);
      stay(dots[r][1]);
    }
  }

  template <int rows>
  [[gnu::always_inline]] static void dots(Dots<rows> dots, const std::byte* strip, const std::byte* x,
                                          std::size_t x_stride, int n) noexcept {
    clear<rows>(dots);
    for (int i = 0; i < n; i += 8, strip += 8 * 16, x += 16) {
      int16x8_t a[rows];
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r)
        a[r] = vreinterpretq_s16_s8(load_bytes(x + static_cast<std::size_t>(r) * x_stride));
      add_one<0>(dots, strip, a);
      add_one<1>(dots, strip, a);
      add_one<2>(dots, strip, a);
      add_one<3>(dots, strip, a);
      add_one<4>(dots, strip, a);
      add_one<5>(dots, strip, a);
      add_one<6>(dots, strip, a);
      add_one<7>(dots, strip, a);
    }
  }
};

}  // namespace
}  // namespace shrike

void shrike::install_panel_neon(Kernels& k) noexcept {
  k.wide = panels<PlainWide>();
  k.narrow = panels<NarrowOf<PlainBytes>>();
}
