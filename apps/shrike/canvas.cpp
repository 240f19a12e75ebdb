#include "apps/shrike/canvas.hpp"

#include <algorithm>
#include <cmath>

#include "apps/shrike/font.hpp"

namespace shrike::cli {

Rgb mixed(Rgb a, Rgb b, double share_of_b) noexcept {
  const auto channel = [&](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + (to - from) * share_of_b));
  };
  return {channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b)};
}

Canvas::Canvas(int width, int height, Rgb background)
    : width_(width),
      height_(height),
      rgb_(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {
  fill(0, 0, width, height, background);
}

void Canvas::blend(int x, int y, Rgb colour, double opacity) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_ || opacity <= 0) return;
  std::uint8_t* pixel = rgb_.data() + 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                                           static_cast<std::size_t>(x));
  const Rgb now = mixed({pixel[0], pixel[1], pixel[2]}, colour, std::min(opacity, 1.0));
  pixel[0] = now.r;
  pixel[1] = now.g;
  pixel[2] = now.b;
}

void Canvas::fill(double x, double y, double width, double height, Rgb colour) {
  const auto at = [](double edge) { return static_cast<int>(std::lround(edge)); };
  for (int row = at(y); row < at(y + height); ++row)
    for (int column = at(x); column < at(x + width); ++column) blend(column, row, colour, 1);
}

void Canvas::frame(double x, double y, double width, double height, Rgb colour) {
  fill(x, y, width, 1, colour);
  fill(x, y + height - 1, width, 1, colour);
  fill(x, y, 1, height, colour);
  fill(x + width - 1, y, 1, height, colour);
}

// A pixel is covered by as much of it as lies nearer to the line's middle than half its thickness.
void Canvas::stroke(double x0, double y0, double x1, double y1, double thickness, Rgb colour) {
  const double reach = thickness / 2 + 1, dx = x1 - x0, dy = y1 - y0;
  const double length2 = dx * dx + dy * dy;
  const auto low = [&](double a, double b) { return static_cast<int>(std::floor(std::min(a, b) - reach)); };
  const auto high = [&](double a, double b) { return static_cast<int>(std::ceil(std::max(a, b) + reach)); };
  for (int y = std::max(low(y0, y1), 0); y <= std::min(high(y0, y1), height_ - 1); ++y)
    for (int x = std::max(low(x0, x1), 0); x <= std::min(high(x0, x1), width_ - 1); ++x) {
      const double px = x + 0.5 - x0, py = y + 0.5 - y0;
      const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
      blend(x, y, colour, thickness / 2 + 0.5 - std::hypot(px - along * dx, py - along * dy));
    }
}

void Canvas::line(double x0, double y0, double x1, double y1, double thickness, Rgb colour, double dash) {
  const double length = std::hypot(x1 - x0, y1 - y0);
  if (dash <= 0 || length <= 0) return stroke(x0, y0, x1, y1, thickness, colour);
  const auto x = [&](double at) { return x0 + (x1 - x0) * at / length; };
  const auto y = [&](double at) { return y0 + (y1 - y0) * at / length; };
  for (double at = 0; at < length; at += 2 * dash) {
    const double end = std::min(at + dash, length);
    stroke(x(at), y(at), x(end), y(end), thickness, colour);
  }
}

void Canvas::disc(double x, double y, double radius, Rgb colour) { stroke(x, y, x, y, 2 * radius, colour); }

// Calls `dot(column, row)` for each dot of the words, counted from their left and top.
template <class Dot>
void Canvas::for_dots(std::string_view words, Dot&& dot) {
  int left = 0;
  for (const char c : words) {
    const GlyphExtent extent = glyph_extent(c);
    for (int row = 0; row < kGlyphRows; ++row)
      for (int column = 0; column < extent.width; ++column)
        if (glyph_dot(c, extent.first + column, row)) dot(left + column, row);
    left += extent.width + 1;
  }
}

void Canvas::text(double x, double y, std::string_view words, Rgb colour, int scale) {
  for_dots(words, [&](int column, int row) {
    fill(std::round(x) + column * scale, std::round(y) + row * scale, scale, scale, colour);
  });
}

void Canvas::text_upwards(double x, double y, std::string_view words, Rgb colour, int scale) {
  const double bottom = std::round(y + text_width(words, scale) / 2.0);
  for_dots(words, [&](int column, int row) {
    fill(std::round(x) + row * scale, bottom - (column + 1) * scale, scale, scale, colour);
  });
}

void Canvas::text_centred(double x, double y, std::string_view words, Rgb colour, int scale) {
  text(x - text_width(words, scale) / 2.0, y, words, colour, scale);
}

void Canvas::text_to(double right, double y, std::string_view words, Rgb colour, int scale) {
  text(right - text_width(words, scale), y, words, colour, scale);
}

int Canvas::text_width(std::string_view words, int scale) noexcept { return text_dots(words) * scale; }
int Canvas::text_height(int scale) noexcept { return kGlyphAscent * scale; }

}  // namespace shrike::cli
