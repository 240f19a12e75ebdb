#pragma once

#include <cstdint>

#include "camera/synthetic/thing.hpp"

namespace shrike::synthetic {

// How far a point is outside a shape of radius kRadius around (0, 0), y downwards; negative inside. Exact near
// the edge, where it is needed, and only of the right sign far from it. Integers alone, so that every machine
// draws the same.
inline constexpr int kRadius = 4096;
[[nodiscard]] int distance(Shape shape, int x, int y) noexcept;

}  // namespace shrike::synthetic
