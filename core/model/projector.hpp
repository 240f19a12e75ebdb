#pragma once

#include "core/model/config.hpp"
#include "core/model/linear.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// Patch rows to image tokens: pixel shuffle by s joins each s x s square of patches into one row, then one
// product.
//
//   token (Y, X) = concat over dy, dx < s of patch (sY + dy, sX + dx)          s = 2, grid 4:   0 1 | 2 3
//                                                                                               4 5 | 6 7  ->
//                                                                                               0 1 4 5 ...
// Shapes   patches [n_patches][vision dim] -> out [n_image_tokens][projection_dim], raster order
// Memory   the caller's: joined, as large as patches
// Source   Idefics3 / SmolVLM (arXiv 2504.05299)
class Projector {
 public:
  Projector() = default;
  Projector(const VisionConfig& config, const VisionWeights& weights)
      : config_(&config), weights_(&weights) {}

  void project(const Compute& compute, const float* patches, float* joined, float* out) noexcept;

 private:
  const VisionConfig* config_ = nullptr;
  const VisionWeights* weights_ = nullptr;
};

}  // namespace shrike
