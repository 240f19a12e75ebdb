#include "platform/kernels/quants_neon.hpp"

namespace shrike {
namespace {

struct DotprodDots {
  static int32x4_t half(int8x16_t q, int8x16_t x) noexcept { return vdotq_s32(vdupq_n_s32(0), q, x); }
  template <int bits>
  static int32x4_t whole(int8x16x2_t q, const Activations& x) noexcept {
    return vdotq_s32(half(q.val[0], x.first), q.val[1], x.second);
  }
};

}  // namespace

void install_quants_neon_dotprod(Kernels& k) noexcept {
  k.matmul_q8_0 = matmul<DotprodDots, QBlockQ8_0>;
  k.matmul_quants = matmul_quants<DotprodDots>;
}

}  // namespace shrike
