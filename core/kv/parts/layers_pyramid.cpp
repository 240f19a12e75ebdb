#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

// Beside what stays in any case an arithmetic progression with mean c, from 2c - c / beta in the first layer
// to c / beta in the last; where the first layer has less than that, the slope is as steep as it can be.
// Source   PyramidKV arXiv 2406.02069; its integer steps do not add up, ours do
void pyramid(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  const std::size_t n = out.size();
  double weight[kSharesMax];
  double sum = 0, held = 0;
  for (std::size_t l = 0; l < n; ++l) {
    weight[l] = 0;
    for (int head = 0; head < all.n_kv_heads; ++head) {
      const std::size_t t = all.table(static_cast<int>(l), head);
      weight[l] += std::min(all.n_pinned[t] + all.n_window, all.n_slots[t]);
      held += l == 0 ? all.n_slots[t] : 0;
    }
    sum += weight[l];
  }
  const double mean = std::max(0.0, total - sum) / static_cast<double>(n);
  const double first =
      std::min(2 * mean - mean / static_cast<double>(args[0].value), std::max(mean, held - weight[0]));
  const double step = n > 1 ? 2 * (first - mean) / static_cast<double>(n - 1) : 0.0;
  for (std::size_t l = 0; l < n; ++l)
    weight[l] += n > 1 ? std::max(0.0, first - step * static_cast<double>(l)) : mean;
  share_layers(all, total, weight, out);
}

}  // namespace

const PartRow<LayersPart> layers_pyramid{
    "pyramid", pyramid, {{{"beta", {20}, 1, 1000}}}, 0, "many for the first layers, few for the last"};

}  // namespace shrike::kv::parts
