#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

double variance(const Overview& all, std::size_t table) noexcept {
  double sum = 0, square = 0;
  int n = 0;
  for (const float score : all.scores_of(table)) {
    if (!std::isfinite(score)) continue;  // pinned
    sum += score;
    ++n;
  }
  const double mean = n > 0 ? sum / n : 0.0;
  for (const float score : all.scores_of(table))
    if (std::isfinite(score)) square += (score - mean) * (score - mean);
  return n > 0 ? square / n : 0.0;
}

// spread[l] = mean over its heads of var_j(score_j), brought to 0 .. 1 over the tables of `n_together` layers
// at a time.
void spreads(const Overview& all, int n_together, double* spread) noexcept {
  for (int first = 0; first < all.n_layers; first += n_together) {
    double least = 0, most = 0;
    const auto each = [&](auto visit) {
      for (int layer = first; layer < first + n_together; ++layer)
        for (int head = 0; head < all.n_kv_heads; ++head) visit(layer, variance(all, all.table(layer, head)));
    };
    bool any = false;
    each([&](int, double v) {
      least = any ? std::min(least, v) : v;
      most = any ? std::max(most, v) : v;
      any = true;
    });
    std::fill_n(spread + first, n_together, 0.0);
    each([&](int layer, double v) {
      if (most > least) spread[layer] += (v - least) / (most - least) / all.n_kv_heads;
    });
  }
}

// alpha_l = exp(-spread_l / temperature)
void weigh(double* alpha, std::size_t n, double temperature) noexcept {
  for (std::size_t l = 0; l < n; ++l) alpha[l] = std::exp(-alpha[l] / temperature);
}

// More for layers whose scores lie close together: there nothing is plainly worth less. The code brings the
// variances of one layer's heads to 0 .. 1, which for two kv heads is 0 and 1 in every layer; here those of
// all layers are brought there together.
// Source   D2O arXiv 2406.13035; water-filling is ours
void even(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  double alpha[kSharesMax];
  spreads(all, all.n_layers, alpha);
  weigh(alpha, out.size(), args[0].value);
  share_layers(all, total, alpha, out);
}

// min(max(softmax_l(-spread_l) n_layers rho, 0.01), 1) of what is there, as the code does it: what a layer
// cannot use is lost.
void printed(const Overview& all, const Args& args, int total, std::span<int> out) noexcept {
  double alpha[kSharesMax];
  spreads(all, 1, alpha);
  weigh(alpha, out.size(), args[0].value);
  double weights = 0;
  for (std::size_t l = 0; l < out.size(); ++l) weights += alpha[l];
  int sum = 0;
  for (std::size_t l = 0; l < out.size(); ++l) {
    int held = 0;
    for (int head = 0; head < all.n_kv_heads; ++head)
      held += all.n_slots[all.table(static_cast<int>(l), head)];
    alpha[l] = std::floor(std::clamp(alpha[l] / weights * total, std::floor(0.01 * held), held * 1.0));
    sum += static_cast<int>(alpha[l]);
  }
  share_layers(all, std::min(sum, total), alpha, out);
}

constexpr ArgSpec kTemperature{"temperature", {1}, 0.01f, 1000};

}  // namespace

const PartRow<LayersPart> layers_variance{
    "variance",        even, {{kTemperature}}, 0, "more for layers whose scores lie close together",
    Scale::probability};
const PartRow<LayersPart> layers_variance_paper{
    "variance-paper",  printed, {{kTemperature}}, 0, "the same as printed, which loses slots",
    Scale::probability};

}  // namespace shrike::kv::parts
