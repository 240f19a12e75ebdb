#include "apps/shrike/eval_files.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "apps/shrike/csv.hpp"
#include "apps/shrike/eval_pictures.hpp"

namespace shrike::cli {
namespace {

Json share_json(const Tally& tally) { return tally.n > 0 ? Json(tally.share()) : Json(); }

Json group_json(const EvalGroup& group) {
  const Interval interval = group.cell.interval();
  return {
      {"questions", group.cell.n}, {"right", group.cell.n_right}, {"accuracy", share_json(group.cell)},
      {"low", interval.low},       {"high", interval.high},       {"full_accuracy", share_json(group.full)}};
}

// Calls `each(group, name, what)` for all groups of a cell.
template <class Each>
void for_groups(const EvalCell& cell, Each&& each) {
  each("all", "all", cell.all);
  each("old", "old", cell.old);
  for (std::size_t i = 0; i < cell.kinds.size(); ++i)
    each("kind", synthetic::word(static_cast<synthetic::Kind>(i)), cell.kinds[i]);
  for (std::size_t i = 0; i < cell.ages.size(); ++i) each("age", age_word(static_cast<int>(i)), cell.ages[i]);
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

Json live_json(const EvalCell& cell, const EvalReport& report) {
  Json layers = Json::array();
  const auto n_heads = static_cast<std::ptrdiff_t>(report.n_kv_heads);
  for (auto at = cell.live.begin(); at != cell.live.end(); at += n_heads)
    layers.push_back(std::vector<double>(at, at + n_heads));
  return layers;
}

}  // namespace

Json cell_json(const EvalCell& cell, const EvalReport& report) {
  return {{"policy", cell.policy},
          {"budget", cell.budget},
          {"mode", word(cell.mode)},
          {"is_oracle", cell.is_oracle},
          {"streams", cell.n_streams},
          {"frames", report.n_frames},
          {"questions", cell.all.cell.n},
          {"accuracy", share_json(cell.all.cell)},
          {"accuracy_old", share_json(cell.old.cell)},
          {"full_accuracy", share_json(cell.all.full)},
          {"full_accuracy_old", share_json(cell.old.full)},
          {"p_equal", cell.p_equal},
          {"budget_bytes", cell.budget_bytes},
          {"needed_bytes", cell.too_small_for},
          {"kept_bytes", cell.kept_bytes},
          {"kv_bytes", cell.kv_bytes},
          {"pool_bytes", cell.pool_bytes},
          {"full_kv_bytes", cell.full_kv_bytes},
          {"frame_ms", cell.frame_ms},
          {"token_ms", cell.token_ms}};
}

Json report_json(const EvalReport& report) {
  Json cells = Json::array();
  for (const EvalCell& cell : report.cells) {
    Json object = cell_json(cell, report);
    for_groups(cell, [&](const std::string& group, const std::string& name, const EvalGroup& what) {
      if (group == name)
        object[group] = group_json(what);
      else
        object[group + "s"][name] = group_json(what);
    });
    object["live"] = live_json(cell, report);
    cells.push_back(std::move(object));
  }
  return {{"v", 1},
          {"model", report.model},
          {"seed", report.seed},
          {"streams", report.n_streams},
          {"frames", report.n_frames},
          {"questions", report.n_questions},
          {"guess", report.guess_share},
          {"encode_ms", report.encode_ms},
          {"layers", report.n_layers},
          {"kv_heads", report.n_kv_heads},
          {"interrupted", report.interrupted},
          {"cells", cells}};
}

std::string report_csv(const EvalReport& report) {
  std::string csv =
      "policy,budget,mode,group,name,questions,right,accuracy,low,high,full_accuracy,budget_bytes,kept_bytes,"
      "kv_bytes,pool_bytes,"
      "full_kv_bytes,frame_ms,token_ms\n";
  for (const EvalCell& cell : report.cells) {
    const std::string head = csv_field(cell.policy) + ',' + cell.budget + ',' + word(cell.mode) + ',';
    const std::string tail = std::to_string(cell.budget_bytes) + ',' + std::to_string(cell.kept_bytes) + ',' +
                             std::to_string(cell.kv_bytes) + ',' + std::to_string(cell.pool_bytes) + ',' +
                             std::to_string(cell.full_kv_bytes) + ',' + number(cell.frame_ms) + ',' +
                             number(cell.token_ms) + '\n';
    for_groups(cell, [&](const std::string& group, const std::string& name, const EvalGroup& what) {
      if (what.cell.n == 0) return;
      const Interval interval = what.cell.interval();
      csv += head + group + ',' + name + ',' + std::to_string(what.cell.n) + ',' +
             std::to_string(what.cell.n_right) + ',' + number(what.cell.share()) + ',' +
             number(interval.low) + ',' + number(interval.high) + ',' + number(what.full.share()) + ',' +
             tail;
    });
  }
  return csv;
}

Status write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  if (!out) return Error{Code::io, "cannot be written", path};
  return ok();
}

Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && access(folder.c_str(), W_OK) == 0) return ok();
  const bool denied = error ? error == std::errc::permission_denied : errno == EACCES;
  return Error{denied ? Code::permission : Code::io, "no folder that can be written to", folder};
}

Status write_report(const EvalReport& report, const std::string& answers, const std::string& folder) {
  SHRIKE_TRY_VOID(write_file(folder + "/answers.csv", answers));
  SHRIKE_TRY_VOID(write_file(folder + "/eval.csv", report_csv(report)));
  SHRIKE_TRY_VOID(write_file(folder + "/eval.json", report_json(report).dump(1) + "\n"));
  for (const EvalPicture& picture : draw_report(report))
    SHRIKE_TRY_VOID(write_file(folder + "/" + picture.name, picture.png));
  return ok();
}

}  // namespace shrike::cli
