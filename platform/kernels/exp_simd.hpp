#pragma once

#include <xsimd/xsimd.hpp>

namespace shrike {
namespace {

// e^x in about 1 ulp over all of float: overflow gives infinity, underflow goes through the subnormals to 0,
// NaN stays. x = n ln 2 + r with |r| <= ln(2) / 2, and e^r = 1 + r + r^2 p(r), p through its values at five
// Chebyshev nodes. Not xsimd::exp, which on NEON leaves its inline helpers behind as symbols and ends at -87.
//
// `Set` gives Vec, a batch of floats, fma, and times_two_to(y, shifted) = y 2^n, where the integer n sits
// in the low bits of shifted = n + kRounder, in two steps, so that 2^n alone may be out of range.
constexpr float kRounder = 0x1.8p23f;  // what is added to it is rounded to an integer

template <class Set, class Vec = typename Set::Vec>
[[gnu::always_inline]] inline Vec exp(Vec x) noexcept {
  x = xsimd::min(Vec(130.0f), xsimd::max(Vec(-130.0f), x));  // in this order NaN stays on x86 too
  const Vec shifted = Set::fma(x, Vec(0x1.715476p0f), Vec(kRounder));
  const Vec n = shifted - Vec(kRounder);
  Vec r = Set::fma(n, Vec(-0x1.62e4p-1f), x);  // ln 2 in two parts, n times the first is exact
  r = Set::fma(n, Vec(-0x1.7f7d1cp-20f), r);
  Vec p = Vec(0x1.6d117cp-10f);
  p = Set::fma(p, r, Vec(0x1.120be2p-7f));
  p = Set::fma(p, r, Vec(0x1.555518p-5f));
  p = Set::fma(p, r, Vec(0x1.5554dcp-3f));
  p = Set::fma(p, r, Vec(0.5f));
  return Set::times_two_to(Set::fma(p, r * r, r) + Vec(1.0f), shifted);
}

}  // namespace
}  // namespace shrike
