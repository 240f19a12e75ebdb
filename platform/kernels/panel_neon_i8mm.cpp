#include "platform/kernels/panel_bytes_neon.hpp"

namespace shrike {
namespace {

// An instruction multiplies eight numbers of two rows with those of two outputs, which leaves four sums:
// [row][output]. A row without a second one goes beside itself.
struct I8mmBytes {
  using Unit = std::int64_t;

  template <int rows>
  [[gnu::always_inline]] static void add(Dots<rows> dots, const std::byte* strip, const std::byte* x,
                                         std::size_t x_stride, int n) noexcept {
    static_assert(rows == 1 || rows % 2 == 0);
    constexpr int kPairs = (rows + 1) / 2, kSquares = kStripOuts / 2;
    int32x4_t square[kPairs][kSquares];
#pragma GCC unroll 4
    for (int p = 0; p < kPairs; ++p)
#pragma GCC unroll 4
      for (int s = 0; s < kSquares; ++s) square[p][s] = vdupq_n_s32(0);
    for (int i = 0; i < n; i += 16, strip += 16 * kStripOuts) {
      int8x16_t a[2][kPairs];
#pragma GCC unroll 4
      for (int p = 0; p < kPairs; ++p) {
        const std::byte* at = x + static_cast<std::size_t>(2 * p) * x_stride + i;
        const int64x2_t first = vreinterpretq_s64_s8(load_bytes(at));
        const int64x2_t second = vreinterpretq_s64_s8(load_bytes(rows == 1 ? at : at + x_stride));
        a[0][p] = vreinterpretq_s8_s64(vzip1q_s64(first, second));
        a[1][p] = vreinterpretq_s8_s64(vzip2q_s64(first, second));
      }
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half)
#pragma GCC unroll 4
        for (int s = 0; s < kSquares; ++s) {
          const int8x16_t w = load_bytes(strip + (half * kSquares + s) * 16);
#pragma GCC unroll 4
          for (int p = 0; p < kPairs; ++p) {
            square[p][s] = vmmlaq_s32(square[p][s], a[half][p], w);
            stay(square[p][s]);
          }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kVecs; ++v) {
        const int64x2_t first = vreinterpretq_s64_s32(square[r / 2][2 * v]);
        const int64x2_t second = vreinterpretq_s64_s32(square[r / 2][2 * v + 1]);
        const int64x2_t of_row = r % 2 == 0 ? vzip1q_s64(first, second) : vzip2q_s64(first, second);
        dots[r][v] = vaddq_s32(dots[r][v], vreinterpretq_s32_s64(of_row));
      }
  }
};

}  // namespace
}  // namespace shrike

void shrike::install_panel_neon_i8mm(Kernels& k) noexcept {
  k.wide = panels<WideOf<I8mmBytes>>();
  k.narrow = panels<NarrowOf<I8mmBytes>>();
}
