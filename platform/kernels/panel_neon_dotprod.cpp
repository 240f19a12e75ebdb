#include "platform/kernels/panel_bytes_neon.hpp"

namespace shrike {
namespace {

struct DotprodBytes {
  using Unit = std::int32_t;

  template <int lane, int rows>
  [[gnu::always_inline]] static void add_four(Dots<rows> dots, const std::byte* strip,
                                              const int8x16_t (&a)[rows]) noexcept {
    const int8x16_t w0 = load_bytes(strip + 32 * lane), w1 = load_bytes(strip + 32 * lane + 16);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      dots[r][0] = vdotq_laneq_s32(dots[r][0], w0, a[r], lane);
      dots[r][1] = vdotq_laneq_s32(dots[r][1], w1, a[r], lane);
      stay(dots[r][0]);
      stay(dots[r][1]);
    }
  }

  template <int rows>
  [[gnu::always_inline]] static void add(Dots<rows> dots, const std::byte* strip, const std::byte* x,
                                         std::size_t x_stride, int n) noexcept {
    for (int i = 0; i < n; i += 16, strip += 16 * kStripOuts) {
      int8x16_t a[rows];
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) a[r] = load_bytes(x + static_cast<std::size_t>(r) * x_stride + i);
      add_four<0>(dots, strip, a);
      add_four<1>(dots, strip, a);
      add_four<2>(dots, strip, a);
      add_four<3>(dots, strip, a);
    }
  }
};

}  // namespace
}  // namespace shrike

void shrike::install_panel_neon_dotprod(Kernels& k) noexcept {
  k.wide = panels<WideOf<DotprodBytes>>();
  k.narrow = panels<NarrowOf<DotprodBytes>>();
}
