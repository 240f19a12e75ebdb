#pragma once

#include "core/arena.hpp"
#include "core/model/config.hpp"
#include "core/model/linear.hpp"
#include "core/model/patch_places.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// Pixels of one tile to patch rows: a pre-norm ViT with bidirectional attention. What differs from tower to
// tower (norms, gates, biases, places, windows) is the config's.
//
// Shapes   planes [3][height][width] f32, normalised; rows [n_rows][dim], where a patch's row is row_of(y, x): in
//          raster order, behind a class token where there is one, or window by window
// Memory   section "vision": the residual stream of the largest grid, its norm, and one room for all else; keys and
//          values as panels where the kernels have them; for each thread one panel of queries; the pixels' own
//          buffer
// Numbers  with weights in f32 attention is all in floats, else its products are in integers of 13 bits; within
//          windows it is in floats
// Source   SmolVLM / Idefics3 vision tower (SigLIP arXiv 2303.15343); CLIP arXiv 2103.00020; windows: Qwen2.5-VL
//          arXiv 2502.13923
class VisionEncoder {
 public:
  VisionEncoder() = default;
  VisionEncoder(const VisionConfig& config, const VisionWeights& weights)
      : config_(&config), weights_(&weights), places_(config, weights) {}

  void lay_out(Arena& arena, const Compute& compute, const TileLimits& limits) noexcept;
  float* planes() noexcept { return planes_; }  // write pixels here ...

  // ... then patches, all layers one after the other, and the last norm.
  void begin(const Compute& compute, PatchGrid grid) noexcept;
  void layer(const Compute& compute, int index) noexcept;
  void finish(const Compute& compute) noexcept;

  // What the last step left, valid until the next.
  const float* rows() const noexcept { return rows_; }
  PatchGrid grid() const noexcept { return places_.grid(); }
  float* room() noexcept { return room_; }  // free then: [n_patches_max][>= 3 * dim]
  int row_of(int y, int x) const noexcept { return places_.row_of(y, x); }

 private:
  void unfold() noexcept;
  void norm(const Compute& compute, const NormView& w, float* out) noexcept;
  void turn(const Compute& compute) noexcept;
  void feed_forward(const Compute& compute, const VisionLayer& w) noexcept;
  void branch(const Compute& compute, const float* in, const AffineView& w, const float* scale) noexcept;
  void attend(const Compute& compute, bool in_floats) noexcept;
  void attend_windows(const Compute& compute) noexcept;
  void pack_head(const PanelKernels& panels, int head) noexcept;
  void attend_panels(const Kernels& kernels, int head, int first, int rows, int thread) noexcept;
  void attend_floats(const Kernels& kernels, int head, int first, int rows, int keys_begin, int keys_end,
                     int thread) noexcept;
  float* row_at(float* base, int row) const noexcept {
    return base + static_cast<std::ptrdiff_t>(row) * config_->dim;
  }

  const VisionConfig* config_ = nullptr;
  const VisionWeights* weights_ = nullptr;
  PatchPlaces places_;
  int n_rows_ = 0;  // of the present grid
  int n_rows_max_ = 0;
  const float* rows_ = nullptr;
  float* planes_ = nullptr;  // [3][height][width]
  float* x_ = nullptr;       // [n_rows][dim], the residual stream
  float* h_ = nullptr;       // [n_rows][dim], normed; then attention's output
  // Patches [n_patches][3 * patch * patch]; then q, k and v; then the feed-forward:
  float* room_ = nullptr;
  float* q_ = nullptr;  // [n_rows][dim]
  float* k_ = nullptr;
  float* v_ = nullptr;
  float* gated_ = nullptr;   // [n_rows][n_ff], behind what the gate is
  float* branch_ = nullptr;  // [n_rows][dim], what a branch adds, where it is scaled
  float* scores_ = nullptr;  // [n_threads][kPanelRows][n_rows]
  // Where attention goes over panels:
  std::byte* keys_ = nullptr;    // [n_heads][key_bytes]
  std::byte* values_ = nullptr;  // [n_heads][value_bytes]
  std::byte* packed_ = nullptr;  // [n_threads][row_bytes]
  std::size_t key_bytes_ = 0, value_bytes_ = 0, row_bytes_ = 0;
};

}  // namespace shrike
