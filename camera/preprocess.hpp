#pragma once

#include <cstddef>
#include <cstdint>

#include "camera/frame.hpp"
#include "core/session.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike {

// Sides that a whole picture may have beside a tile's: of its own size, or within a letterbox; 0: none.
struct PictureSides {
  int shortest = 0, longest = 0;
};

// From a frame of any size to the picture the vision tower wants: stretched to side x side by Pillow's resampling
// (two passes of 8 bits, 22-bit weights), then value * scale + shift into planes. A picture in tiles is stretched to
// rows x columns of them, and made one tile at a time; the last of a grid is the whole picture in one, of its own
// width and height where the grid has them. A letterbox keeps the picture's ratio, with a margin around it.
//
// Memory   bytes_needed(), brought by the caller (an arena section), aligned to 64; taps are made anew when the frame's
//          size changes. Between the passes only the rows that the next output row needs are kept, not a picture
// Errors   false for a frame of no size or beyond the size planned for; nothing is written then
// Source   Pillow's ImagingResample: horizontal pass first, support scaled when shrinking
class Preprocessor {
 public:
  using Whole = PictureSides;
  // across_max: rows and columns that a grid may have.
  [[nodiscard]] static std::size_t bytes_needed(int width_max, int height_max, int side, Filter filter,
                                                int across_max = 1, Whole whole = {}) noexcept;
  Preprocessor(const Kernels& kernels, std::byte* memory, int width_max, int height_max, int side,
               Filter filter, int across_max = 1, Whole whole = {}) noexcept;

  [[nodiscard]] bool operator()(const Frame& frame, const ImageInput& out, TileGrid grid = {},
                                int tile = 0) noexcept;

 private:
  // The taps of one direction, from n_in pixels to n_out.
  struct Axis {
    std::int32_t* first = nullptr;   // [n_out]
    std::int32_t* count = nullptr;   // [n_out]
    std::int32_t* weight = nullptr;  // [n_out][taps_max], room for any grid
    int taps_max = 0;
    int n_in = 0, n_out = 0;
  };
  // Where the picture, or a part of it, comes to lie among the planes.
  struct Target {
    int width = 0, height = 0;              // of the planes
    int inner_width = 0, inner_height = 0;  // of what is resampled
    int left = 0, top = 0;                  // of that in the planes
    int first_column = 0, first_row = 0;    // ... and in the whole that is resampled
    int columns_total = 0, rows_total = 0;  // of that whole
  };
  Target target_of(const Frame& frame, const ImageInput& out, TileGrid grid, int tile) const noexcept;
  void prepare(Axis& axis, int n_in, int n_out) const noexcept;
  void fill_margin(const ImageInput& out, const Target& target) noexcept;
  void resample(const Frame& frame, const ImageInput& out, const Target& target, int column, int n) noexcept;

  decltype(Kernels::resample_row) resample_row_;
  decltype(Kernels::resample_column) resample_column_;
  decltype(Kernels::normalise_rgb) normalise_rgb_;
  int width_max_;
  int height_max_;
  int side_;
  int across_max_;
  Whole whole_;
  int window_rows_ = 0;
  Filter filter_;
  Axis across_;
  Axis down_;
  std::uint8_t* window_ = nullptr;  // [window_rows][side][3], rows after the horizontal pass
  std::uint8_t* row_ = nullptr;     // [side][3], one row after both
};

}  // namespace shrike
