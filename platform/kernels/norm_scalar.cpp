#include <cmath>

#include "platform/kernels/install.hpp"
#include "platform/kernels/norm_lanes.hpp"

namespace shrike {
namespace {

void rms_norm(float* out, const float* x, const float* weight, int dim, float eps) noexcept {
  float square[kLanes] = {};
  for (int i = 0; i < dim; ++i) square[i % kLanes] += x[i] * x[i];
  const float scale = 1.0f / std::sqrt(fold(square) / static_cast<float>(dim) + eps);
  for (int i = 0; i < dim; ++i) out[i] = x[i] * scale * weight[i];
}

void layer_norm(float* out, const float* x, const float* weight, const float* bias, int dim,
                float eps) noexcept {
  float sum[kLanes] = {};
  for (int i = 0; i < dim; ++i) sum[i % kLanes] += x[i];
  const float mean = fold(sum) / static_cast<float>(dim);

  float square[kLanes] = {};
  for (int i = 0; i < dim; ++i) square[i % kLanes] += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / std::sqrt(fold(square) / static_cast<float>(dim) + eps);
  for (int i = 0; i < dim; ++i) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

}  // namespace

void install_norm_scalar(Kernels& k) noexcept {
  k.rms_norm = rms_norm;
  k.layer_norm = layer_norm;
}

}  // namespace shrike
