#pragma once

#include <span>

#include "core/kv/block.hpp"
#include "core/kv/needs.hpp"
#include "core/kv/rope_table.hpp"

namespace shrike::kv {

// The live slots of one (layer, kv head), oldest first, gathered for the parts. What nobody needs is null.
//
// Shapes   facts, positions, each mark [n]; keys, values [n][head_dim]; query_mean, query_variance
//          [group][head_dim]
// Note     keys are not turned: all lie in one common frame, so that their cosines and means are those of
//          content, not of distance. The keys of the papers' code are mostly turned to their positions.
struct Candidates {
  int layer = 0;
  int kv_head = 0;
  std::span<const SlotFacts> facts;
  std::span<const std::int32_t> positions;  // ascending
  const float* marks[kMarks] = {};
  const float* keys = nullptr;
  const float* values = nullptr;
  int head_dim = 0;
  int next_position = 0;
  float worth[2] = {1, 1};  // of this head's slots, by modality, beside other heads': see HeadProfile
  const float* query_mean = nullptr;
  const float* query_variance = nullptr;
  int group = 1;
  int n_window = 0;  // how many of the newest slots are the rows of the observation window themselves
  const RopeTable* rope = nullptr;
  const Kernels* kernels = nullptr;
  std::span<float> scratch;  // [2 n], anybody's

  int n() const noexcept { return static_cast<int>(facts.size()); }
  const float* mark(Mark m) const noexcept { return marks[static_cast<int>(m)]; }
  const float* key(int i) const noexcept { return keys + static_cast<std::ptrdiff_t>(i) * head_dim; }
  const float* value(int i) const noexcept { return values + static_cast<std::ptrdiff_t>(i) * head_dim; }
  bool pinned(int i) const noexcept {
    return (facts[static_cast<std::size_t>(i)].token.flags & (kPinned | kFrozen)) != 0;
  }
  const TokenFacts& token(int i) const noexcept { return facts[static_cast<std::size_t>(i)].token; }
};

}  // namespace shrike::kv
