#pragma once

#include <cstddef>
#include <cstdint>

namespace shrike {

// A picture from a camera, borrowed from whoever made it. 8-bit RGB, rows `stride` bytes apart.
struct Frame {
  const std::uint8_t* pixels = nullptr;
  int width = 0;
  int height = 0;
  std::size_t stride = 0;
  double seconds = 0;  // of the stream: media time of a file, time since the first frame of a live source
  std::uint64_t number = 0;  // counts from 0 at the source, over restarts of the capture process
};

}  // namespace shrike
