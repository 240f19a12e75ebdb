#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

struct Counts {
  int above[kSharesMax] = {};  // slots of each head with a score above the last winner's
  int equal[kSharesMax] = {};  // and with just that score
};

// How many of the layer's best `total` scores each head has. The order in which heads are laid end to end
// decides nothing: of equal scores at the border every head gets an equal part.
void winners(const Overview& all, int layer, int total, std::span<int> out) noexcept {
  const std::size_t first = all.table(layer, 0);
  const int begin = all.first[first];
  int n = 0;
  for (std::size_t h = 0; h < out.size(); ++h) n += all.n_slots[first + h];
  std::fill(out.begin(), out.end(), 0);
  if (n == 0 || total <= 0) return;
  const auto score = [&](std::int32_t i) { return all.scores[static_cast<std::size_t>(begin + i)]; };
  const std::span<std::int32_t> order = all.order.first(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  const auto last = order.begin() + std::min(total, n) - 1;
  std::nth_element(order.begin(), last, order.end(),
                   [&](std::int32_t a, std::int32_t b) { return score(a) > score(b); });
  const float border = score(*last);

  Counts counts;
  int left = std::min(total, n);
  for (std::size_t h = 0; h < out.size(); ++h)
    for (const float s : all.scores_of(first + h)) {
      counts.above[h] += s > border ? 1 : 0;
      counts.equal[h] += s == border ? 1 : 0;
      left -= s > border ? 1 : 0;
    }
  const int nothing[kSharesMax] = {};
  const double alike[kSharesMax] = {};
  share(left, {alike, out.size()}, {nothing, out.size()}, {counts.equal, out.size()}, out);
  for (std::size_t h = 0; h < out.size(); ++h) out[h] += counts.above[h];
}

// share_h = (1 - safeguard) f_h + safeguard total / n_heads, f_h the number of the layer's best scores that
// head h has. Scores are sums over a kv head's group of query heads, which the paper's bound asks for.
// Source   Ada-KV arXiv 2407.11550, algorithm 2; rounding to a sum that holds is ours
void adakv(const Overview& all, int layer, const Args& args, int total, std::span<int> out) noexcept {
  const double safeguard = args[0].value;
  double weight[kSharesMax];
  winners(all, layer, total, out);
  for (std::size_t h = 0; h < out.size(); ++h)
    weight[h] = (1 - safeguard) * out[h] + safeguard * total / static_cast<double>(out.size());
  share_heads(all, layer, total, weight, out);
}

}  // namespace

const PartRow<HeadsPart> heads_adakv{"adakv",
                                     adakv,
                                     {{{"safeguard", {0.2f}, 0, 1}}},
                                     0,
                                     "more for heads that have more of the layer's best scores",
                                     Scale::probability};

}  // namespace shrike::kv::parts
