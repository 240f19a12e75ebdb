// The bodies of AVX-512 in other instructions (SIMDe), so that their numbers are tested on machines without it. Says
// nothing of their speed, nor of what a compiler makes of them for AVX-512.
#define SHRIKE_SIMDE 1
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cstring>

// Those that SIMDe does not have.
template <class From, class To, class Convert>
static To by_halves(From v, Convert convert) {
  decltype(convert(__m256i{})) done[2];
  __m256i half[2];
  std::memcpy(half, &v, sizeof(half));
  for (int i = 0; i < 2; ++i) done[i] = convert(half[i]);
  To out;
  std::memcpy(&out, done, sizeof(out));
  return out;
}
static __m512 floats_of(__m512i v) {
  return by_halves<__m512i, __m512>(v, [](__m256i half) { return _mm256_cvtepi32_ps(half); });
}
static __m512i integers_of(__m512 v) {
  return by_halves<__m512, __m512i>(
      v, [](__m256i half) { return _mm256_cvtps_epi32(_mm256_castsi256_ps(half)); });
}
template <class V>
static V quarters_of(V a, V b, int order) {
  char from[2][64], to[64];
  std::memcpy(from[0], &a, 64);
  std::memcpy(from[1], &b, 64);
  for (int i = 0; i < 4; ++i) std::memcpy(to + 16 * i, from[i / 2] + 16 * (order >> 2 * i & 3), 16);
  V out;
  std::memcpy(&out, to, 64);
  return out;
}
#define _mm512_cvtepi32_ps floats_of
#define _mm512_cvtps_epi32 integers_of
#undef _mm512_shuffle_f32x4
#undef _mm512_shuffle_i32x4
#define _mm512_shuffle_f32x4 quarters_of
#define _mm512_shuffle_i32x4 quarters_of
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
