#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

double squared(float x) noexcept { return std::isfinite(x) ? static_cast<double>(x) * x : 0.0; }

// A signal to stop below the budget. Of the slots that are not protected, in order of score, stay the fewest
// that leave the newest row p all but `loss` of its length, and never more than the budget lets stay:
//
//   R(k) = sqrt(sum of p_j^2 over the k best),   (R(all) - R(k)) / R(all) <= loss
//
// A row that shows nothing releases nothing.
// Source   DBudgetKV arXiv 2502.16886; its one length for all heads of a layer, from the mean of their R, is
//          here a length for each kv head, from the row summed over its group, and the budget is the bound
//          that the paper has none of
void release(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
             std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const int left = protect(slots, args[1], args[2], budget, keep);
  const float* row = slots.mark(Mark::last);
  int n = 0;
  double all = 0;
  for (int i = 0; i < slots.n(); ++i) {
    if (keep[static_cast<std::size_t>(i)] != 0) continue;
    order[static_cast<std::size_t>(n++)] = i;
    all += squared(row[i]);
  }
  std::sort(order.begin(), order.begin() + n, Better{score});
  const double enough = all * squared(1 - args[0].value);
  double sum = 0;
  for (int k = 0; k < std::min(left, n) && (all == 0 || sum < enough); ++k) {
    const std::int32_t i = order[static_cast<std::size_t>(k)];
    keep[static_cast<std::size_t>(i)] = 1;
    sum += squared(row[i]);
  }
}

}  // namespace

const PartRow<SelectPart> select_release{
    "release",
    release,
    {{{"loss", {0.05f}, 0, 0.99f}, {"sink", {}, 0, 4096, false, true}, {"recent", {}, 0, 1 << 20, true}}},
    need(Mark::last),
    "the fewest of the best that the newest row can do with"};

}  // namespace shrike::kv::parts
