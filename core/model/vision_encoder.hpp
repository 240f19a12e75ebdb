#pragma once

#include "core/arena.hpp"
#include "core/model/config.hpp"
#include "core/model/linear.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// Pixels of one tile to patch rows: SigLIP-style pre-norm ViT with learned positions, bidirectional
// attention.
//
// Shapes   planes [3][image_size][image_size] f32, normalised; the result [n_patches][dim], raster order
// Memory   section "vision": the residual stream, its norm, and one room for all else; keys and values as panels
//          where the kernels have them; for each thread one panel of queries; the pixels' own buffer
// Numbers  with weights in f32 attention is all in floats, else its products are in integers of 13 bits
// Source   SmolVLM / Idefics3 vision tower (SigLIP arXiv 2303.15343)
class VisionEncoder {
 public:
  VisionEncoder() = default;
  VisionEncoder(const VisionConfig& config, const VisionWeights& weights)
      : config_(&config), weights_(&weights) {}

  void lay_out(Arena& arena, const Compute& compute) noexcept;
  float* planes() noexcept { return planes_; }           // write pixels here ...
  const float* encode(const Compute& compute) noexcept;  // ... and read the rows, valid until the next call
  float* room() noexcept { return room_; }               // free then: [n_patches][>= 3 * dim]

 private:
  void unfold() noexcept;
  void attend(const Compute& compute, bool in_floats) noexcept;
  void pack_head(const PanelKernels& panels, int head) noexcept;
  void attend_panels(const Kernels& kernels, int head, int first, int rows, int thread) noexcept;
  void attend_floats(const Kernels& kernels, int head, int first, int rows, int thread) noexcept;

  const VisionConfig* config_ = nullptr;
  const VisionWeights* weights_ = nullptr;
  float* planes_ = nullptr;  // [3][side][side]
  float* x_ = nullptr;       // [n_patches][dim], the residual stream
  float* h_ = nullptr;       // [n_patches][dim], normed; then attention's output
  float* room_ =
      nullptr;          // patches [n_patches][3 * patch * patch]; q, k and v; feed-forward [n_patches][n_ff]
  float* q_ = nullptr;  // [n_patches][dim], in the room
  float* k_ = nullptr;
  float* v_ = nullptr;
  float* scores_ = nullptr;  // [n_threads][kPanelRows][n_patches]
  // Where attention goes over panels:
  std::byte* keys_ = nullptr;    // [n_heads][key_bytes]
  std::byte* values_ = nullptr;  // [n_heads][value_bytes]
  std::byte* rows_ = nullptr;    // [n_threads][row_bytes]
  std::size_t key_bytes_ = 0, value_bytes_ = 0, row_bytes_ = 0;
};

}  // namespace shrike
