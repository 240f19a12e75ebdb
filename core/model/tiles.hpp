#pragma once

#include <cstdint>
#include <span>

namespace shrike {

struct VisionConfig;

// How pictures are resampled: Pillow's filters.
enum class Filter : std::uint8_t { bilinear, bicubic, lanczos };

// How a family makes of a picture of any size what its tower sees.
enum class Cutting : std::uint8_t {
  whole,      // one tile
  rows,       // Idefics3: the longer side to a length, both to whole tiles; and the whole picture
  own_size,   // one picture as near to its own size as tokens allow
  ratio,      // InternVL: the grid of tiles whose ratio is nearest; and the whole picture
  ratio_own,  // LFM2: the same, the whole picture of its own size; small pictures are that alone
};

// What a vision file says of pictures. All lengths are pixels.
struct Picturing {
  Cutting cutting = Cutting::whole;
  Filter filter = Filter::bicubic;
  bool letterbox = false;  // one tile keeps the picture's ratio, with the file's mean grey around it
  int longest_edge = 0;    // rows: of the picture that is cut
  int tiles_min = 1;       // ratio: of a grid
  int tiles_max = 1;
  int cells_min = 0;  // own_size: image tokens of a picture
  int cells_max = 0;

  bool in_tiles() const noexcept { return cutting != Cutting::whole && cutting != Cutting::own_size; }
};

// How a picture is cut: rows x columns tiles, and the whole picture as one more. No rows: the whole picture
// alone, of its own width and height where it has one.
struct TileGrid {
  int rows = 0, columns = 0;
  int width = 0, height = 0;  // of the whole picture, pixels; 0: a tile's side

  bool single() const noexcept { return rows == 0; }
  int n_tiles() const noexcept { return rows * columns + 1; }
};

struct TileLimits {
  int side = 0;          // of a tile, pixels
  int longest_edge = 0;  // of the picture before it is cut, pixels
  int across_max = 0;    // rows, and columns
  int n_tiles_max = 1;   // the whole picture included
  Cutting cutting = Cutting::rows;
  int cell = 0;  // pixels that an image token is across and down
  int tiles_min = 1;
  int cells_min = 0, cells_max = 0;  // of a picture of its own size; 0: there is none
  bool letterbox = false;

  bool own_size() const noexcept { return cells_max > 0; }
  int width_of(TileGrid grid, int tile) const noexcept {
    return tile < grid.n_tiles() - 1 || grid.width == 0 ? side : grid.width;
  }
  int height_of(TileGrid grid, int tile) const noexcept {
    return tile < grid.n_tiles() - 1 || grid.height == 0 ? side : grid.height;
  }
  int tile_tokens() const noexcept { return side / cell * (side / cell); }
  int tokens_of(TileGrid grid, int tile) const noexcept {
    return width_of(grid, tile) / cell * (height_of(grid, tile) / cell);
  }
  int tokens_of(TileGrid grid) const noexcept {
    return (grid.n_tiles() - 1) * tile_tokens() + tokens_of(grid, grid.n_tiles() - 1);
  }
  int whole_tokens_max() const noexcept { return own_size() ? cells_max : tile_tokens(); }
  int picture_tokens_max() const noexcept { return (n_tiles_max - 1) * tile_tokens() + whole_tokens_max(); }
  // Of patches of that size, the most that any tile has.
  int patches_max(int patch_size) const noexcept {
    const int per_cell = cell / patch_size * (cell / patch_size);
    return (own_size() && cells_max > tile_tokens() ? cells_max : tile_tokens()) * per_cell;
  }
  // The longest and the shortest side that a whole picture may have beside a tile's.
  int side_max() const noexcept;
  int side_min() const noexcept { return letterbox ? 1 : own_size() ? cell : side; }
};

// A picture of its own size has no more tokens across or down: rows and columns are bytes (kv::TokenFacts).
inline constexpr int kCellsAcrossMax = 255;

[[nodiscard]] TileGrid tiles_of(int width, int height, const TileLimits& limits) noexcept;

// The most rows, or columns, that any picture is cut into: `longest_edge` and that hair.
[[nodiscard]] int tiles_across(int side, int longest_edge) noexcept;

// What a tower's rules and the wish for so many tokens a picture come to. wanted_tokens 0: a frame of a stream, one
// tile or what is as much; marks_max: rows and columns that the vocabulary can name.
[[nodiscard]] TileLimits tile_limits(const VisionConfig& config, int wanted_tokens, int marks_max) noexcept;

}  // namespace shrike
