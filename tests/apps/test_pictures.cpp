// Pictures: what is drawn, and that a PNG file holds just that.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "apps/shrike/canvas.hpp"
#include "apps/shrike/chart.hpp"
#include "apps/shrike/font.hpp"
#include "apps/shrike/heat_map.hpp"
#include "apps/shrike/png.hpp"

namespace shrike::cli {
namespace {

constexpr Rgb kPaper{255, 255, 255}, kBlack{0, 0, 0};

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return number;
}

// The checksum of PNG bit by bit, as its standard has it.
std::uint32_t slow_crc(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

struct Decoded {
  std::uint32_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

// Reads what png_bytes() writes: 8-bit RGB, rows without filter or with that of the row above.
void decode(const std::string& png, Decoded& out) {
  ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1A\n");
  std::string packed, types;
  for (std::size_t at = 8; at < png.size();) {
    const std::uint32_t n = number_at(png, at);
    const std::string body = png.substr(at + 4, 4 + n), type = body.substr(0, 4);
    EXPECT_EQ(number_at(png, at + 8 + n), slow_crc(body)) << type;
    types += type + " ";
    if (type == "IHDR") {
      out.width = number_at(body, 4);
      out.height = number_at(body, 8);
      EXPECT_EQ(body.substr(12), std::string("\x08\x02\0\0\0", 5));
    }
    if (type == "IDAT") packed += body.substr(4);
    at += 12 + n;
  }
  EXPECT_EQ(types, "IHDR IDAT IEND ");
  const std::size_t row = 3 * out.width;
  std::vector<std::uint8_t> rows((row + 1) * out.height);
  uLongf size = rows.size();
  ASSERT_EQ(uncompress(rows.data(), &size, reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
            Z_OK);
  ASSERT_EQ(size, rows.size());
  for (std::size_t y = 0; y < out.height; ++y) {
    const int filter = rows[y * (row + 1)];
    ASSERT_TRUE(filter == 0 || filter == 2) << filter;
    for (std::size_t x = 0; x < row; ++x) {
      const int above = filter == 2 && y > 0 ? out.rgb[(y - 1) * row + x] : 0;
      out.rgb.push_back(static_cast<std::uint8_t>(rows[y * (row + 1) + 1 + x] + above));
    }
  }
}

TEST(Png, holds_the_very_pixels) {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {64, 64}, {1, 300}}) {
    std::vector<std::uint8_t> rgb(3 * static_cast<std::size_t>(width * height));
    std::uint32_t random = 12345;
    for (std::uint8_t& byte : rgb)
      byte = static_cast<std::uint8_t>((random = random * 1664525 + 1013904223) >> 24);
    Decoded decoded;
    ASSERT_NO_FATAL_FAILURE(decode(png_bytes(width, height, rgb), decoded));
    EXPECT_EQ(decoded.width, static_cast<std::uint32_t>(width));
    EXPECT_EQ(decoded.height, static_cast<std::uint32_t>(height));
    EXPECT_EQ(decoded.rgb, rgb);
  }
}

TEST(Png, ends_as_all_of_them_do) {
  const std::uint8_t pixel[3] = {1, 2, 3};
  EXPECT_TRUE(png_bytes(1, 1, pixel).ends_with(std::string("\0\0\0\0IEND\xAE\x42\x60\x82", 12)));
}

bool is_dark(const Canvas& canvas, int x, int y) {
  return canvas.rgb()[3 * static_cast<std::size_t>(y * canvas.width() + x)] < 128;
}

TEST(CanvasTest, text_upwards_is_text_turned_to_the_left) {
  const std::string words = "Rg7";
  const int n = Canvas::text_width(words, 1);
  Canvas flat(n, kGlyphRows, kPaper), turned(kGlyphRows, n, kPaper);
  flat.text(0, 0, words, kBlack, 1);
  turned.text_upwards(0, n / 2.0, words, kBlack, 1);
  for (int x = 0; x < n; ++x)
    for (int y = 0; y < kGlyphRows; ++y)
      EXPECT_EQ(is_dark(flat, x, y), is_dark(turned, y, n - 1 - x)) << x << ' ' << y;
}

TEST(CanvasTest, what_lies_outside_is_not_drawn) {
  Canvas canvas(10, 10, kPaper);
  canvas.text(-20, -20, "outside", kBlack);
  canvas.line(-50, -50, -1, 400, 3, kBlack);
  canvas.disc(40, 5, 8, kBlack);
  canvas.fill(10, 0, 5, 5, kBlack);
  EXPECT_TRUE(std::all_of(canvas.rgb().begin(), canvas.rgb().end(), [](std::uint8_t v) { return v == 255; }));
}

TEST(CanvasTest, every_letter_has_a_form_of_its_own) {
  std::set<std::string> forms;
  for (char c = '!'; c <= '~'; ++c) {
    Canvas canvas(kGlyphColumns, kGlyphRows, kPaper);
    canvas.text(0, 0, std::string(1, c), kBlack, 1);
    forms.insert({canvas.rgb().begin(), canvas.rgb().end()});
  }
  EXPECT_GE(forms.size(), 94u - 2) << "bars and quotes may look alike";
}

// Whether a colour is anywhere in the part of the picture that begins at x.
bool has(const Canvas& canvas, Rgb colour, int from_x) {
  for (int y = 0; y < canvas.height(); ++y)
    for (int x = from_x; x < canvas.width(); ++x) {
      const std::uint8_t* p = canvas.rgb().data() + 3 * static_cast<std::size_t>(y * canvas.width() + x);
      if (p[0] == colour.r && p[1] == colour.g && p[2] == colour.b) return true;
    }
  return false;
}

TEST(ChartTest, has_each_line_in_its_colour_and_in_the_legend) {
  Chart chart{"Title", "subtitle", "x", "y", {{5, "5"}, {50, "50"}}, {}};
  ChartPanel panel{"panel", {{"a", {{5, 0.2}, {50, 0.6}}}, {"b", {{5, 0.3}, {50, 0.5}}}}, {}, {}};
  chart.panels = {panel, panel};
  const Canvas canvas = draw_chart(chart);
  const Rgb blue{31, 97, 176}, orange{222, 118, 22};
  for (const Rgb colour : {blue, orange}) {
    EXPECT_TRUE(has(canvas, colour, 0));
    EXPECT_TRUE(has(canvas, colour, 920)) << "the legend";
  }
  EXPECT_FALSE(has(canvas, {44, 140, 70}, 0)) << "the third colour";
}

TEST(ChartTest, of_nothing_or_of_one_point_is_a_picture_too) {
  EXPECT_EQ(draw_chart({}).width(), 1200);
  Chart chart{"t", "", "x", "y", {{10, "10%"}}, {{"p", {{"a", {{10, 0.0}}}}, {}, {}}}};
  EXPECT_EQ(draw_chart(chart).height(), 800);
  EXPECT_EQ(draw_heat_map({}).width(), 1200);
  EXPECT_EQ(draw_heat_map({"t", "", "r", "c", "v", {{"p", 2, 2, {0, 0, 0, 0}}}}).width(), 1200);
}

}  // namespace
}  // namespace shrike::cli
