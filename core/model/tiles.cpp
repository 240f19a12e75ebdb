#include "core/model/tiles.hpp"

#include <algorithm>
#include <cmath>

#include "core/model/config.hpp"

namespace shrike {
namespace {

// Of a picture of its own size in a stream, and where a picture may have as many as its model can bear.
constexpr int kFrameCells = 256, kPictureCells = 1024;

// Longer side to `longest_edge` (smaller pictures grow), then both to whole tiles. Where that makes more than
// there may be, the longer side shrinks by a tile until it does not; a picture that fits one tile is not cut. In
// single precision, as the programs that people compare with do it: there 170 pixels that become 192 are a hair
// more, and make four tiles of 64.
TileGrid cut_by_rows(int width, int height, const TileLimits& limits) noexcept {
  const float side = static_cast<float>(limits.side);
  for (int edge = limits.longest_edge; edge > limits.side; edge -= limits.side) {
    const float scale = static_cast<float>(edge) / static_cast<float>(std::max({width, height, 1}));
    const auto across = [&](int n) {
      return std::max(1, static_cast<int>(std::ceil(static_cast<float>(n) * scale / side)));
    };
    const TileGrid grid{across(height), across(width)};
    if (std::max(grid.rows, grid.columns) > limits.across_max || grid.n_tiles() > limits.n_tiles_max)
      continue;
    return grid.rows * grid.columns > 1 ? grid : TileGrid{};
  }
  return {};
}

// Both sides to the nearest whole cells, then by one factor into the limits. What a very long or a very narrow
// picture would have beyond them is cut from its longer side.
TileGrid of_own_size(int width, int height, const TileLimits& limits) noexcept {
  const double cell = limits.cell, w = std::max(width, 1), h = std::max(height, 1);
  const double n_min = limits.cells_min, n_max = limits.cells_max;
  const auto at_least_one = [](double n) { return std::max(1.0, n); };
  double columns = at_least_one(std::nearbyint(w / cell)), rows = at_least_one(std::nearbyint(h / cell));
  const double area = w * h / (cell * cell);
  if (columns * rows > n_max) {
    const double shrink = std::sqrt(area / n_max);
    columns = at_least_one(std::floor(w / shrink / cell));
    rows = at_least_one(std::floor(h / shrink / cell));
  } else if (columns * rows < n_min) {
    const double grow = std::sqrt(n_min / area);
    columns = std::ceil(w * grow / cell);
    rows = std::ceil(h * grow / cell);
  }
  columns = std::min({columns, n_max, double{kCellsAcrossMax}});
  rows = std::min({rows, n_max, double{kCellsAcrossMax}});
  if (columns * rows > n_max) (columns > rows ? columns : rows) = std::floor(n_max / std::min(columns, rows));
  return {0, 0, static_cast<int>(columns) * limits.cell, static_cast<int>(rows) * limits.cell};
}

// Of all grids within the limits, by their number of tiles, the one whose ratio is nearest; of equally near ones
// the larger, if the picture has more than half its area.
TileGrid nearest_ratio(int width, int height, const TileLimits& limits) noexcept {
  const double ratio = static_cast<double>(std::max(width, 1)) / std::max(height, 1);
  const double area = static_cast<double>(width) * height,
               tile = static_cast<double>(limits.side) * limits.side;
  TileGrid best;
  double nearest = INFINITY;
  for (int n = limits.tiles_min; n < limits.n_tiles_max; ++n)
    for (int columns = 1; columns <= n; ++columns) {
      const int rows = n / columns;
      if (rows * columns != n || std::max(rows, columns) > limits.across_max) continue;
      const double away = std::abs(ratio - static_cast<double>(columns) / rows);
      if (away > nearest || (away == nearest && area <= 0.5 * tile * n)) continue;
      nearest = away;
      best.rows = rows;
      best.columns = columns;
    }
  return best.rows * best.columns > 1 ? best : TileGrid{};
}

// Twice the area of a tile, whole cells counted: what is no larger is not cut.
bool small_enough(int width, int height, const TileLimits& limits) noexcept {
  const auto whole = [&](int n) {
    return std::max(limits.cell / 2.0, std::nearbyint(static_cast<double>(n) / limits.cell) * limits.cell);
  };
  return whole(width) * whole(height) <= 2.0 * limits.side * limits.side;
}

}  // namespace

TileGrid tiles_of(int width, int height, const TileLimits& limits) noexcept {
  switch (limits.cutting) {
    case Cutting::whole:
      return {};
    case Cutting::rows:
      return cut_by_rows(width, height, limits);
    case Cutting::own_size:
      return of_own_size(width, height, limits);
    case Cutting::ratio:
      return nearest_ratio(width, height, limits);
    case Cutting::ratio_own: {
      TileGrid grid = of_own_size(width, height, limits);
      if (small_enough(width, height, limits)) return grid;
      const TileGrid tiles = nearest_ratio(width, height, limits);
      grid.rows = tiles.rows;
      grid.columns = tiles.columns;
      return grid;
    }
  }
  return {};
}

int tiles_across(int side, int longest_edge) noexcept {
  const float edge = static_cast<float>(static_cast<double>(longest_edge) * (1.0 + 0x1p-24));
  return static_cast<int>(std::ceil(edge / static_cast<float>(side)));
}

int TileLimits::side_max() const noexcept {
  return own_size() ? std::max(side, std::min(cells_max, kCellsAcrossMax) * cell) : side;
}

TileLimits tile_limits(const VisionConfig& c, int wanted_tokens, int marks_max) noexcept {
  const Picturing& p = c.picturing;
  TileLimits limits;
  limits.cutting = p.cutting;
  limits.side = c.image_size;
  limits.cell = c.patch_size * c.shuffle;
  limits.longest_edge = p.longest_edge;
  limits.tiles_min = p.tiles_min;
  limits.letterbox = p.letterbox;
  const int n_tile = limits.tile_tokens();
  switch (p.cutting) {
    case Cutting::whole:
      break;
    case Cutting::rows:
      limits.across_max = std::min(tiles_across(c.image_size, p.longest_edge), marks_max);
      if (wanted_tokens > 0)
        limits.n_tiles_max = std::clamp(wanted_tokens / n_tile, 1, limits.across_max * limits.across_max + 1);
      break;
    case Cutting::own_size: {
      limits.cells_min = p.cells_min;
      const int cells = wanted_tokens == 0          ? kFrameCells
                        : wanted_tokens < INT32_MAX ? wanted_tokens
                                                    : kPictureCells;
      limits.cells_max = std::clamp(cells, p.cells_min, p.cells_max);
      const int across = static_cast<int>(std::sqrt(std::min(limits.cells_max, kFrameCells)));
      limits.side = across * limits.cell;
      break;
    }
    case Cutting::ratio:
    case Cutting::ratio_own:
      limits.across_max = std::min(p.tiles_max, marks_max);
      if (wanted_tokens > 0 && limits.across_max > 0)
        limits.n_tiles_max = std::clamp(wanted_tokens / n_tile, 1, p.tiles_max + 1);
      if (p.cutting == Cutting::ratio_own) {
        limits.cells_min = p.cells_min;
        limits.cells_max =
            wanted_tokens > 0 ? std::clamp(wanted_tokens, p.cells_min, p.cells_max) : p.cells_max;
      }
      break;
  }
  return limits;
}

}  // namespace shrike
