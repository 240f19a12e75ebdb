#pragma once

#include "core/arena.hpp"
#include "core/model/config.hpp"
#include "core/model/linear.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// Rows and columns of the patches of one tile.
struct PatchGrid {
  int rows = 0, columns = 0;
  int n() const noexcept { return rows * columns; }
  bool operator==(const PatchGrid&) const = default;
};

// Where the patches of a grid lie: in which order their rows stand, what is added to them for their place, and
// what queries and keys are turned by.
//
// Memory   section "places", kept from tile to tile: an order and windows of the largest grid, angles, weights of a
//          table's rows
// Source   places resized: SigLIP 2 arXiv 2502.14786 (antialiased), Qwen3-VL arXiv 2511.21631 (aligned corners);
//          turned by two positions: Qwen2-VL arXiv 2409.12191
class PatchPlaces {
 public:
  PatchPlaces() = default;
  PatchPlaces(const VisionConfig& config, const VisionWeights& weights)
      : config_(&config), weights_(&weights) {}

  void lay_out(Arena& arena, int n_patches_max, int side_max) noexcept;
  void set(PatchGrid grid) noexcept;

  PatchGrid grid() const noexcept { return grid_; }
  int first_row() const noexcept { return config_->class_token ? 1 : 0; }
  // The patch of a row, counted in raster order, class tokens left aside; and the row of a patch.
  int patch_at(int index) const noexcept { return order_ != nullptr ? order_[index] : index; }
  int row_of(int y, int x) const noexcept {
    const int patch = y * grid_.columns + x;
    return first_row() + (row_of_ != nullptr ? row_of_[patch] : patch);
  }
  // Window w is rows [window(w), window(w + 1)).
  int n_windows() const noexcept { return n_windows_; }
  int window(int w) const noexcept { return windows_[w]; }

  // The row of the table for a patch, resized to the grid where the tower resizes it: out [dim].
  void table_row(const Kernels& kernels, int patch, float* out) noexcept;
  // What a patch's queries and keys are turned by: [head_dim / 2] each, rows' pairs before columns'.
  void angles(int patch, float* cos, float* sin) const noexcept;

 private:
  void order_windows() noexcept;
  void weigh(float* weights, int n) const noexcept;

  const VisionConfig* config_ = nullptr;
  const VisionWeights* weights_ = nullptr;
  PatchGrid grid_;
  int* order_ = nullptr;    // [n_patches], where it is not the raster's
  int* row_of_ = nullptr;   // likewise
  int* windows_ = nullptr;  // [n_windows + 1]
  int n_windows_ = 0;
  float* cos_ = nullptr;  // [side_max][head_dim / 4]
  float* sin_ = nullptr;
  float* down_ = nullptr;    // [side_max][table_side]: rows of the table in a row of the grid
  float* across_ = nullptr;  // ... and columns
  float* row_ = nullptr;     // [dim], a row of the table
};

}  // namespace shrike
