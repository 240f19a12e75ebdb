#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/fold.hpp"
#include "core/kv/parts/neighbours.hpp"
#include "core/kv/parts/product.hpp"
#include "core/limits.hpp"

namespace shrike::kv::parts {
namespace {

// scratch[i] = exp(-|k_p - k_i|^2 / (2 sigma^2)), target[i] = p; -1 where their cosine is below `least`.
void weigh(const Merging& m, int i, int pivot, float sigma, float least) noexcept {
  const float *p = m.key(pivot), *k = m.key(i);
  const int dim = m.slots.head_dim;
  const auto times = [&](const float* a, const float* b) { return product(*m.slots.kernels, a, b, dim); };
  const float both = times(p, k), own = times(p, p), other = times(k, k);
  float difference[limits::kHeadDimMax];
  for (int d = 0; d < dim; ++d) difference[d] = p[d] - k[d];
  const float apart = times(difference, difference);
  const float cosine = own * other > 0 ? both / std::sqrt(own * other) : 0.0f;
  if (cosine < least) return;
  m.target[static_cast<std::size_t>(i)] = pivot;
  m.scratch[static_cast<std::size_t>(i)] = std::exp(-apart / (2 * sigma * sigma));
}

// What leaves goes to the kept slot before or behind it: the border between the two is where neighbours are
// least alike. After select=runs these are its runs.
void match_runs(const Merging& m, float sigma, float least) noexcept {
  const int n = m.n();
  const std::span<float> alike = m.cosines;
  compare_neighbours(m.slots, m.keys, alike);
  std::fill(m.target.begin(), m.target.end(), -1);
  for (int before = -1, behind = 0; before < n; before = behind) {
    for (behind = before + 1; behind < n && m.keep[static_cast<std::size_t>(behind)] == 0;) ++behind;
    const bool back = before >= 0 && m.receives(before), ahead = behind < n && m.receives(behind);
    int border = back ? behind - 1 : before;  // the last slot that goes back
    for (int j = before; back && ahead && j < behind; ++j)
      if (j == before || alike[static_cast<std::size_t>(j)] <= alike[static_cast<std::size_t>(border)])
        border = j;
    for (int j = before + 1; j < behind; ++j)
      if (j <= border ? back : ahead) weigh(m, j, j <= border ? before : behind, sigma, least);
  }
}

// x_p = sum g_i x_i / sum g_i, g_p = 1, over a run and its pivot; what stands for c tokens weighs as c.
// Source   KVMerger arXiv 2407.08454; `least` is ours
void runs(const Merging& merging, const Args& args) noexcept {
  match_runs(merging, args[0].value, args[1].value);
  fold(merging, [](const Merging& m, int j, int) {
    return Weights{m.count[static_cast<std::size_t>(j)], 1, true, true};
  });
}

// As printed values are multiplied by the tokens that they stand for, which with bias=0 answers for their
// lost part of the sum but not of the sum's divisor. Half precision is the limit.
void runs_printed(const Merging& m, const Args& args) noexcept {
  constexpr float kLargest = 65504;
  const auto scale = [&](int i, float by) {
    for (int d = 0; d < m.slots.head_dim; ++d)
      m.value(i)[d] = std::clamp(m.value(i)[d] * by, -kLargest, kLargest);
  };
  for (int i = 0; i < m.n(); ++i) scale(i, 1 / m.count[static_cast<std::size_t>(i)]);
  runs(m, args);
  for (int i = 0; i < m.n(); ++i) scale(i, m.count[static_cast<std::size_t>(i)]);
}

constexpr ArgSpecs kArgs{
    {{"sigma", {5}, 1e-3f, 1e6f}, {"least", {0}, -1, 1}, {"bias", {0}, 0, 1, false, true}}};
constexpr Needs kRows = kNeedKeys | kNeedValues;

}  // namespace

const PartRow<MergePart> merge_runs{"runs", runs, kArgs, kRows,
                                    "what leaves goes to its run's kept slot, near keys weighing most"};
const PartRow<MergePart> merge_runs_paper{"runs-paper", runs_printed, kArgs, kRows,
                                          "as printed: values grow with what they stand for"};

}  // namespace shrike::kv::parts
