#pragma once

#include <cstdint>
#include <string>

#include "apps/shrike/eval_run.hpp"
#include "apps/shrike/options.hpp"

namespace shrike::cli {

// What `shrike eval` is told.
struct EvalArguments {
  ModelArguments model;
  std::string policies = "all", budgets = "50,28,10,5", mode = "both";
  std::string out;  // folder; empty: no files
  int n_streams = 60, n_frames = 0, n_questions = 20;
  std::int64_t seed = 1000;
  bool json = false, quiet = false;
};
inline constexpr int kEvalFrames = 64;  // where n_frames is 0 and the model has positions for them

// Makes the streams, and rooms in which they and their questions just fit: what is kept free for asking is
// part of every budget, so that it should be no more than is asked for.
//
// Errors   usage: an argument that cannot be; does_not_fit: more frames than the model has positions for
[[nodiscard]] Result<EvalOptions> eval_options(const EvalArguments& arguments);

}  // namespace shrike::cli
