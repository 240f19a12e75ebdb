#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace shrike::cli {

// A picture as the bytes of a PNG file: 8-bit RGB, not interlaced. The same picture gives the same bytes
// wherever zlib is the same.
//
// Shapes   rgb [height][width][3]
// Source   PNG, W3C Recommendation (third edition); deflate and CRC by zlib
[[nodiscard]] std::string png_bytes(int width, int height, std::span<const std::uint8_t> rgb);

}  // namespace shrike::cli
