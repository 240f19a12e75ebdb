#include "apps/shrike/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace shrike::cli {
namespace paper {

Canvas sheet(const std::string& title, const std::string& subtitle) {
  Canvas canvas(kWidth, kHeight, kWhite);
  canvas.text(kMargin, 34, fitted(title, kWidth - 2 * kMargin, 3), kInk, 3);
  canvas.text(kMargin, 70, fitted(subtitle, kWidth - 2 * kMargin), kFaint);
  return canvas;
}

std::string fitted(const std::string& words, double width, int scale) {
  if (Canvas::text_width(words, scale) <= width) return words;
  std::size_t n = words.size();
  while (n > 0 && Canvas::text_width(words.substr(0, n) + "..", scale) > width) --n;
  return words.substr(0, n) + "..";
}

}  // namespace paper

namespace {

using namespace paper;

constexpr Rgb kBand{236, 238, 242};
constexpr double kTop = 140, kBottom = kHeight - 96, kLegendWidth = 250, kPanelGap = 64, kAxisWidth = 46;
constexpr double kLineWidth = 2.5, kDash = 7, kDot = 5, kRowMax = 28, kRowMin = 19;

// Lines beyond the last colour begin again, dashed.
constexpr std::array<Rgb, 10> kColours = {{{31, 97, 176},
                                           {222, 118, 22},
                                           {44, 140, 70},
                                           {200, 54, 54},
                                           {124, 84, 170},
                                           {30, 160, 180},
                                           {210, 100, 160},
                                           {132, 92, 72},
                                           {150, 150, 30},
                                           {90, 98, 112}}};
struct Pen {
  Rgb colour;
  double dash;
};
Pen pen_of(const std::vector<ChartLine>& lines, std::size_t i) {
  if (lines[i].in_ink) return {kInk, 0};
  return {kColours[i % kColours.size()], i < kColours.size() ? 0 : kDash};
}

// The range of shares on the axis, in tenths: all that is drawn, and not so narrow that noise looks like
// news.
struct Range {
  double low = 0, high = 1;
};
Range range_of(const Chart& chart) {
  double low = 1, high = 0;
  const auto take = [&](double from, double to) {
    low = std::min(low, from);
    high = std::max(high, to);
  };
  for (const ChartPanel& panel : chart.panels) {
    for (const ChartLine& line : panel.lines)
      for (const ChartPoint& point : line.points) take(point.share, point.share);
    if (panel.reference) take(panel.reference->low, panel.reference->high);
    if (panel.floor) take(panel.floor->share, panel.floor->share);
  }
  if (low > high) return {};
  int from = static_cast<int>(std::floor(low * 10)), to = static_cast<int>(std::ceil(high * 10));
  while (to - from < 4) {
    if (from > 0) --from;
    if (to - from < 4 && to < 10) ++to;
  }
  return {from / 10.0, to / 10.0};
}

// Where a panel's numbers lie on the canvas.
struct Plot {
  double left, right, x_low, x_high;
  Range range;

  double x(double value) const {
    const double share = x_high > x_low ? std::log(value / x_low) / std::log(x_high / x_low) : 0.5;
    return left + 24 + (right - left - 48) * share;
  }
  double y(double share) const {
    return kBottom - (kBottom - kTop) * (share - range.low) / (range.high - range.low);
  }
};

Plot plot_of(const Chart& chart, std::size_t panel, const Range& range) {
  const double n = static_cast<double>(chart.panels.size());
  const double first = kMargin + kAxisWidth, all = kWidth - kMargin - kLegendWidth - first;
  const double width = (all - kPanelGap * (n - 1)) / n;
  const double left = first + static_cast<double>(panel) * (width + kPanelGap);
  Plot plot{left, left + width, 1, 1, range};
  if (chart.ticks.empty()) return plot;
  const auto smaller = [](const ChartTick& a, const ChartTick& b) { return a.x < b.x; };
  const auto [low, high] = std::minmax_element(chart.ticks.begin(), chart.ticks.end(), smaller);
  plot.x_low = low->x;
  plot.x_high = high->x;
  return plot;
}

void draw_axes(Canvas& canvas, const Chart& chart, const ChartPanel& panel, const Plot& plot) {
  canvas.text(plot.left, kTop - 32, fitted(panel.title, plot.right - plot.left), kInk);
  const int tenths = static_cast<int>(std::lround((plot.range.high - plot.range.low) * 10));
  for (int i = 0; i <= tenths; ++i) {
    const double share = plot.range.low + i / 10.0;
    canvas.fill(plot.left, plot.y(share), plot.right - plot.left, 1, i == 0 ? kFaint : kGrid);
    const std::string percent = std::to_string(static_cast<int>(std::lround(share * 100))) + "%";
    canvas.text_to(plot.left - 10, plot.y(share) - 7, percent, kFaint);
  }
  double free_from = plot.left - kPanelGap / 2;  // a tick whose words would touch the last one's has none
  for (const ChartTick& tick : chart.ticks) {
    const double x = plot.x(tick.x), half = Canvas::text_width(tick.text) / 2.0;
    canvas.fill(x, kBottom, 1, 6, kFaint);
    if (x - half < free_from) continue;
    canvas.text_centred(x, kBottom + 14, tick.text, kFaint);
    free_from = x + half + 12;
  }
  canvas.text_centred((plot.left + plot.right) / 2, kBottom + 46, chart.x_label, kInk);
}

void draw_level(Canvas& canvas, const ChartLevel& level, const Plot& plot, bool reference) {
  const double y = plot.y(level.share);
  const double top = plot.y(level.high), bottom = plot.y(level.low);
  if (bottom > top) canvas.fill(plot.left, top, plot.right - plot.left, bottom - top, kBand);
  canvas.line(plot.left, y, plot.right, y, reference ? 2 : 1.5, reference ? kInk : kFaint, reference ? 0 : 3);
  canvas.text_to(plot.right - 6, y - 20, level.name, reference ? kInk : kFaint);
}

void draw_lines(Canvas& canvas, const ChartPanel& panel, const Plot& plot) {
  for (std::size_t i = 0; i < panel.lines.size(); ++i) {
    const std::vector<ChartPoint>& points = panel.lines[i].points;
    const Pen pen = pen_of(panel.lines, i);
    for (std::size_t p = 1; p < points.size(); ++p)
      canvas.line(plot.x(points[p - 1].x), plot.y(points[p - 1].share), plot.x(points[p].x),
                  plot.y(points[p].share), kLineWidth, pen.colour, pen.dash);
  }
  for (std::size_t i = 0; i < panel.lines.size(); ++i)  // above all lines
    for (const ChartPoint& point : panel.lines[i].points) {
      canvas.disc(plot.x(point.x), plot.y(point.share), kDot, pen_of(panel.lines, i).colour);
      if (point.hollow) canvas.disc(plot.x(point.x), plot.y(point.share), kDot - 2, kWhite);
    }
}

void draw_legend(Canvas& canvas, const std::vector<ChartLine>& lines) {
  const double left = kWidth - kMargin - kLegendWidth + 30;
  const std::size_t n_max = static_cast<std::size_t>((kBottom - kTop) / kRowMin);
  const std::size_t n = lines.size() > n_max ? n_max - 1 : lines.size();
  const double row =
      std::clamp((kBottom - kTop) / static_cast<double>(std::max<std::size_t>(n, 1)), kRowMin, kRowMax);
  for (std::size_t i = 0; i < n; ++i) {
    const double y = kTop + row * static_cast<double>(i);
    const Pen pen = pen_of(lines, i);
    canvas.line(left, y + 7, left + 30, y + 7, kLineWidth, pen.colour, pen.dash);
    canvas.disc(left + 15, y + 7, kDot, pen.colour);
    canvas.text(left + 42, y, fitted(lines[i].name, kWidth - 16 - left - 42), kInk);
  }
  if (n < lines.size())
    canvas.text(left + 42, kTop + row * static_cast<double>(n),
                "and " + std::to_string(lines.size() - n) + " more", kFaint);
}

}  // namespace

Canvas draw_chart(const Chart& chart) {
  Canvas canvas = sheet(chart.title, chart.subtitle);
  const Range range = range_of(chart);
  for (std::size_t i = 0; i < chart.panels.size(); ++i) {
    const ChartPanel& panel = chart.panels[i];
    const Plot plot = plot_of(chart, i, range);
    if (panel.reference) draw_level(canvas, *panel.reference, plot, true);
    draw_axes(canvas, chart, panel, plot);
    if (panel.reference) draw_level(canvas, {panel.reference->name, panel.reference->share}, plot, true);
    if (panel.floor) draw_level(canvas, *panel.floor, plot, false);
    draw_lines(canvas, panel, plot);
  }
  canvas.text_upwards(18, (kTop + kBottom) / 2, chart.y_label, kInk);
  if (!chart.panels.empty()) draw_legend(canvas, chart.panels.front().lines);
  return canvas;
}

}  // namespace shrike::cli
