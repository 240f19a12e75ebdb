#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/neighbours.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// Neighbours with similar keys form runs, and of each run its best score stays, its pivot. The paper joins
// neighbours whose cosine is at least epsilon; here as many as the budget asks for, the most similar first,
// which is the epsilon that fits. The newest slots and the heavy ones (the best scores) are in no run. Where
// those leave too few neighbours to join, the weakest pivots leave.
// Source   KVMerger arXiv 2407.08454
void runs(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
          std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const std::size_t n = keep.size();
  const int whole = protect(slots, {}, args[0], budget, keep);
  const int left = whole - take_best(score, std::min(whole, slots_of(args[1], whole)), keep, order);
  for (int j = 0; j < slots.n(); ++j)
    if (keep[static_cast<std::size_t>(j)] != 0 && !slots.pinned(j))
      keep[static_cast<std::size_t>(j)] = kKeepApart;

  const std::span<float> alike = slots.scratch.first(n), joined = slots.scratch.subspan(n, n);
  compare_neighbours(slots, slots.keys, alike);
  std::fill(joined.begin(), joined.end(), 0.0f);
  int n_free = 0;
  std::size_t n_pairs = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (keep[j] != 0) continue;
    ++n_free;
    if (alike[j] != kApart && keep[j + 1] == 0) order[n_pairs++] = static_cast<std::int32_t>(j);
  }
  const std::size_t n_joins = std::min(n_pairs, static_cast<std::size_t>(std::max(0, n_free - left)));
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n_joins),
                   order.begin() + static_cast<std::ptrdiff_t>(n_pairs), Better{alike});
  for (std::size_t p = 0; p < n_joins; ++p) joined[static_cast<std::size_t>(order[p])] = 1;

  const std::span<float> pivots = alike;  // done with: 1 where a slot is its run's pivot
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    std::size_t best = begin;
    pivots[begin] = 0;
    for (end = begin + 1; joined[end - 1] != 0; ++end) {
      pivots[end] = 0;
      if (score[end] > score[best]) best = end;
    }
    pivots[best] = keep[best] == 0 ? 1.0f : 0.0f;
  }
  take_best(score, left, keep, order, [&](int j) { return pivots[static_cast<std::size_t>(j)] != 0; });
}

}  // namespace

const PartRow<SelectPart> select_runs{
    "runs",
    runs,
    {{{"recent", {10, Unit::percent}, 0, 1 << 20, true}, {"heavy", {10, Unit::percent}, 0, 1 << 20, true}}},
    kNeedKeys,
    "one of each run of similar neighbours"};

}  // namespace shrike::kv::parts
