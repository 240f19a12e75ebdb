#pragma once

#include <cstddef>

#include "camera/frame.hpp"
#include "core/session.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike {

// From a frame of any size to the picture the vision tower wants: stretched to side x side by Pillow's resampling
// (two passes of 8 bits, 22-bit weights), then value * scale + shift into planes.
//
// Memory   bytes_needed(), brought by the caller (an arena section); taps are made anew when the frame's size changes
// Errors   false for a frame of no size or beyond the size planned for; nothing is written then
// Source   Pillow's ImagingResample: horizontal pass first, support scaled when shrinking
enum class Filter : unsigned char { bilinear, bicubic, lanczos };

class Preprocessor {
 public:
  [[nodiscard]] static std::size_t bytes_needed(int width_max, int height_max, int side, Filter filter) noexcept;
  Preprocessor(const Kernels& kernels, std::byte* memory, int width_max, int height_max, int side,
               Filter filter) noexcept;

  [[nodiscard]] bool operator()(const Frame& frame, const ImageInput& out) noexcept;

 private:
  // Whoever implements this adds the state here.
};

}  // namespace shrike
