#include "camera/synthetic/thing.hpp"

#include <string_view>

namespace shrike::synthetic {
namespace {

constexpr std::array<const char*, kShapes> kShapeWords = {"circle", "square", "triangle",
                                                          "cross",  "ring",   "star"};
constexpr std::array<const char*, kShapes> kShapePlurals = {"circles", "squares", "triangles",
                                                            "crosses", "rings",   "stars"};
constexpr std::array<const char*, kColours> kColourWords = {"red",    "green",  "blue", "yellow",
                                                            "purple", "orange", "cyan", "white"};
constexpr std::array<const char*, kPlaces> kPlaceWords = {
    "top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"};
constexpr std::array<Rgb, kColours> kRgb = {{{225, 30, 35},
                                             {25, 175, 50},
                                             {35, 75, 235},
                                             {250, 225, 30},
                                             {150, 45, 200},
                                             {250, 125, 10},
                                             {30, 220, 230},
                                             {245, 245, 245}}};

template <class Table, class Enum>
auto at(const Table& table, Enum value) noexcept {
  return table[static_cast<std::size_t>(value)];
}

}  // namespace

Rgb rgb(Colour colour) noexcept { return at(kRgb, colour); }
const char* word(Shape shape) noexcept { return at(kShapeWords, shape); }
const char* word(Colour colour) noexcept { return at(kColourWords, colour); }
const char* word(Size size) noexcept { return size == Size::small ? "small" : "large"; }
const char* word(Place place) noexcept { return at(kPlaceWords, place); }
const char* plural(Shape shape) noexcept { return at(kShapePlurals, shape); }

std::string name(Thing thing) { return std::string(word(thing.colour)) + ' ' + word(thing.shape); }

std::string with_article(const std::string& noun) {
  const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + noun;
}

}  // namespace shrike::synthetic
