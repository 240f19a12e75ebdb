#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

// alpha_l = softmax_l(E_l / temperature), E the cross-modal entropy of layer l, smoothed over the clips so
// far: the paper waits for all layers of one prompt, which a budget that is never exceeded cannot. All 0:
// nothing seen yet.
void softmax(const Overview& all, float temperature, double* alpha) noexcept {
  const std::size_t n = all.shown.size();
  float largest = 0;
  for (const LayerShown& layer : all.shown) largest = std::max(largest, layer.cross);
  double sum = 0;
  for (std::size_t l = 0; l < n; ++l)
    sum += alpha[l] = std::exp(static_cast<double>(all.shown[l].cross - largest) / temperature);
  for (std::size_t l = 0; l < n; ++l) alpha[l] /= sum;
}

// share_l = alpha_l total, filled up where a layer has less, and never below `floor` of an equal share, nor
// below what `rate` lets a layer lose of its share at once.
// Source   MEDA arXiv 2502.17599, section 3.2; water-filling, floor and rate are ours
void entropy(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  const std::size_t n = out.size();
  double alpha[kSharesMax];
  int floors[kSharesMax];
  softmax(all, args[0].value, alpha);
  for (std::size_t l = 0; l < n; ++l) {
    const float equal = args[1].value / static_cast<float>(n);
    const float before = (1 - args[2].value) * all.share_before[l];
    floors[l] = static_cast<int>(std::max(equal, before) * static_cast<float>(total));
  }
  share_layers(all, total, alpha, out, {floors, n});
}

// min(alpha_l total, what is there), as printed: what a layer cannot use is lost.
void printed(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  double alpha[kSharesMax];
  softmax(all, args[0].value, alpha);
  int sum = 0;
  for (std::size_t l = 0; l < out.size(); ++l) {
    int held = 0;
    for (int head = 0; head < all.n_kv_heads; ++head)
      held += all.n_slots[all.table(static_cast<int>(l), head)];
    const int share = std::min(static_cast<int>(alpha[l] * total), held);
    alpha[l] = share;
    sum += share;
  }
  share_layers(all, sum, alpha, out);  // these very shares, but for what is pinned
}

constexpr ArgSpec kTemperature{"temperature", {1}, 0.01f, 1000};

}  // namespace

const PartRow<LayersPart> layers_entropy{"entropy",
                                         entropy,
                                         {{kTemperature, {"floor", {0.1f}, 0, 1}, {"rate", {1}, 0, 1}}},
                                         kNeedEntropy,
                                         "more for layers whose attention between text and image is spread"};
const PartRow<LayersPart> layers_entropy_paper{
    "entropy-paper", printed, {{kTemperature}}, kNeedEntropy, "the same as printed, which loses slots"};

}  // namespace shrike::kv::parts
