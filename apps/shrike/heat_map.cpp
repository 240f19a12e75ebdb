#include "apps/shrike/heat_map.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/shrike/chart.hpp"

namespace shrike::cli {
namespace {

using namespace paper;

constexpr double kTop = 128, kBottom = kHeight - kMargin, kScaleWidth = 110, kGap = 30;
constexpr double kTitle = 26, kLabels = 24, kRowLabels = 34;  // beside the fields of a panel

constexpr std::array<Rgb, 5> kShades = {
    {{250, 247, 238}, {199, 224, 205}, {104, 177, 179}, {44, 112, 157}, {24, 44, 92}}};
Rgb shade(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (kShades.size() - 1);
  const std::size_t i = std::min(static_cast<std::size_t>(at), kShades.size() - 2);
  return mixed(kShades[i], kShades[i + 1], at - static_cast<double>(i));
}

// So many columns that the panels come out about as high and wide as their tables.
int columns_of(const HeatPanel& panel, int n, double width, double height) {
  const double slimness = std::clamp(4.0 * panel.n_columns / std::max(panel.n_rows, 1), 0.7, 1.6);
  int best = 1;
  double best_side = 0;
  for (int columns = 1; columns <= n; ++columns) {
    const int rows = (n + columns - 1) / columns;
    const double side = std::min(width / columns, slimness * height / rows);
    if (side > best_side) {
      best_side = side;
      best = columns;
    }
  }
  return best;
}

std::string number(double value) { return std::to_string(static_cast<long long>(std::llround(value))); }

// Every so many rows or columns have their number written, so that no two touch.
int label_step(double size, double wanted) {
  for (const int step : {1, 2, 5, 10, 20, 50})
    if (step * size >= wanted) return step;
  return 100;
}

struct Box {
  double x, y, width, height;
};

void draw_fields(Canvas& canvas, const HeatPanel& panel, const Box& box, double largest) {
  const double width = box.width / panel.n_columns, height = box.height / panel.n_rows;
  for (int row = 0; row < panel.n_rows; ++row)
    for (int column = 0; column < panel.n_columns; ++column) {
      const double value = panel.values[static_cast<std::size_t>(row * panel.n_columns + column)];
      const double share = largest > 0 ? value / largest : 0;
      const double x = box.x + column * width, y = box.y + row * height;
      canvas.fill(x, y, width, height, shade(share));
      const std::string text = number(value);
      const int scale = height >= 20 ? 2 : 1;
      if (width > Canvas::text_width(text, scale) + 6 && height > Canvas::text_height(scale) + 4)
        canvas.text_centred(x + width / 2, y + (height - Canvas::text_height(scale)) / 2, text,
                            share > 0.5 ? kWhite : kInk, scale);
    }
  canvas.frame(box.x, box.y, box.width, box.height, kFaint);
  for (int row = 0; row < panel.n_rows; row += label_step(height, 18))
    canvas.text_to(box.x - 8, box.y + (row + 0.5) * height - 7, std::to_string(row), kFaint);
  for (int column = 0; column < panel.n_columns; column += label_step(width, 30))
    canvas.text_centred(box.x + (column + 0.5) * width, box.y + box.height + 6, std::to_string(column),
                        kFaint);
}

void draw_scale(Canvas& canvas, const HeatMap& map, double largest) {
  const double x = kWidth - kMargin - kScaleWidth + 30, height = 260;
  for (int i = 0; i < height; ++i) canvas.fill(x, kTop + kTitle + i, 22, 1, shade(1 - i / (height - 1)));
  canvas.frame(x, kTop + kTitle, 22, height, kFaint);
  canvas.text(x, kTop, map.value_name, kInk);
  for (const double share : {0.0, 0.5, 1.0})
    canvas.text(x + 30, kTop + kTitle + (1 - share) * (height - 14), number(share * largest), kFaint);
}

}  // namespace

Canvas draw_heat_map(const HeatMap& map) {
  Canvas canvas = sheet(map.title, map.subtitle);
  double largest = 0;
  for (const HeatPanel& panel : map.panels)
    for (const double value : panel.values) largest = std::max(largest, value);
  draw_scale(canvas, map, largest);
  if (map.panels.empty()) return canvas;

  const double width = kWidth - 2 * kMargin - kScaleWidth, height = kBottom - kTop;
  const int n = static_cast<int>(map.panels.size()),
            n_columns = columns_of(map.panels.front(), n, width, height);
  const int n_rows = (n + n_columns - 1) / n_columns;
  const double panel_width = (width - kGap * (n_columns - 1)) / n_columns;
  const double panel_height = (height - kGap * (n_rows - 1)) / n_rows;
  for (int i = 0; i < n; ++i) {
    const HeatPanel& panel = map.panels[static_cast<std::size_t>(i)];
    const double x = kMargin + i % n_columns * (panel_width + kGap);
    const double y = kTop + i / n_columns * (panel_height + kGap);
    canvas.text(x + kRowLabels, y, fitted(panel.title, panel_width - kRowLabels), kInk);
    if (panel.n_rows <= 0 || panel.n_columns <= 0) continue;
    draw_fields(canvas, panel,
                {x + kRowLabels, y + kTitle, panel_width - kRowLabels, panel_height - kTitle - kLabels},
                largest);
  }
  canvas.text(kMargin, 100, map.row_name + " downwards, " + map.column_name + " across", kFaint);
  return canvas;
}

}  // namespace shrike::cli
