#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace shrike::cli {

struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
};
[[nodiscard]] Rgb mixed(Rgb a, Rgb b, double share_of_b) noexcept;

// A picture to draw on. Lengths are pixels, from the left and from the top; what lies outside is not drawn.
// Lines and discs have soft edges, rectangles and letters sharp ones.
class Canvas {
 public:
  Canvas(int width, int height, Rgb background);

  void fill(double x, double y, double width, double height, Rgb colour);
  void frame(double x, double y, double width, double height, Rgb colour);  // one pixel wide
  // `dash` pixels on, as many off; 0: no dashes.
  void line(double x0, double y0, double x1, double y1, double thickness, Rgb colour, double dash = 0);
  void disc(double x, double y, double radius, Rgb colour);

  // Capitals stand on y + text_height(scale). A dot of the font is `scale` pixels wide.
  void text(double x, double y, std::string_view words, Rgb colour, int scale = 2);
  void text_centred(double x, double y, std::string_view words, Rgb colour, int scale = 2);
  void text_to(double right, double y, std::string_view words, Rgb colour, int scale = 2);
  // Turned to be read from the right; its middle is y, its capitals begin at x.
  void text_upwards(double x, double y, std::string_view words, Rgb colour, int scale = 2);
  [[nodiscard]] static int text_width(std::string_view words, int scale = 2) noexcept;
  [[nodiscard]] static int text_height(int scale = 2) noexcept;

  int width() const noexcept { return width_; }
  int height() const noexcept { return height_; }
  std::span<const std::uint8_t> rgb() const noexcept { return rgb_; }  // [height][width][3]

 private:
  template <class Dot>
  static void for_dots(std::string_view words, Dot&& dot);
  void blend(int x, int y, Rgb colour, double opacity);
  void stroke(double x0, double y0, double x1, double y1, double thickness, Rgb colour);

  int width_, height_;
  std::vector<std::uint8_t> rgb_;
};

}  // namespace shrike::cli
