#pragma once

#include <span>
#include <string_view>

#include "core/kv/args.hpp"
#include "core/kv/candidates.hpp"
#include "core/kv/codec.hpp"
#include "core/kv/merge.hpp"
#include "core/kv/overview.hpp"
#include "platform/result.hpp"

namespace shrike::kv {

// A policy is a composition of small parts, each one file under core/kv/parts/ and one row in catalogue.cpp.
// Compression runs
//
//   score -> layers -> heads -> select -> merge          whenever room must be made, before an append
//
// Parts see slots and what was gathered of them, never a model. They allocate nothing and use no state but their
// arguments, so that the same stream gives the same memory, whatever the number of threads. Budgets are slots.

// Shares `total` slots over the layers. sum(out) == total; only a part in the form of a paper that loses slots may
// give less, and says so in its file.
using LayersPart = void (*)(const Overview& all, const Args& args, int total, std::span<int> out) noexcept;
// Shares one layer's slots over its kv heads, with the same promise.
using HeadsPart = void (*)(const Overview& all, int layer, const Args& args, int total,
                           std::span<int> out) noexcept;
// One finite number a slot; higher means keep.
using ScorePart = void (*)(const Candidates& slots, const Args& args, std::span<float> score) noexcept;
// keep[i] = 1 for at most max(budget, pinned) slots, every pinned one among them; 2: stays and is frozen, which pins
// it from now on. Of equal scores the older slot stays. `order` is scratch, [n].
using SelectPart = void (*)(const Candidates& slots, const Args& args, std::span<const float> score,
                            int budget, std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept;
// Folds what leaves into what stays. Null: what leaves, leaves.
using MergePart = void (*)(const Merging& merging, const Args& args) noexcept;

// What scores mean: weights of attention compare between heads (and, as a rule of thumb, layers), norms and cosines
// within one head only.
enum class Scale : std::uint8_t { rank, probability };

// Whose rows are the observation window.
enum class Observe : std::uint8_t {
  frame,     // the last rows of each frame, as they come: nothing is known of questions
  proxy,     // the words that stand around any question, shown to the memory before it is compressed
  question,  // a standing question, shown likewise
};

template <class Run>
struct Part {
  Run run = nullptr;
  Args args{};
};

struct Policy {
  std::string_view name;
  Part<LayersPart> layers;
  Part<HeadsPart> heads;
  Part<ScorePart> score;
  Part<SelectPart> select;  // null: nothing ever leaves, and a full pool says so
  Part<MergePart> merge;
  const Codec* codec = nullptr;
  Observe observe = Observe::frame;
  bool tied = false;      // the heads of a layer keep the same tokens: their scores are averaged
  int window = 0;         // rows of the observation window
  float fade = 1;         // what a frame leaves of the running sums
  Needs needs = 0;        // of all parts together
  Needs score_needs = 0;  // of the score alone
  Needs keep_needs = 0;   // of select and merge

  bool evicts() const noexcept { return select.run != nullptr; }
};

struct PolicyRow {
  std::string_view name;
  std::string_view composition;
  std::string_view what;  // one line for people
};
[[nodiscard]] std::span<const PolicyRow> named_policies() noexcept;

// "recent", or by hand: "layers=entropy heads=adaptive:0.2 score=window:32 select=top:sink=4,recent=1f
// merge=average codec=f16 observe=frame". A key left out takes the part in use by `recent`. Errors: usage, naming
// the word; the hint lists what there is, the nearest spelling first.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text);

}  // namespace shrike::kv
