// The bodies of AVX-512 in other instructions (SIMDe), so that their numbers are tested on machines without it. Says
// nothing of their speed, nor of what a compiler makes of them for AVX-512.
#define SHRIKE_SIMDE 1
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cstring>

// The one that SIMDe does not have.
static __m512 floats_of(__m512i v) {
  __m256i half[2];
  std::memcpy(half, &v, sizeof(half));
  const __m256 floats[2] = {_mm256_cvtepi32_ps(half[0]), _mm256_cvtepi32_ps(half[1])};
  __m512 out;
  std::memcpy(&out, floats, sizeof(out));
  return out;
}
#define _mm512_cvtepi32_ps floats_of
#define install_panel_avx512 install_panel_simde
#include "platform/kernels/panel_avx512.cpp"
#undef install_panel_avx512

#include "tests/platform/panel_checks.hpp"

namespace shrike {
namespace {

TEST(PanelAvx512Test, products_equal_the_scalar_ones_bit_for_bit) {
  const Kernels scalar = kernels_for(Isa::scalar);
  Kernels k = scalar;
  install_panel_simde(k);
  test::expect_equal_panels(k.wide, scalar.wide);
  test::expect_equal_panels(k.narrow, scalar.narrow);
}

}  // namespace
}  // namespace shrike
