#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/limits.hpp"

namespace shrike::kv::parts {
namespace {

float norm(const float* x, int n) noexcept {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return std::sqrt(sum);
}

// anchor = mean of k_j / |k_j|, score_j = -cos(k_j, anchor): keys unlike the others stay. A key of length 0
// is like nothing and scores 0.
// Source   KeyDiff arXiv 2504.15364; its code compares turned keys, here none is turned
void keydiff(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  float anchor[limits::kHeadDimMax] = {};
  const int n = slots.n(), dim = slots.head_dim;
  float* inverse = slots.scratch.data();
  for (int j = 0; j < n; ++j) {
    const float length = norm(slots.key(j), dim);
    inverse[j] = length > 0 ? 1.0f / length : 0.0f;
    for (int i = 0; i < dim; ++i) anchor[i] += slots.key(j)[i] * inverse[j];
  }
  const float length = norm(anchor, dim);
  slots.kernels->attn_scores_f32(score.data(), n, anchor, dim, 1, slots.keys, dim, n, dim,
                                 length > 0 ? -1.0f / length : 0.0f);
  for (int j = 0; j < n; ++j) score[static_cast<std::size_t>(j)] *= inverse[j];
}

}  // namespace

const PartRow<ScorePart> score_keydiff{"keydiff", keydiff, {}, kNeedKeys, "keys unlike the others stay"};

}  // namespace shrike::kv::parts
