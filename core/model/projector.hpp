#pragma once

#include "core/arena.hpp"
#include "core/model/config.hpp"
#include "core/model/linear.hpp"
#include "core/model/vision_encoder.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// Patch rows to image tokens: each s x s square of patches is joined into one row, then a norm where the family
// has one, a product, and mostly GELU and a second product.
//
//   token (Y, X) = concat over dy, dx < s of patch (sY + dy, sX + dx)          s = 2, grid 4:   0 1 | 2 3
//                                                                                               4 5 | 6 7  ->
//                                                                                               0 1 4 5 ...
// Shapes   the encoder's rows -> out [n_image_tokens][row_numbers()], raster order
// Memory   the encoder's room for the joined rows; section "vision": what lies between the products, and the result
//          where a token's row is longer
// Source   Idefics3 / SmolVLM (arXiv 2504.05299); layers that also reach the decoder: DeepStack arXiv 2406.04334
class Projector {
 public:
  Projector() = default;
  Projector(const VisionConfig& config, const VisionWeights& weights)
      : config_(&config), weights_(&weights) {}

  void lay_out(Arena& arena, int n_patches_max) noexcept;
  // The widest product's input and the rows that it is fed with: for Compute.
  int n_in_max() const noexcept;

  // All of a tile: layers of the tower, and what becomes of them. out [n_image_tokens][row_numbers()].
  void see(const Compute& compute, VisionEncoder& encoder, PatchGrid grid, float* out) noexcept;

 private:
  void project(const Compute& compute, const VisionEncoder& encoder, const Projection& w,
               float* out) noexcept;
  void join(const Compute& compute, const VisionEncoder& encoder) noexcept;
  void norm(const Compute& compute, const NormView& w, int n_rows) noexcept;
  void turned(const Compute& compute, const MatrixView& w, int n_rows, float* out) noexcept;
  int n_joined() const noexcept {
    return config_->join == Join::mean ? config_->dim : config_->shuffle * config_->shuffle * config_->dim;
  }

  const VisionConfig* config_ = nullptr;
  const VisionWeights* weights_ = nullptr;
  float* joined_ = nullptr;  // [n_image_tokens][n_joined], in the encoder's room
  float* hidden_ = nullptr;  // [n_image_tokens][n_hidden]
  float* dense_ = nullptr;   // [n_image_tokens][projection_dim], where a token's row is longer
};

}  // namespace shrike
