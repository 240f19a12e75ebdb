#pragma once

#include <cmath>
#include <xsimd/xsimd.hpp>

#include "platform/kernels/install.hpp"
#include "platform/kernels/norm_lanes.hpp"

namespace shrike {
namespace {

// Sum of term(x[i]) in the order of norm_lanes.hpp, in registers of any width. `term` takes a Vec or a float.
template <class Arch, class Term>
float lane_sum(const float* x, int dim, Term term) noexcept {
  using Vec = xsimd::batch<float, Arch>;
  constexpr int kWidth = static_cast<int>(Vec::size);
  constexpr int kParts = kLanes / kWidth;
  Vec sum[kParts];
  for (Vec& part : sum) part = Vec(0.0f);
  int i = 0;
  for (; i + kLanes <= dim; i += kLanes)
    for (int p = 0; p < kParts; ++p) sum[p] = sum[p] + term(Vec::load_unaligned(x + i + p * kWidth));
  alignas(64) float lane[kLanes];
  for (int p = 0; p < kParts; ++p) sum[p].store_aligned(lane + p * kWidth);
  for (int l = 0; i < dim; ++i, ++l) lane[l] += term(x[i]);
  return fold(lane);
}

// out[i] = each(i, x[i]), where `each` takes a whole Vec or a float.
template <class Arch, class Each>
void for_each(float* out, const float* x, int dim, Each each) noexcept {
  using Vec = xsimd::batch<float, Arch>;
  constexpr int kWidth = static_cast<int>(Vec::size);
  int i = 0;
  for (; i + kWidth <= dim; i += kWidth) each(i, Vec::load_unaligned(x + i)).store_unaligned(out + i);
  for (; i < dim; ++i) out[i] = each(i, x[i]);
}

template <class T>
T load(const float* from) noexcept {
  if constexpr (std::is_same_v<T, float>)
    return *from;
  else
    return T::load_unaligned(from);
}

template <class Arch>
void rms_norm(float* out, const float* x, const float* weight, int dim, float eps) noexcept {
  const float square = lane_sum<Arch>(x, dim, [](auto v) { return v * v; });
  const float scale = 1.0f / std::sqrt(square / static_cast<float>(dim) + eps);
  for_each<Arch>(out, x, dim, [=](int i, auto v) {
    using T = decltype(v);
    return v * T(scale) * load<T>(weight + i);
  });
}

template <class Arch>
void layer_norm(float* out, const float* x, const float* weight, const float* bias, int dim,
                float eps) noexcept {
  const float mean = lane_sum<Arch>(x, dim, [](auto v) { return v; }) / static_cast<float>(dim);
  const float square = lane_sum<Arch>(x, dim, [mean](auto v) {
    const auto d = v - decltype(v)(mean);
    return d * d;
  });
  const float scale = 1.0f / std::sqrt(square / static_cast<float>(dim) + eps);
  for_each<Arch>(out, x, dim, [=](int i, auto v) {
    using T = decltype(v);
    return (v - T(mean)) * T(scale) * load<T>(weight + i) + load<T>(bias + i);
  });
}

template <class Arch>
void install_norm(Kernels& k) noexcept {
  k.rms_norm = rms_norm<Arch>;
  k.layer_norm = layer_norm<Arch>;
}

}  // namespace
}  // namespace shrike
