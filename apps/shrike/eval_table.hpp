#pragma once

#include <cstdio>

#include "apps/shrike/eval_report.hpp"

namespace shrike::cli {

// The result for people: heading, and for each mode a line per cell, by kind of question and by age.
void print_report(std::FILE* to, const EvalReport& report);

// What the modes are, in a few words: "multi-turn: turns stay in the memory".
[[nodiscard]] const char* mode_text(EvalMode mode) noexcept;

}  // namespace shrike::cli
