#include "camera/synthetic/outline.hpp"

#include <algorithm>
#include <cstdlib>

namespace shrike::synthetic {
namespace {

constexpr int kSquareHalf = kRadius * 84 / 100;
constexpr int kCrossHalf = kRadius * 36 / 100;
constexpr int kHole = kRadius * 56 / 100;
constexpr int kBase = kRadius * 84 / 100;  // of the triangle, below its middle

// sqrt(x^2 + y^2) - r, by its first term: exact on the circle.
int to_circle(int x, int y, int r) noexcept { return (x * x + y * y - r * r) / (2 * r); }

// Apex (0, -kRadius), corners (+-kRadius, kBase). Of its side: normal (184, -100) / sqrt(184^2 + 100^2).
int to_triangle(int x, int y) noexcept {
  constexpr int kNormalX = 14395, kNormalY = -7824;  // of length 2^14
  const int side = (kNormalX * std::abs(x) + kNormalY * (y + kRadius)) >> 14;
  return std::max(side, y - kBase);
}

// Five points fold onto half of the one at the top: mirrors at 18 + 72 degrees, then one straight edge from the
// tip (0, r) to the notch at 36 degrees. After Inigo Quilez, "2D distance functions".
int to_star(int x, int y) noexcept {
  constexpr int kMirrorX = 13255, kMirrorY = -9630;  // (cos 36, -sin 36) in 2^14
  constexpr int kEdgeX = 4815, kEdgeY = -9757;       // from the tip to the notch, which is at r / 2
  constexpr int kEdgeLength = 10880;
  x = std::abs(x);
  y = -y;
  int over = std::max((kMirrorX * x + kMirrorY * y) >> 14, 0);
  x -= (2 * over * kMirrorX) >> 14;
  y -= (2 * over * kMirrorY) >> 14;
  over = std::max((-kMirrorX * x + kMirrorY * y) >> 14, 0);
  x += (2 * over * kMirrorX) >> 14;
  y -= (2 * over * kMirrorY) >> 14;
  x = std::abs(x);
  y -= kRadius;
  return (y * kEdgeX - x * kEdgeY) / kEdgeLength;
}

}  // namespace

int distance(Shape shape, int x, int y) noexcept {
  const int ax = std::abs(x), ay = std::abs(y);
  if (std::max(ax, ay) > 2 * kRadius) return std::max(ax, ay) - kRadius;  // products below stay in an int
  switch (shape) {
    case Shape::circle:
      return to_circle(x, y, kRadius);
    case Shape::square:
      return std::max(ax, ay) - kSquareHalf;
    case Shape::triangle:
      return to_triangle(x, y);
    case Shape::cross:
      return std::max(std::min(ax, ay) - kCrossHalf, std::max(ax, ay) - kRadius);
    case Shape::ring:
      return std::max(to_circle(x, y, kRadius), -to_circle(x, y, kHole));
    case Shape::star:
      return to_star(x, y);
  }
  return kRadius;
}

}  // namespace shrike::synthetic
