#include "apps/shrike/eval_pictures.hpp"

#include <algorithm>
#include <cmath>

#include "apps/shrike/chart.hpp"
#include "apps/shrike/eval_table.hpp"
#include "apps/shrike/heat_map.hpp"
#include "apps/shrike/png.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

constexpr double kSurely = 0.05;  // below this p a difference from `full` is more than chance

// What is drawn again and again, in the order of the report.
std::vector<std::string> names(const EvalReport& report, std::string EvalCell::*name) {
  std::vector<std::string> out;
  for (const EvalCell& cell : report.cells)
    if (!cell.is_full && std::find(out.begin(), out.end(), cell.*name) == out.end())
      out.push_back(cell.*name);
  return out;
}

std::vector<EvalMode> modes(const EvalReport& report) {
  std::vector<EvalMode> out;
  for (const EvalCell& cell : report.cells)
    if (std::find(out.begin(), out.end(), cell.mode) == out.end()) out.push_back(cell.mode);
  return out;
}

const char* panel_title(EvalMode mode) {
  return mode == EvalMode::multi_turn ? "multi-turn: turns are kept" : "multi-request: each alone";
}

std::string size_text(const EvalReport& report) {
  return std::to_string(report.n_streams) + " streams of " + std::to_string(report.n_frames) + " frames, " +
         grouped(report.n_questions) + " questions";
}

std::string in_words(const std::string& budget) {
  return budget.ends_with('%') ? "at " + budget + " of the full KV" : "in " + budget + " of KV";
}

// A size caps more than what is kept.
double share_of_full(const EvalCell& cell) {
  const std::int64_t bytes = cell.budget.ends_with('%') ? cell.budget_bytes : cell.kept_bytes;
  return 100 * static_cast<double>(bytes) /
         static_cast<double>(std::max<std::int64_t>(cell.full_kv_bytes, 1));
}

// --- accuracy against budget -------------------------------------------------------------------------------

ChartLine budget_line(const EvalReport& report, EvalMode mode, const std::string& policy) {
  ChartLine line{policy, {}};
  for (const EvalCell& cell : report.cells)
    if (cell.mode == mode && cell.policy == policy && cell.n_streams > 0)
      line.points.push_back({share_of_full(cell), cell.all.cell.share(), cell.p_equal >= kSurely});
  std::sort(line.points.begin(), line.points.end(),
            [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  return line;
}

ChartPanel budget_panel(const EvalReport& report, EvalMode mode) {
  ChartPanel panel;
  panel.title = panel_title(mode);
  for (const std::string& policy : names(report, &EvalCell::policy))
    panel.lines.push_back(budget_line(report, mode, policy));
  for (const EvalCell& cell : report.cells)
    if (cell.is_full && cell.mode == mode) {
      const Interval interval = cell.all.cell.interval();
      panel.reference = ChartLevel{"full", cell.all.cell.share(), interval.low, interval.high};
    }
  panel.floor = ChartLevel{"guessing", report.guess_share, report.guess_share, report.guess_share};
  return panel;
}

Canvas draw_budgets(const EvalReport& report) {
  Chart chart;
  chart.title = "Accuracy against KV budget";
  chart.subtitle =
      size_text(report) + "; band: 95% interval of full; ring: may be as good as full (p > 0.05)";
  chart.x_label = "budget, share of the full KV";
  chart.y_label = "answers right";
  for (const EvalCell& cell : report.cells) {
    const double x = cell.is_full ? 100 : share_of_full(cell);
    const auto there = [&](const ChartTick& tick) { return std::abs(tick.x - x) < 0.01 * x; };
    if (std::none_of(chart.ticks.begin(), chart.ticks.end(), there))
      chart.ticks.push_back({x, cell.is_full ? "full" : cell.budget});
  }
  std::sort(chart.ticks.begin(), chart.ticks.end(),
            [](const ChartTick& a, const ChartTick& b) { return a.x < b.x; });
  for (const EvalMode mode : modes(report)) chart.panels.push_back(budget_panel(report, mode));
  return draw_chart(chart);
}

// --- accuracy against age ----------------------------------------------------------------------------------

constexpr int kFirstAge = 1;  // class 0 needs nothing to be remembered

ChartLine age_line(const EvalCell& cell) {
  ChartLine line{cell.policy, {}, cell.is_full};
  for (int klass = kFirstAge; klass < kAges; ++klass) {
    const Tally& tally = cell.ages[static_cast<std::size_t>(klass)].cell;
    if (tally.n > 0) line.points.push_back({std::exp2(klass), tally.share()});
  }
  return line;
}

ChartPanel age_panel(const EvalReport& report, EvalMode mode, const std::string& budget) {
  ChartPanel panel;
  panel.title = panel_title(mode);
  for (const std::string& policy : names(report, &EvalCell::policy)) panel.lines.push_back({policy, {}});
  ChartLine full;
  for (const EvalCell& cell : report.cells) {
    if (cell.mode != mode) continue;
    if (cell.is_full) full = age_line(cell);
    for (ChartLine& line : panel.lines)
      if (cell.policy == line.name && cell.budget == budget) line = age_line(cell);
  }
  panel.lines.push_back(full);
  return panel;
}

Canvas draw_ages(const EvalReport& report, const std::string& budget) {
  Chart chart;
  chart.title = "Accuracy against age, " + in_words(budget);
  chart.subtitle = size_text(report);
  chart.x_label = "frames since it was in view";
  chart.y_label = "answers right";
  for (int klass = kFirstAge; klass < kAges; ++klass) {
    const auto asked = [&](const EvalCell& cell) {
      return cell.ages[static_cast<std::size_t>(klass)].cell.n > 0;
    };
    if (std::any_of(report.cells.begin(), report.cells.end(), asked))
      chart.ticks.push_back({std::exp2(klass), age_word(klass)});
  }
  for (const EvalMode mode : modes(report)) chart.panels.push_back(age_panel(report, mode, budget));
  return draw_chart(chart);
}

// --- live slots --------------------------------------------------------------------------------------------

// How much each layer and head holds hangs on the stream alone, so one mode is enough.
Canvas draw_slots(const EvalReport& report, const std::string& budget) {
  HeatMap map;
  map.title = "Live slots by layer and head, " + in_words(budget);
  map.subtitle = "mean of " + std::to_string(report.n_streams) + " streams of " +
                 std::to_string(report.n_frames) + " frames, at their end";
  map.row_name = "layers";
  map.column_name = "heads";
  map.value_name = "slots";
  const EvalMode mode = report.cells.front().mode;
  for (const EvalCell& cell : report.cells)
    if (cell.mode == mode && cell.budget == budget && cell.n_streams > 0)
      map.panels.push_back({cell.policy, report.n_layers, report.n_kv_heads, cell.live});
  return draw_heat_map(map);
}

}  // namespace

std::vector<EvalPicture> draw_report(const EvalReport& report) {
  std::vector<EvalPicture> pictures;
  if (report.cells.empty()) return pictures;
  const auto add = [&](const std::string& name, const Canvas& canvas) {
    pictures.push_back({name + ".png", png_bytes(canvas.width(), canvas.height(), canvas.rgb())});
  };
  add("accuracy", draw_budgets(report));
  for (const std::string& budget : names(report, &EvalCell::budget)) {
    const auto measured = [&](const EvalCell& cell) { return cell.budget == budget && cell.n_streams > 0; };
    if (std::none_of(report.cells.begin(), report.cells.end(), measured)) continue;
    const std::string name = budget.substr(0, budget.find('%'));
    add("age-" + name, draw_ages(report, budget));
    add("slots-" + name, draw_slots(report, budget));
  }
  return pictures;
}

}  // namespace shrike::cli
