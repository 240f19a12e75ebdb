#pragma once

#include <cstddef>
#include <cstdint>

#include "camera/frame.hpp"
#include "core/session.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike {

// From a frame of any size to the picture the vision tower wants: stretched to side x side by Pillow's resampling
// (two passes of 8 bits, 22-bit weights), then value * scale + shift into planes. A picture in tiles is stretched to
// rows x columns of them, and made one tile at a time; the last of a grid is the whole picture in one.
//
// Memory   bytes_needed(), brought by the caller (an arena section), aligned to 64; taps are made anew when the frame's
//          size changes. Between the passes only the rows that the next output row needs are kept, not a picture
// Errors   false for a frame of no size or beyond the size planned for; nothing is written then
// Source   Pillow's ImagingResample: horizontal pass first, support scaled when shrinking
enum class Filter : unsigned char { bilinear, bicubic, lanczos };

class Preprocessor {
 public:
  // across_max: rows and columns that a grid may have.
  [[nodiscard]] static std::size_t bytes_needed(int width_max, int height_max, int side, Filter filter,
                                                int across_max = 1) noexcept;
  Preprocessor(const Kernels& kernels, std::byte* memory, int width_max, int height_max, int side,
               Filter filter, int across_max = 1) noexcept;

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
  void prepare(Axis& axis, int n_in, int n_out) const noexcept;

  decltype(Kernels::resample_row) resample_row_;
  decltype(Kernels::resample_column) resample_column_;
  decltype(Kernels::normalise_rgb) normalise_rgb_;
  int width_max_;
  int height_max_;
  int side_;
  int across_max_;
  Filter filter_;
  Axis across_;
  Axis down_;
  std::uint8_t* window_ = nullptr;  // [2 * taps of height_max][side][3], rows after the horizontal pass
  std::uint8_t* row_ = nullptr;     // [side][3], one row after both
};

}  // namespace shrike
