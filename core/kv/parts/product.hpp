#pragma once

#include <cmath>

#include "platform/kernels/kernels.hpp"

namespace shrike::kv::parts {

// sum_i a[i] b[i]; a loop of ours would wait for each sum before the next.
inline float product(const Kernels& kernels, const float* a, const float* b, int n) noexcept {
  float sum = 0;
  kernels.attn_scores_f32(&sum, 1, a, n, 1, b, n, 1, n, 1.0f);
  return sum;
}

inline float length(const Kernels& kernels, const float* x, int n) noexcept {
  return std::sqrt(product(kernels, x, x, n));
}

}  // namespace shrike::kv::parts
