#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/product.hpp"
#include "core/limits.hpp"

namespace shrike::kv::parts {
namespace {

// anchor = mean of k_j / |k_j|, score_j = -cos(k_j, anchor): keys unlike the others stay. A key of length 0
// is like nothing and scores 0.
// Source   KeyDiff arXiv 2504.15364; its code compares turned keys, here none is turned
void keydiff(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  float anchor[limits::kHeadDimMax] = {};
  const int n = slots.n(), dim = slots.head_dim;
  float* inverse = slots.scratch.data();
  for (int j = 0; j < n; ++j) {
    const float own = length(*slots.kernels, slots.key(j), dim);
    inverse[j] = own > 0 ? 1.0f / own : 0.0f;
  }
  slots.kernels->attn_mix_f32(anchor, dim, inverse, n, 1, slots.keys, dim, n, dim);
  const float all = length(*slots.kernels, anchor, dim);
  slots.kernels->attn_scores_f32(score.data(), n, anchor, dim, 1, slots.keys, dim, n, dim,
                                 all > 0 ? -1.0f / all : 0.0f);
  for (int j = 0; j < n; ++j) score[static_cast<std::size_t>(j)] *= inverse[j];
}

}  // namespace

const PartRow<ScorePart> score_keydiff{"keydiff", keydiff, {}, kNeedKeys, "keys unlike the others stay"};

}  // namespace shrike::kv::parts
