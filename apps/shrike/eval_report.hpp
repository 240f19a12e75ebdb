#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/shrike/eval_run.hpp"
#include "apps/shrike/statistics.hpp"

namespace shrike::cli {

// Answers, and how many of them were right.
struct Tally {
  std::int64_t n = 0, n_right = 0;

  void add(bool right) noexcept {
    ++n;
    n_right += right ? 1 : 0;
  }
  double share() const noexcept { return n > 0 ? static_cast<double>(n_right) / static_cast<double>(n) : 0; }
  Interval interval() const noexcept { return wilson_interval(n_right, n); }
};

// How long ago, in frames, what a question needs was last in view.
inline constexpr int kAges = 8;
[[nodiscard]] int age_class(int age) noexcept;           // of a question's age
[[nodiscard]] const char* age_word(int klass) noexcept;  // "in view", "1-4", .., "over 64", "needs none"

// The answers of some of the questions, and those that `full` gave to the very same ones.
struct EvalGroup {
  Tally cell, full;
};

// One line of the result: a policy under a budget, asked in one of the modes, over all streams that came to
// an end.
struct EvalCell {
  std::string policy, budget;  // "recent", "10%"
  EvalMode mode = EvalMode::multi_request;
  bool is_full = false;
  bool is_oracle = false;  // no policy: it knew the questions
  int n_streams = 0;
  std::int64_t too_small_for = 0;  // bytes that the largest of too small budgets should have had; 0: none was
  double needed_percent = 0;       // the same as share of the full KV

  EvalGroup all, old;  // old: last in view in the older half of the stream
  std::array<EvalGroup, synthetic::kKinds> kinds;
  std::array<EvalGroup, kAges> ages;
  std::int64_t n_only_cell = 0, n_only_full = 0;  // questions that only one of the two had right
  double p_equal = 1;  // how probable so unequal numbers are, were the two equally good

  std::int64_t budget_bytes = 0;   // the largest of any stream, as all of these
  std::int64_t kept_bytes = 0;     // of slots at the end of the stream, before anything is asked
  std::int64_t kv_bytes = 0;       // of the blocks that these lie in
  std::int64_t pool_bytes = 0;     // of all blocks, those of the working room included
  std::int64_t full_kv_bytes = 0;  // that `full` keeps: what a share is of
  double frame_ms = 0;  // decoder and making room, encoding left out: mean of a stream, median of streams
  double token_ms = 0;  // median of answers
  std::vector<double> live;  // [n_layers][n_kv_heads] slots at the end, mean of streams
};

// What is the same for all cells.
struct EvalReport {
  std::string model;
  std::uint64_t seed = 0;  // of the first stream
  int n_streams = 0, n_frames = 0;
  bool as_long_as_possible = false;  // more frames would have no positions in the model
  std::int64_t n_questions = 0;      // of all streams
  double guess_share = 0;            // that a guesser would get right
  double encode_ms = 0;              // median
  int n_layers = 0, n_kv_heads = 0;
  bool interrupted = false;
  std::vector<EvalCell> cells;  // mode by mode, in the order of the tracks; those without any answer left out
};
[[nodiscard]] EvalReport make_report(const EvalOptions& options, const EvalOutcome& outcome);

}  // namespace shrike::cli
