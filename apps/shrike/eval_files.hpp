#pragma once

#include <string>

#include "apps/shrike/eval_report.hpp"
#include "apps/shrike/print.hpp"
#include "platform/result.hpp"

namespace shrike::cli {

// A cell as one flat object, for a line of its own.
[[nodiscard]] Json cell_json(const EvalCell& cell, const EvalReport& report);

// All there is: the flat objects, and in each `kinds`, `ages`, `old` and `live`, with 95 % intervals.
[[nodiscard]] Json report_json(const EvalReport& report);

// A line for each group of questions of each cell: all, old, each kind, each age.
[[nodiscard]] std::string report_csv(const EvalReport& report);

// Errors   io
[[nodiscard]] Status write_file(const std::string& path, const std::string& bytes);
// Makes the folder where it is not there, so that what was measured for hours will find its place.
//
// Errors   io, permission
[[nodiscard]] Status make_folder(const std::string& folder);

// eval.csv, eval.json, answers.csv and the pictures: accuracy.png, for each budget age-10.png and
// slots-10.png.
//
// Errors   io
[[nodiscard]] Status write_report(const EvalReport& report, const std::string& answers,
                                  const std::string& folder);

}  // namespace shrike::cli
