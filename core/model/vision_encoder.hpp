#pragma once

#include <array>
#include <span>

#include "core/arena.hpp"
#include "core/model/config.hpp"
#include "core/model/feed_forward.hpp"
#include "core/model/linear.hpp"
#include "core/model/patch_places.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// Pixels of one tile to patch rows: a pre-norm ViT with bidirectional attention. What differs from tower to
// tower (norms, gates, biases, places, windows) is the config's.
//
// Shapes   planes [3][height][width] f32, normalised; rows [n_rows][dim], where a patch's row is row_of(y, x): in
//          raster order, behind a class token where there is one, or window by window
// Memory   section "vision": the residual stream of the largest grid, its norm (pixels before), and one room for all
//          else, which is why attention goes over some heads at a time; keys and values as panels where the kernels
//          have them; for each thread one panel of queries.
//          Section "places": see PatchPlaces
// Numbers  with weights in f32 attention is all in floats, else its products are in integers of 13 bits, or of 8 where
//          all its weights are quantised; within windows it is in floats
// Source   SmolVLM / Idefics3 vision tower (SigLIP arXiv 2303.15343); CLIP arXiv 2103.00020; windows: Qwen2.5-VL
//          arXiv 2502.13923
class VisionEncoder {
 public:
  VisionEncoder() = default;
  VisionEncoder(const VisionConfig& config, const VisionWeights& weights)
      : config_(&config), weights_(&weights), places_(config, weights) {}

  void lay_out(Arena& arena, const Compute& compute, const TileLimits& limits) noexcept;
  // The widest products, for Compute.
  std::array<Compute::Size, 2> products() const noexcept;
  float* planes() noexcept { return planes_; }  // write pixels here, each time anew ...

  // ... then patches, all layers one after the other, and the last norm.
  void begin(const Compute& compute, PatchGrid grid) noexcept;
  void layer(const Compute& compute, int index) noexcept;
  void finish(const Compute& compute) noexcept;

  // What the last step left, valid until the next.
  const float* rows() const noexcept { return rows_; }
  PatchGrid grid() const noexcept { return places_.grid(); }
  float* room() noexcept { return room_.data(); }  // free then: [n_patches_max][>= dim]
  int row_of(int y, int x) const noexcept { return places_.row_of(y, x); }

 private:
  struct Heads {
    int first, n;
  };
  void unfold(const Compute& compute) noexcept;
  void norm(const Compute& compute, const NormView& w, float* out) noexcept;
  void turn(const Compute& compute, Heads heads) noexcept;
  void feed_forward(const Compute& compute, const VisionLayer& w) noexcept;
  Product into_stream(const AffineView& w, const float* scale) const noexcept;
  void add_branch(const Compute& compute, const float* scale) noexcept;
  void attend(const Compute& compute, Heads heads, bool in_floats) noexcept;
  void attend_windows(const Compute& compute, Heads heads) noexcept;
  void pack_keys(const PanelKernels& panels, Heads heads, int head, int first) noexcept;
  const PanelKernels& panels_in(const Kernels& kernels) const noexcept {
    return in_bytes_ ? kernels.narrow : kernels.wide;
  }
  void attend_panels(const Kernels& kernels, Heads heads, int head, int first, int rows, int thread) noexcept;
  void attend_floats(const Kernels& kernels, Heads heads, int head, int first, int rows, int keys_begin,
                     int keys_end, int thread) noexcept;
  float* row_at(float* base, int row) const noexcept {
    return base + static_cast<std::ptrdiff_t>(row) * config_->dim;
  }
  // Where a head's column of a row begins: among the heads at hand, and in the output, where all heads are.
  std::ptrdiff_t at_hand(Heads heads, int head, int row) const noexcept {
    return (static_cast<std::ptrdiff_t>(row) * heads.n + head) * config_->head_dim();
  }
  std::ptrdiff_t at_out(Heads heads, int head, int row) const noexcept {
    return static_cast<std::ptrdiff_t>(row) * config_->dim + (heads.first + head) * config_->head_dim();
  }

  const VisionConfig* config_ = nullptr;
  const VisionWeights* weights_ = nullptr;
  PatchPlaces places_;
  int n_rows_ = 0;  // of the present grid
  int n_rows_max_ = 0;
  int heads_at_once_ = 0;  // of attention
  const float* rows_ = nullptr;
  float* planes_ = nullptr;  // [3][height][width], before there is a norm
  float* x_ = nullptr;       // [n_rows][dim], the residual stream
  float* h_ = nullptr;       // [n_rows][dim], normed
  // Patches [n_patches][3 * patch * patch]; then attention; then the feed-forward:
  std::span<float> room_;
  float* mixed_ = nullptr;  // [n_rows][dim], of all heads
  float* q_ = nullptr;      // [n_rows][heads_at_once * head_dim]
  float* k_ = nullptr;
  float* v_ = nullptr;
  float* branch_ = nullptr;  // [n_rows][dim], what a branch adds, where it is scaled
  float* scores_ = nullptr;  // [n_threads][kPanelRows][n_rows]
  // Where attention goes over panels:
  bool in_bytes_ = false;
  std::byte* keys_ = nullptr;    // [heads_at_once][key_bytes]
  std::byte* values_ = nullptr;  // [heads_at_once][value_bytes]
  std::byte* packed_ = nullptr;  // [n_threads][row_bytes]
  std::size_t key_bytes_ = 0, value_bytes_ = 0, row_bytes_ = 0;
};

}  // namespace shrike
