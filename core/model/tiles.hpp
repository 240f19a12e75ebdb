#pragma once

#include <algorithm>
#include <cmath>

namespace shrike {

// How a picture is cut for a vision tower that sees one square at a time (Idefics3): rows x columns tiles, and
// the whole picture as one more. No rows: the whole picture alone.
struct TileGrid {
  int rows = 0, columns = 0;

  bool single() const noexcept { return rows == 0; }
  int n_tiles() const noexcept { return rows * columns + 1; }
};

struct TileLimits {
  int side = 0;          // of a tile, pixels
  int longest_edge = 0;  // of the picture before it is cut, pixels
  int across_max = 0;    // rows, and columns
  int n_tiles_max = 1;   // the whole picture included
};

// The longer side becomes `longest_edge` (smaller pictures grow), then both grow to whole tiles. Where that
// makes more than there may be, the longer side shrinks by a tile until it does not; a picture that fits one
// tile is not cut. In single precision, as the programs that people compare with do it: there 170 pixels that
// become 192 are a hair more, and make four tiles of 64.
[[nodiscard]] inline TileGrid tiles_of(int width, int height, const TileLimits& limits) noexcept {
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

// The most rows, or columns, that any picture is cut into: `longest_edge` and that hair.
[[nodiscard]] inline int tiles_across(int side, int longest_edge) noexcept {
  const float edge = static_cast<float>(static_cast<double>(longest_edge) * (1.0 + 0x1p-24));
  return static_cast<int>(std::ceil(edge / static_cast<float>(side)));
}

}  // namespace shrike
