#pragma once

#include <span>
#include <string_view>

#include "core/kv/block.hpp"
#include "core/kv/pool.hpp"
#include "core/kv/rope_table.hpp"
#include "platform/result.hpp"

namespace shrike::kv {

// A policy is a composition of small parts, each one file under core/kv/parts/ and one row in policy.cpp.
// Compression runs
//
//   layers -> heads -> score -> select -> merge          whenever room must be made, before an append
//
// Parts see slots and their facts, never a model. They allocate nothing and use no state but their arguments,
// so that the same stream gives the same memory, whatever the number of threads.

// The live slots of one (layer, kv head), oldest first, gathered for the parts.
struct Candidates {
  int layer = 0;
  int kv_head = 0;
  std::span<const SlotFacts> facts;         // [n]
  std::span<const std::int32_t> positions;  // [n], ascending
};

// Shares `total` slots over the layers: sum(out) == total, always.
using LayersPart = void (*)(int total, std::span<int> out) noexcept;
// Shares one layer's slots over its kv heads: sum(out) == total, always.
using HeadsPart = void (*)(int total, std::span<int> out) noexcept;
// One finite number a slot; higher means keep.
using ScorePart = void (*)(const Candidates& slots, std::span<float> score) noexcept;
// keep[i] = 1 for at most max(budget, pinned) slots, every pinned one among them. `order` is scratch, [n].
using SelectPart = void (*)(const Candidates& slots, std::span<const float> score, int budget,
                            std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept;

// Folds what is about to leave (keep[i] = 0) into what stays. Keys are aligned by turning them with `rope`
// first.
using MergePart = void (*)(Pool& pool, std::span<const BlockRef> blocks, const RopeTable& rope,
                           std::span<const std::uint8_t> keep) noexcept;

enum class Codec : std::uint8_t { f16 };

struct Policy {
  std::string_view name;
  LayersPart layers = nullptr;
  HeadsPart heads = nullptr;
  ScorePart score = nullptr;
  SelectPart select = nullptr;  // null: nothing ever leaves, and a full pool says so
  MergePart merge = nullptr;    // null: what leaves, leaves
  Codec codec = Codec::f16;

  bool evicts() const noexcept { return select != nullptr; }
};

struct PolicyRow {
  std::string_view name;
  std::string_view composition;
  std::string_view what;  // one line for people
};
[[nodiscard]] std::span<const PolicyRow> named_policies() noexcept;

// "recent", or by hand: "layers=equal heads=equal score=recency select=frames merge=drop". A key left out
// takes the part in use by `recent`. Errors: usage, naming the part and what there is.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text);

}  // namespace shrike::kv
