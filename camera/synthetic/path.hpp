#pragma once

#include <cstdint>

#include "camera/synthetic/thing.hpp"

namespace shrike::synthetic {

// Lengths of the world are in units, kUnit to the shorter side of the frame; times are in beats of kBeat.
inline constexpr int kUnit = 1 << 16;
inline constexpr int kBeat = 1 << 16;

struct Point {
  int x = 0, y = 0;
};

// The frame that things come into, and how far it may shake.
struct View {
  int width = kUnit, height = kUnit;  // units
  int shake = 0;                      // at most, each way
};

// How one thing comes, stays and goes: at each beat from first to last it is near its place and fully inside, a
// beat before it is just outside on one side, a beat after on another. In between it goes straight.
struct Path {
  enum class Side : std::uint8_t { left, right, top, bottom, none };  // none: is there all at once

  int first = 0, last = 0;  // beats in view
  Point place;
  int radius = 0;
  Shape shape = Shape::circle;
  Side from = Side::none, to = Side::none;
  std::uint64_t seed = 0;

  [[nodiscard]] Point at(const View& view, std::int64_t time) const noexcept;
  [[nodiscard]] bool shows(const View& view, std::int64_t time) const noexcept;  // any part of it
  [[nodiscard]] bool inside(const View& view,
                            std::int64_t time) const noexcept;  // all of it, however it shakes

 private:
  Point stop(const View& view, int beat) const noexcept;
};

// The middle of a place, `radius` and the shaking away from the edges.
[[nodiscard]] Point middle_of(const View& view, Place place, int radius) noexcept;

// True when `front` never hides more than a quarter of `behind`.
[[nodiscard]] bool leaves_visible(const View& view, const Path& front, const Path& behind) noexcept;

}  // namespace shrike::synthetic
