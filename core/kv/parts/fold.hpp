#pragma once

#include "core/kv/merge.hpp"

// What mergers have in common: who goes where, and how rows are added.
namespace shrike::kv::parts {

// Names for every slot that leaves the kept slot with the most similar key: target[i], and scratch[i] = that
// cosine; -1 where the slot stays or the best cosine is below `least`. Pinned slots receive nothing. Keys are
// compared unturned, which aligns them; a key of length 0 is like nothing, cosine 0. Of equal ones the older
// receives.
// Compared are whole numbers of 12 bits, the same on every machine; cosines are then those of the keys as they
// are. Asks for kNeedMatch.
// Cost     n_leaving * n * head_dim
void match(const Merging& merging, float least) noexcept;

// x_j = (own x_j + sum_i w_i x_i) / divide, for keys and values alike, over the slots i that leave for j.
struct Weights {
  float own = 1;
  float each = 1;          // w_i = each ...
  bool by_count = false;   // ... times the tokens that i stands for
  bool by_cosine = false;  // ... times scratch[i], where match() has put its cosine
  float divide = 0;        // 0: the sum of all weights
};
using Weigh = Weights (*)(const Merging& merging, int j, int n_members);

// Folds what match() has matched; the counts of receivers grow.
void fold(const Merging& merging, Weigh weigh) noexcept;

}  // namespace shrike::kv::parts
