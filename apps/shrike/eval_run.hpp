#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/shrike/eval_budgets.hpp"
#include "apps/shrike/eval_streams.hpp"
#include "core/session.hpp"

namespace shrike::cli {

// How the questions of a stream are asked.
enum class EvalMode : std::uint8_t {
  multi_request,  // each of the stream alone: the memory is rolled back behind it
  multi_turn,     // one after the other: turns stay in the memory, in the same budget
};
[[nodiscard]] const char* word(EvalMode mode) noexcept;  // "multi-request"

// One way of remembering: a policy under a budget. Without one: all that the stream needs.
struct EvalTrack {
  std::string policy;
  std::optional<EvalBudget> budget;
  bool is_oracle = false;  // its policy is told the worth of frames, see eval_oracle.hpp

  std::string text() const { return budget ? budget->text : "100%"; }  // of the budget
};

struct EvalOptions {
  SessionOptions
      session;  // model, rooms for asking, kernels; policy, budget and threads are set for each track
  std::size_t full_budget_bytes = 0;  // in which a whole stream and its turns fit
  std::vector<EvalStream> streams;
  bool as_long_as_possible = false;  // no more frames have positions in the model
  std::vector<EvalTrack> tracks;     // the first one is `full`, which the others are measured by
  std::vector<EvalMode> modes;
  int n_threads = 1;  // in all. Streams go side by side; more threads than streams go into each
};

// What came of it, track by track, stream by stream; nothing where it was interrupted before.
struct EvalAnswer {
  std::string text;
  bool right = false;
  std::int64_t ns_per_token = 0;
};
struct EvalAsked {
  std::vector<EvalAnswer> answers;  // as the questions of the stream, or the first ones of them
  std::int64_t too_small_for = 0;   // the budget that a turn needs; 0: there was room
};
struct EvalWatched {
  bool done = false;                 // to the end of the stream
  std::int64_t too_small_for = 0;    // the budget that is needed; 0: it was enough
  std::int64_t budget_bytes = 0;     // of a share: what the stream may keep; of a size: all there is
  std::int64_t kept_bytes = 0;       // of slots at the end of the stream, before anything is asked
  std::int64_t kv_bytes = 0;         // of the blocks that these lie in, as the pool counts
  std::int64_t pool_bytes = 0;       // of all blocks planned: working room included
  std::vector<std::int64_t> see_ns;  // per frame, encoding left out
  std::vector<int> live;             // [n_layers][n_kv_heads] slots at the end of the stream
  std::vector<EvalAsked> asked;      // per mode
};
struct EvalOutcome {
  std::vector<std::vector<EvalWatched>> tracks;  // [track][stream]
  std::vector<std::int64_t> encode_ns;           // of every frame of every stream
  int n_layers = 0, n_kv_heads = 0;
  bool interrupted = false;
};

// Watches every stream under every policy and budget and asks; Ctrl-C ends it behind the present question,
// with what there is. `tell(share)` is called a few times a second with the share of the work that is done.
//
// Order    results hang on neither the number of threads nor the order in which streams end
// Errors   those of Session::open, but for a budget that is too small: that is a result
[[nodiscard]] Result<EvalOutcome> run_evaluation(const EvalOptions& options,
                                                 const std::function<void(double)>& tell);

}  // namespace shrike::cli
