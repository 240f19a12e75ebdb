#pragma once

#include <string>

#include "apps/shrike/eval_run.hpp"

namespace shrike::cli {

// Every single answer as a line of CSV, so that a number in a table can be followed to what was said.
[[nodiscard]] std::string answers_csv(const EvalOptions& options, const EvalOutcome& outcome);

}  // namespace shrike::cli
