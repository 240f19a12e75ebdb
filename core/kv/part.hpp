#pragma once

#include <span>
#include <string_view>

#include "core/kv/args.hpp"
#include "core/kv/candidates.hpp"
#include "core/kv/merge.hpp"
#include "core/kv/needs.hpp"
#include "core/kv/overview.hpp"

namespace shrike::kv {

// The kinds of parts that a policy is made of, in the order in which compression runs them:
//
//   when -> score -> layers -> heads -> select -> merge -> place         the codec is at work all the time
//
// Parts see slots and what was gathered of them, never a model. They allocate nothing, throw nothing and use
// no state but their arguments, so that the same stream gives the same memory, whatever the number of
// threads. Budgets are slots.

// Before every append: how many slots a table shall hold on average before n_new more come. kEnough: no need.
// As many as it holds: all may stay, but the selector is asked whether it can do with less.
struct Pressure {
  bool has_room = true;  // n_new tokens and the reserve fit as things are
  int n_new = 0;
  int n_held = 0;    // slots of a table, on average
  int n_max = 0;     // of which that many fit beside n_new and the reserve; less may, where holes cost blocks
  int n_frames = 0;  // that came since the last compression
};
inline constexpr int kEnough = -1;
using SchedulePart = int (*)(const Pressure& pressure, const Args& args) noexcept;

// One finite number a slot; higher means keep.
using ScorePart = void (*)(const Candidates& slots, const Args& args, std::span<float> score) noexcept;
// Shares `total` slots over the layers. sum(out) == total; only a part in the form of a paper that loses
// slots may give less, and says so in its file.
using LayersPart = void (*)(const Overview& all, const Args& args, int total, std::span<int> out) noexcept;
// Shares one layer's slots over its kv heads, with the same promise.
using HeadsPart = void (*)(const Overview& all, int layer, const Args& args, int total,
                           std::span<int> out) noexcept;
// keep[i] = 1 for at most max(budget, pinned) slots, every pinned one among them; 2: stays and is frozen,
// which pins it from now on; kKeepApart: stays, and no merge touches it. Of equal scores the older slot
// stays. `order` is scratch, [n].
using SelectPart = void (*)(const Candidates& slots, const Args& args, std::span<const float> score,
                            int budget, std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept;
// Folds what leaves into what stays. Null: what leaves, leaves.
using MergePart = void (*)(const Merging& merging, const Args& args) noexcept;
// Gives new positions after slots have left. In: map[p] = 1 where p lies between the first and the last slot
// of some block, else 0. Out: map[p] = where p goes: monotone, no p goes up, neighbours inside a block stay
// neighbours. The last entry is the next position. One map for all tables, so that order and distances hold
// across layers and heads.
using PlacePart = void (*)(std::span<std::int32_t> map, const Args& args) noexcept;

// What scores mean: weights of attention compare between heads (and, as a rule of thumb, layers), norms and
// cosines within one head only. Rungs: the whole part is the rung of a ladder, 4 the cheapest, the rest the
// slot's part of all attention of its head.
enum class Scale : std::uint8_t { rank, probability, rungs };

// A part as the catalogue has it; it lies in the part's own file.
template <class Run>
struct PartRow {
  std::string_view name;
  Run run = nullptr;
  ArgSpecs args{};
  Needs needs = 0;
  std::string_view what;      // one line for people
  Scale scale = Scale::rank;  // score: what its numbers are; layers, heads: what they must be
};

// What a policy holds of a part.
template <class Run>
struct Part {
  Run run = nullptr;
  Args args{};
};

}  // namespace shrike::kv
