#include "core/model/patch_places.hpp"

#include <algorithm>
#include <cmath>

namespace shrike {
namespace {

constexpr double kTurnBase = 10000;

}  // namespace

void PatchPlaces::lay_out(Arena& arena, int n_patches_max, int side_max) noexcept {
  const VisionConfig& c = *config_;
  const std::size_t n = static_cast<std::size_t>(n_patches_max), side = static_cast<std::size_t>(side_max);
  if (c.window > 0) {
    order_ = arena.take<int>("places", n);
    row_of_ = arena.take<int>("places", n);
    windows_ = arena.take<int>("places", n + 1);
  }
  if (c.table_side > 0) {
    down_ = arena.take<float>("places", side * static_cast<std::size_t>(c.table_side));
    across_ = arena.take<float>("places", side * static_cast<std::size_t>(c.table_side));
    row_ = arena.take<float>("places", static_cast<std::size_t>(c.dim));
  }
  if (!c.rotary) return;
  const int quarter = c.head_dim() / 4;
  cos_ = arena.take<float>("places", side * static_cast<std::size_t>(quarter));
  sin_ = arena.take<float>("places", side * static_cast<std::size_t>(quarter));
  if (arena.measures()) return;
  for (int position = 0; position < side_max; ++position)
    for (int i = 0; i < quarter; ++i) {
      const double angle = position * std::pow(kTurnBase, -4.0 * i / c.head_dim());
      cos_[position * quarter + i] = static_cast<float>(std::cos(angle));
      sin_[position * quarter + i] = static_cast<float>(std::sin(angle));
    }
}

void PatchPlaces::set(PatchGrid grid) noexcept {
  if (grid == grid_) return;
  grid_ = grid;
  if (config_->window > 0) order_windows();
  if (config_->table_side == 0) return;
  weigh(down_, grid.rows);
  weigh(across_, grid.columns);
}

// Windows in raster order, ragged at the right and below; patches in raster order within each.
void PatchPlaces::order_windows() noexcept {
  const int side = config_->window;
  int n = 0;
  n_windows_ = 0;
  for (int top = 0; top < grid_.rows; top += side)
    for (int left = 0; left < grid_.columns; left += side) {
      windows_[n_windows_++] = n;
      for (int y = top; y < std::min(top + side, grid_.rows); ++y)
        for (int x = left; x < std::min(left + side, grid_.columns); ++x) order_[n++] = y * grid_.columns + x;
    }
  windows_[n_windows_] = n;
  for (int row = 0; row < n; ++row) row_of_[order_[row]] = row;
}

// How much of each of the table's rows is in each of n rows: between the two nearest where corners are aligned,
// else a triangle over the rows that it covers.
void PatchPlaces::weigh(float* weights, int n) const noexcept {
  const int side = config_->table_side;
  std::fill_n(weights, static_cast<std::ptrdiff_t>(n) * side, 0.0f);
  for (int i = 0; i < n; ++i, weights += side) {
    if (config_->places == PlaceTable::aligned) {
      const double at = n > 1 ? static_cast<double>(i) * (side - 1) / (n - 1) : 0.0;
      const int low = static_cast<int>(at), high = std::min(low + 1, side - 1);
      weights[low] += static_cast<float>(1 - (at - low));
      weights[high] += static_cast<float>(at - low);
      continue;
    }
    const double scale = static_cast<double>(side) / n, support = std::max(scale, 1.0);
    const double centre = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + support + 0.5), side);
    const auto weight_of = [&](int at) { return std::max(0.0, 1 - std::abs((at - centre + 0.5) / support)); };
    double sum = 0;
    for (int at = first; at < end; ++at) sum += weight_of(at);
    for (int at = first; at < end; ++at) weights[at] = static_cast<float>(weight_of(at) / sum);
  }
}

void PatchPlaces::table_row(const Kernels& kernels, int patch, float* out) noexcept {
  const VisionConfig& c = *config_;
  if (c.table_side == 0) return matrix_row(kernels, weights_->position, first_row() + patch, out);
  const float* down = down_ + static_cast<std::ptrdiff_t>(patch / grid_.columns) * c.table_side;
  const float* across = across_ + static_cast<std::ptrdiff_t>(patch % grid_.columns) * c.table_side;
  std::fill_n(out, c.dim, 0.0f);
  for (int y = 0; y < c.table_side; ++y)
    for (int x = 0; x < c.table_side && down[y] > 0; ++x) {
      const float weight = down[y] * across[x];
      if (weight == 0) continue;
      matrix_row(kernels, weights_->position, y * c.table_side + x, row_);
      for (int i = 0; i < c.dim; ++i) out[i] += weight * row_[i];
    }
}

void PatchPlaces::angles(int patch, float* cos, float* sin) const noexcept {
  const int quarter = config_->head_dim() / 4;
  for (const int position : {patch / grid_.columns, patch % grid_.columns}) {
    cos = std::copy_n(cos_ + position * quarter, quarter, cos);
    sin = std::copy_n(sin_ + position * quarter, quarter, sin);
  }
}

}  // namespace shrike
