#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"
#include "core/kv/parts/winners.hpp"

namespace shrike::kv::parts {
namespace {

// Of each layer, in slots: what it holds, and of that what it may have at most: what stays in any case (the
// pinned and the window) and `most` times its equal part of all others.
struct Bounds {
  int least[kSharesMax] = {};
  int most[kSharesMax] = {};
  int held[kSharesMax] = {};
};
void bound(const Overview& all, double most, int total, std::size_t n_layers, Bounds& bounds) noexcept {
  int own[kSharesMax] = {};
  double others = total;
  for (std::size_t l = 0; l < n_layers; ++l) {
    for (int head = 0; head < all.n_kv_heads; ++head) {
      const std::size_t t = all.table(static_cast<int>(l), head);
      own[l] += std::min(all.n_pinned[t] + all.n_window, all.n_slots[t]);
      bounds.least[l] += all.least(t);
      bounds.held[l] += all.n_slots[t];
    }
    others -= own[l];
  }
  const double part = most * std::max(0.0, others) / static_cast<double>(n_layers);
  for (std::size_t l = 0; l < n_layers; ++l)
    bounds.most[l] =
        std::clamp(own[l] + static_cast<int>(std::min(part, 1e9)), bounds.least[l], bounds.held[l]);
}

// share_l = the number of the best `total` scores of all layers that layer l has, at most as bounded; what
// that leaves over goes to the others.
// Source   DynamicKV arXiv 2412.14838, which counts again after every few layers of a prompt: here all layers
//          are there at once, so one count says the same
void dynamic(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  const std::size_t n = out.size();
  double weight[kSharesMax];
  Bounds bounds;
  bound(all, args[0].value, total, n, bounds);
  winners(all, 0, static_cast<std::size_t>(all.n_kv_heads), total, out);
  int most = 0;
  for (std::size_t l = 0; l < n; ++l) {
    weight[l] = out[l];
    most += bounds.most[l];
  }
  if (most >= total)
    share(total, {weight, n}, {bounds.least, n}, {bounds.most, n}, out);
  else  // some hold too little for bounds to make sense
    share(total, {weight, n}, {bounds.most, n}, {bounds.held, n}, out);
}

// As printed: what is above its bound is lost.
void printed(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  double weight[kSharesMax];
  Bounds bounds;
  bound(all, args[0].value, total, out.size(), bounds);
  winners(all, 0, static_cast<std::size_t>(all.n_kv_heads), total, out);
  int sum = 0;
  for (std::size_t l = 0; l < out.size(); ++l) {
    const int share = std::min(out[l], bounds.most[l]);
    weight[l] = share;
    sum += share;
  }
  share_layers(all, sum, weight, out);  // these very shares, but for what is pinned
}

constexpr ArgSpec kMost{"most", {10}, 1, 1000};

}  // namespace

const PartRow<LayersPart> layers_dynamic{
    "dynamic",         dynamic, {{kMost}}, 0, "more for layers that have more of the best scores",
    Scale::probability};
const PartRow<LayersPart> layers_dynamic_paper{
    "dynamic-paper", printed, {{kMost}}, 0, "the same as printed, which loses slots", Scale::probability};

}  // namespace shrike::kv::parts
