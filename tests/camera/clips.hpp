#pragma once

#include <string>
#include <vector>

#include "camera/frame.hpp"

namespace shrike::test {

// Frames that tell their number: twelve squares in the top row, white for a one. They survive any codec and
// scaling.
inline constexpr int kClipWidth = 192;
inline constexpr int kClipHeight = 120;

[[nodiscard]] int code_of(const Frame& frame);  // -1 when the squares are neither black nor white

// A clip of frames 0 .. n - 1. False when this OpenCV cannot write the codec.
[[nodiscard]] bool make_clip(const std::string& path, const char* fourcc, int n, double fps, int zoom = 1);
void make_picture(const std::string& path, int code);
[[nodiscard]] std::vector<unsigned char> make_jpeg(int code);

}  // namespace shrike::test
