#pragma once

#include <cstring>
#include <xsimd/xsimd.hpp>

#include "platform/kernels/exp_simd.hpp"
#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

// `Set` is what sets_<isa>.hpp gives.

// y[i] = each(y[i], x[i]). The tail goes through a whole register too, so that a number's result never
// depends on how many there are.
template <class Set, class Each>
void for_each(float* y, const float* x, int n, Each each) noexcept {
  using Vec = typename Set::Vec;
  constexpr int kWidth = static_cast<int>(Vec::size);
  int i = 0;
  for (; i + kWidth <= n; i += kWidth)
    each(Vec::load_unaligned(y + i), Vec::load_unaligned(x + i)).store_unaligned(y + i);
  if (i == n) return;
  const std::size_t tail_bytes = static_cast<std::size_t>(n - i) * sizeof(float);
  alignas(64) float y_tail[kWidth] = {}, x_tail[kWidth] = {};
  std::memcpy(y_tail, y + i, tail_bytes);
  std::memcpy(x_tail, x + i, tail_bytes);
  each(Vec::load_aligned(y_tail), Vec::load_aligned(x_tail)).store_aligned(y_tail);
  std::memcpy(y + i, y_tail, tail_bytes);
}

// x sigmoid(z)
template <class Set, class Vec = typename Set::Vec>
Vec times_sigmoid(Vec x, Vec z) noexcept {
  return Set::divide(x, Vec(1.0f) + exp<Set>(-z));
}

template <class Set, class Vec = typename Set::Vec>
Vec gelu_of(Vec x) noexcept {
  const Vec two_root_two_over_pi(1.5957691216057308f), cubic(0.044715f);
  return times_sigmoid<Set>(x, two_root_two_over_pi * (x + cubic * x * x * x));
}

template <class Set>
void gelu(float* x, int n) noexcept {
  using Vec = typename Set::Vec;
  for_each<Set>(x, x, n, [](Vec v, Vec) { return gelu_of<Set>(v); });
}

template <class Set>
void gelu_quick(float* x, int n) noexcept {
  using Vec = typename Set::Vec;
  for_each<Set>(x, x, n, [](Vec v, Vec) { return times_sigmoid<Set>(v, Vec(1.702f) * v); });
}

template <class Set>
void silu_mul(float* gate, const float* up, int n) noexcept {
  using Vec = typename Set::Vec;
  for_each<Set>(gate, up, n, [](Vec g, Vec u) { return times_sigmoid<Set>(g, g) * u; });
}

template <class Set>
void gelu_mul(float* gate, const float* up, int n) noexcept {
  using Vec = typename Set::Vec;
  for_each<Set>(gate, up, n, [](Vec g, Vec u) { return gelu_of<Set>(g) * u; });
}

template <class Set>
void add(float* y, const float* x, int n) noexcept {
  using Vec = typename Set::Vec;
  for_each<Set>(y, x, n, [](Vec a, Vec b) { return a + b; });
}

template <class Set>
void install_act(Kernels& k) noexcept {
  k.gelu = gelu<Set>;
  k.gelu_quick = gelu_quick<Set>;
  k.silu_mul = silu_mul<Set>;
  k.gelu_mul = gelu_mul<Set>;
  k.add = add<Set>;
}

}  // namespace
}  // namespace shrike
