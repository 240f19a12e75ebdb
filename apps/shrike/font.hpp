#pragma once

#include <string_view>

namespace shrike::cli {

// A small font, drawn for this program: ASCII 32 to 126, five dots wide, seven high, two more below the line.
// Other bytes are shown as '?'. Letters are as wide as they are drawn, digits all the same, so that numbers
// stand under one another.
inline constexpr int kGlyphColumns = 5, kGlyphRows = 9, kGlyphAscent = 7;

// A dot of the glyph for `c`, counted from its left and top.
[[nodiscard]] bool glyph_dot(char c, int column, int row) noexcept;
// Columns in use, and where they begin; a space has columns too.
struct GlyphExtent {
  int first = 0, width = 0;
};
[[nodiscard]] GlyphExtent glyph_extent(char c) noexcept;
// Dots from the left end of the first glyph to the right end of the last.
[[nodiscard]] int text_dots(std::string_view text) noexcept;

}  // namespace shrike::cli
