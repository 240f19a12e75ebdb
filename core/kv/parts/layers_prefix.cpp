#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

// The slots of a layer, best first, and how far down it has come.
struct Prefix {
  std::span<const std::int32_t> order;
  int n_taken = 0;
  double mass = 0;   // all its attention
  double taken = 0;  // of that, the prefix's

  int n() const noexcept { return static_cast<int>(order.size()); }
  double part() const noexcept {
    if (mass > 0) return taken / mass;
    return n() > 0 ? static_cast<double>(n_taken) / n() : 1.0;
  }
};

double weight_of(float score) noexcept { return std::isfinite(score) && score > 0 ? score : 0.0; }

void take(const Overview& all, Prefix& prefix) noexcept {
  const std::int32_t i = prefix.order[static_cast<std::size_t>(prefix.n_taken++)];
  prefix.taken += weight_of(all.scores[static_cast<std::size_t>(i)]);
}

// The layer's best first, of which every head has its least already.
Prefix prefix_of(const Overview& all, int layer) noexcept {
  Prefix prefix;
  const std::int32_t begin = all.first[all.table(layer, 0)];
  std::int32_t end = begin;
  int least = 0;
  for (int head = 0; head < all.n_kv_heads; ++head) {
    end += all.n_slots[all.table(layer, head)];
    least += all.least(all.table(layer, head));
  }
  const std::span<std::int32_t> order =
      all.order.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  for (std::int32_t i = begin; i < end; ++i) {
    order[static_cast<std::size_t>(i - begin)] = i;
    prefix.mass += weight_of(all.scores[static_cast<std::size_t>(i)]);
  }
  std::sort(order.begin(), order.end(), Better{all.scores});
  prefix.order = order;
  for (int i = 0; i < least; ++i) take(all, prefix);
  return prefix;
}

// R_l(p) = the fewest of layer l's best slots with a part p of its attention, and p such that sum_l R_l(p) =
// total: one slot after the other goes to the layer that has the smallest part so far, the first of equal
// ones. That is the paper's bisection on p where its total can be reached, and where it steps over the total,
// the step is taken layer by layer until the total is reached.
// Source   PrefixKV arXiv 2412.03409
void prefix(const Overview& all, const Args&, int total, std::span<int> out) noexcept {
  const std::size_t n = out.size();
  Prefix layers[kSharesMax];
  double weight[kSharesMax];
  int left = total;
  for (std::size_t l = 0; l < n; ++l) {
    layers[l] = prefix_of(all, static_cast<int>(l));
    left -= layers[l].n_taken;
  }
  for (; left > 0; --left) {
    Prefix* least = nullptr;
    for (Prefix& layer : std::span(layers, n))
      if (layer.n_taken < layer.n() && (least == nullptr || layer.part() < least->part())) least = &layer;
    if (least == nullptr) break;
    take(all, *least);
  }
  for (std::size_t l = 0; l < n; ++l) weight[l] = layers[l].n_taken;
  share_layers(all, total, weight, out);  // these very shares, but where not even the pinned fit
}

}  // namespace

const PartRow<LayersPart> layers_prefix{
    "prefix", prefix, {}, 0, "every layer the same part of its attention", Scale::probability};

}  // namespace shrike::kv::parts
