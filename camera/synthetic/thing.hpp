#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace shrike::synthetic {

// What there is in the world: coloured shapes, and the nine places they go to.
enum class Shape : std::uint8_t { circle, square, triangle, cross, ring, star };
enum class Colour : std::uint8_t { red, green, blue, yellow, purple, orange, cyan, white };
enum class Size : std::uint8_t { small, large };
enum class Place : std::uint8_t {
  top_left,
  top,
  top_right,
  left,
  middle,
  right,
  bottom_left,
  bottom,
  bottom_right
};
inline constexpr int kShapes = 6;
inline constexpr int kColours = 8;
inline constexpr int kPlaces = 9;
inline constexpr int kThings = kShapes * kColours;

// In one world all red circles are one thing, of one size.
struct Thing {
  Shape shape = Shape::circle;
  Colour colour = Colour::red;

  static constexpr Thing of(int index) noexcept {
    return {static_cast<Shape>(index % kShapes), static_cast<Colour>(index / kShapes)};
  }
  constexpr int index() const noexcept {
    return static_cast<int>(colour) * kShapes + static_cast<int>(shape);
  }
  friend constexpr bool operator==(const Thing&, const Thing&) noexcept = default;
};

using Rgb = std::array<std::uint8_t, 3>;
[[nodiscard]] Rgb rgb(Colour colour) noexcept;

[[nodiscard]] const char* word(Shape shape) noexcept;
[[nodiscard]] const char* word(Colour colour) noexcept;
[[nodiscard]] const char* word(Size size) noexcept;
[[nodiscard]] const char* word(Place place) noexcept;             // "top left"
[[nodiscard]] const char* plural(Shape shape) noexcept;           // "crosses"
[[nodiscard]] std::string name(Thing thing);                      // "red circle"
[[nodiscard]] std::string with_article(const std::string& noun);  // "a red circle", "an orange star"

}  // namespace shrike::synthetic
