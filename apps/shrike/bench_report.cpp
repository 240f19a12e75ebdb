#include "apps/shrike/bench_report.hpp"

#include <algorithm>

#include "apps/shrike/chart.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

constexpr double kBusy = 0.85;  // own time over time on the wall, of stages on one thread

std::string rate_text(const BenchRow& row, double seconds) {
  char text[32];
  if (row.n_tokens == 0)
    std::snprintf(text, sizeof(text), "%.1f ms", seconds * 1e3);
  else
    std::snprintf(text, sizeof(text), "%.1f tok/s", row.n_tokens / seconds);
  return text;
}

void print_sensors(std::FILE* to, const BenchReport& report) {
  const auto pair = [&](const char* what, const char* unit, const std::optional<double>& before,
                        const std::optional<double>& after) {
    if (before && after)
      std::fprintf(to, "%-12s %.0f %s before, %.0f %s after\n", what, *before, unit, *after, unit);
    else
      std::fprintf(to, "%-12s no sensor\n", what);
  };
  pair("temperature", "C", report.before.celsius, report.after.celsius);
  pair("clock", "MHz", report.before.mhz, report.after.mhz);
  std::fprintf(to, "%-12s %.1f GFLOP/s before, %.1f GFLOP/s after, one thread\n", "f32",
               report.flop_before * 1e-9, report.flop_after * 1e-9);
  if (report.throttled()) std::fprintf(to, "warning: the machine became slower while it was measured\n");
  if (report.busy()) std::fprintf(to, "warning: the machine did other work too; see `own`\n");
}

Json sensors_json(const Sensors& sensors) {
  Json json = {{"celsius", nullptr}, {"mhz", nullptr}};
  if (sensors.celsius) json["celsius"] = *sensors.celsius;
  if (sensors.mhz) json["mhz"] = *sensors.mhz;
  return json;
}

}  // namespace

bool BenchReport::busy() const noexcept {
  return std::any_of(rows.begin(), rows.end(), [](const BenchRow& row) {
    return row.n_threads == 1 && row.own_seconds < kBusy * row.seconds;
  });
}

void print_bench(std::FILE* to, const BenchReport& r) {
  std::fprintf(to, "%s on %s, medians of %d\n\n%-20s %8s %12s %14s %14s\n", r.model.c_str(), r.cpu.c_str(),
               r.repetitions, "limit", "threads", "reads", "f32", "int8");
  for (const BenchLimit& limit : r.limits)
    std::fprintf(to, "%-20s %8d %7.1f GB/s %7.1f GFLOP/s %8.1f GOP/s\n", "", limit.n_threads,
                 limit.machine.bytes_per_s * 1e-9, limit.machine.flop_per_s * 1e-9,
                 limit.machine.int8_per_s * 1e-9);
  std::fprintf(to, "\n%-20s %8s %-13s %15s %15s %15s %7s\n", "stage", "threads", "kernels", "median", "own",
               "limit", "share");
  for (const BenchRow& row : r.rows)
    std::fprintf(to, "%-20s %8d %-13s %15s %15s %15s %5.0f %% of %s\n", row.stage.c_str(), row.n_threads,
                 row.isa.c_str(), rate_text(row, row.seconds).c_str(),
                 rate_text(row, row.own_seconds).c_str(), rate_text(row, row.limit_seconds).c_str(),
                 100 * row.share(), row.bound.c_str());
  if (!r.frame.parts.empty()) {
    std::fprintf(to, "\na frame of %d tokens, %d threads, %s\n", r.frame.tokens, r.frame.n_threads,
                 r.frame.policy.c_str());
    for (const BenchPart& part : r.frame.parts)
      std::fprintf(to, "  %-18s %9.3f ms\n", part.name.c_str(), part.ms);
  }
  if (!r.kernels.empty())
    std::fprintf(to, "\n%-24s %-13s %12s %7s\n", "kernel", "kernels", "median", "share");
  for (const BenchKernel& kernel : r.kernels)
    std::fprintf(to, "%-24s %-13s %9.1f us %5.0f %%\n", kernel.name.c_str(), kernel.isa.c_str(), kernel.us,
                 100 * kernel.share);
  std::fprintf(to, "\n%-12s %s beside the file, text alone, 2048 positions\n", "memory",
               bytes_text(static_cast<std::int64_t>(r.plan_bytes)).c_str());
  print_sensors(to, r);
}

Json bench_json(const BenchReport& r) {
  Json json = {{"model", r.model}, {"cpu", r.cpu}, {"repetitions", r.repetitions}};
  for (const BenchLimit& limit : r.limits)
    json["limits"].push_back({{"threads", limit.n_threads},
                              {"bytes_per_s", limit.machine.bytes_per_s},
                              {"flop_per_s", limit.machine.flop_per_s},
                              {"int8_ops_per_s", limit.machine.int8_per_s}});
  json["stages"] = Json::array();
  for (const BenchRow& row : r.rows)
    json["stages"].push_back({{"stage", row.stage},
                              {"threads", row.n_threads},
                              {"kernels", row.isa},
                              {"tokens", row.n_tokens},
                              {"ms", row.seconds * 1e3},
                              {"ms_min", row.seconds_min * 1e3},
                              {"own_ms", row.own_seconds * 1e3},
                              {"limit_ms", row.limit_seconds * 1e3},
                              {"bound", row.bound},
                              {"share", row.share()}});
  Json parts = Json::object();
  for (const BenchPart& part : r.frame.parts) parts[part.name] = part.ms;
  json["frame"] = {
      {"policy", r.frame.policy}, {"tokens", r.frame.tokens}, {"threads", r.frame.n_threads}, {"ms", parts}};
  json["kernels"] = Json::array();
  for (const BenchKernel& kernel : r.kernels)
    json["kernels"].push_back(
        {{"kernel", kernel.name}, {"kernels", kernel.isa}, {"us", kernel.us}, {"share", kernel.share}});
  json["memory_bytes"] = r.plan_bytes;
  json["before"] = sensors_json(r.before);
  json["after"] = sensors_json(r.after);
  json["before"]["flop_per_s"] = r.flop_before;
  json["after"]["flop_per_s"] = r.flop_after;
  json["throttled"] = r.throttled();
  json["busy"] = r.busy();
  return json;
}

// A bar for each stage: how much of the limit it reaches.
Canvas draw_bench(const BenchReport& r) {
  using namespace paper;
  constexpr double kTop = 128, kLeft = 420, kRight = 190;
  constexpr Rgb kBar{44, 112, 157};
  Canvas canvas =
      sheet("Share of what the machine can do", fitted(r.model + " on " + r.cpu, kWidth - 2 * kMargin));
  const double width = kWidth - kLeft - kRight - kMargin;
  const double step =
      std::min(40.0, (kHeight - kTop - kMargin) / std::max<double>(1, static_cast<double>(r.rows.size())));
  for (int percent = 0; percent <= 100; percent += 25) {
    const double x = kLeft + width * percent / 100;
    canvas.line(x, kTop - 8, x, kTop + step * static_cast<double>(r.rows.size()), 1, kGrid);
    canvas.text_centred(x, kTop - 28, std::to_string(percent) + " %", kFaint);
  }
  double y = kTop;
  for (const BenchRow& row : r.rows) {
    const std::string name = row.stage + ", " + row.isa + ", " + std::to_string(row.n_threads) +
                             (row.n_threads == 1 ? " thread" : " threads");
    const double text_y = y + (step - Canvas::text_height()) / 2;
    canvas.text_to(kLeft - 12, text_y, fitted(name, kLeft - kMargin), kInk);
    canvas.fill(kLeft, y + 3, width * std::clamp(row.share(), 0.0, 1.0), std::max(1.0, step - 6), kBar);
    canvas.text(kLeft + width + 12, text_y, rate_text(row, row.seconds), kInk);
    y += step;
  }
  return canvas;
}

}  // namespace shrike::cli
