#pragma once

#include <string>
#include <vector>

#include "apps/shrike/canvas.hpp"

namespace shrike::cli {

// Tables of numbers as fields of colour, panel beside panel, on one scale from 0 to the largest of all.
struct HeatPanel {
  std::string title;
  int n_rows = 0, n_columns = 0;
  std::vector<double> values;  // [n_rows][n_columns], none below 0
};
struct HeatMap {
  std::string title, subtitle;
  std::string row_name, column_name, value_name;
  std::vector<HeatPanel> panels;
};

// 1200 x 800 pixels. Where a field is large enough, its number stands in it.
[[nodiscard]] Canvas draw_heat_map(const HeatMap& map);

}  // namespace shrike::cli
