#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/fold.hpp"

namespace shrike::kv::parts {
namespace {

constexpr float kE = 2.71828183f;

// tau = (1 - rate) tau + rate mean(u), u_i the best cosine of what leaves; the first time mean(u). It is kept
// with the table from one time to the next.
float threshold(const Merging& m, float rate) noexcept {
  double sum = 0;
  int n = 0;
  for (int i = 0; i < m.n(); ++i) {
    if (m.target[static_cast<std::size_t>(i)] < 0) continue;
    sum += m.scratch[static_cast<std::size_t>(i)];
    ++n;
  }
  float &tau = m.memory[0], &begun = m.memory[1];
  if (n == 0) return tau;
  const float mean = static_cast<float>(sum / n);
  tau = begun != 0 ? tau + rate * (mean - tau) : mean;
  begun = 1;
  return tau;
}

// What leaves is folded into the most similar key, if it is at least as similar as has been usual so far:
// x_j = (e x_j + sum e^u_i x_i) / (e + sum e^u_i).
// Source   D2O arXiv 2406.13035; its code takes the threshold over all heads together and does not normalise
void fold_above_threshold(const Merging& m, const Args& args) noexcept {
  match(m, -1);
  const float tau = threshold(m, args[0].value);
  for (int i = 0; i < m.n(); ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    if (m.target[at] < 0) continue;
    if (m.scratch[at] < tau) m.target[at] = -1;
    m.scratch[at] = std::exp(m.scratch[at]);
  }
  fold(m, [](const Merging&, int, int) { return Weights{kE, 1, false, true}; });
}

}  // namespace

const PartRow<MergePart> merge_threshold{
    "threshold",
    fold_above_threshold,
    {{{"rate", {0.5f}, 0, 1}, {"bias", {0}, 0, 1, false, true}}},
    kNeedKeys | kNeedValues | kNeedMatch,
    "what is more similar than usual is folded into the most similar key, the rest leaves"};

}  // namespace shrike::kv::parts
