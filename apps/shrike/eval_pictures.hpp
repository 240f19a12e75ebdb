#pragma once

#include <string>
#include <vector>

#include "apps/shrike/eval_report.hpp"

namespace shrike::cli {

// A picture, ready to be written: "accuracy.png" and its bytes.
struct EvalPicture {
  std::string name, png;
};

// Accuracy against budget; for each budget accuracy against age, and live slots by layer and head.
[[nodiscard]] std::vector<EvalPicture> draw_report(const EvalReport& report);

}  // namespace shrike::cli
