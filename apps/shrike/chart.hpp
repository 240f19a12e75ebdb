#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/shrike/canvas.hpp"

namespace shrike::cli {

// Shares against something that is paid for them: one line for each way of spending, panel beside panel.
struct ChartPoint {
  double x = 0, share = 0;  // x above 0; share 0 to 1
  bool hollow = false;      // drawn as a ring instead of a disc
};
struct ChartLine {
  std::string name;
  std::vector<ChartPoint> points;  // ascending x
  bool in_ink = false;             // black: what the coloured ones, which come first, are measured against
};
// What the lines are measured against: a level with the band that chance leaves around it.
struct ChartLevel {
  std::string name;
  double share = 0, low = 0, high = 0;
};
struct ChartPanel {
  std::string title;
  std::vector<ChartLine> lines;  // the same ones in the same order in each panel; points may be missing
  std::optional<ChartLevel> reference, floor;
};
struct ChartTick {
  double x = 0;
  std::string text;
};
struct Chart {
  std::string title, subtitle;
  std::string x_label, y_label;
  std::vector<ChartTick> ticks;  // of x, which is drawn by its logarithm
  std::vector<ChartPanel> panels;
};

// 1200 x 800 pixels.
[[nodiscard]] Canvas draw_chart(const Chart& chart);

// What every picture of ours has: size, margins, colours of paper, ink and grid, and its two lines of
// heading.
namespace paper {
inline constexpr int kWidth = 1200, kHeight = 800, kMargin = 48;
inline constexpr Rgb kWhite{255, 255, 255}, kInk{34, 38, 46}, kFaint{116, 122, 134}, kGrid{228, 231, 236};
[[nodiscard]] Canvas sheet(const std::string& title, const std::string& subtitle);
// As much of `words` as fits into that many pixels, ".." behind it where some does not.
[[nodiscard]] std::string fitted(const std::string& words, double width, int scale = 2);
}  // namespace paper

}  // namespace shrike::cli
