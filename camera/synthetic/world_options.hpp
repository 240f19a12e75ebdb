#pragma once

#include <cstdint>
#include <string_view>

#include "platform/result.hpp"

namespace shrike::synthetic {

// What world to make, written as "seed=7,fps=2,frames=64,size=64": each key at most once, in any order.
//
//   key      default  means
//   seed     0        which world; 64 bits
//   fps      2        frames a second of the stream's time: frame k is seen at k / fps. Up to three decimals
//   frames   64       length of the stream; 0: for ever
//   size     64       pixels of a side, or WIDTHxHEIGHT
//   hold     1        frames to a beat. The story counts in beats, so hold=20 gives the same story as hold=1
//                     in twenty times the frames, with the ways in and out between them
//   shake    0        how far the view jumps about at most, in 64ths of its shorter side
//   night    0        minutes from one noon to the next; 0: always day
//   noise    4        of the sensor, in levels of 256
//   blur     0        passes of a 3 x 3 blur
struct WorldOptions {
  std::uint64_t seed = 0;
  std::int64_t fps_milli = 2000;  // frames in 1000 seconds
  bool fps_given = false;
  int n_frames = 64;
  int width = 64;
  int height = 64;
  int hold = 1;
  int shake = 0;
  int night_minutes = 0;
  int noise = 4;
  int blur = 0;

  double fps() const noexcept { return static_cast<double>(fps_milli) / 1000; }

  // Errors   usage: names the key, or the key and its value, and what may be
  [[nodiscard]] static Result<WorldOptions> parse(std::string_view spec);
};

inline constexpr int kWorldFramesMax = 1'000'000;
inline constexpr int kWorldSideMin = 16;    // below, no shape can be told from another
inline constexpr int kWorldSideMax = 4096;  // keeps all products of the renderer in their types

}  // namespace shrike::synthetic
