#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"
#include "core/kv/parts/winners.hpp"

namespace shrike::kv::parts {
namespace {

// share_h = (1 - safeguard) f_h + safeguard total / n_heads, f_h the number of the layer's best scores that
// head h has. Scores are sums over a kv head's group of query heads, which the paper's bound asks for.
// Source   Ada-KV arXiv 2407.11550, algorithm 2; rounding to a sum that holds is ours
void adakv(const Overview& all, int layer, const Args& args, int total, std::span<int> out) noexcept {
  const double safeguard = args[0].value;
  double weight[kSharesMax];
  winners(all, all.table(layer, 0), 1, total, out);
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
