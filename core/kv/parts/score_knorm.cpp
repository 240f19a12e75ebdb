#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/product.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = -|k_j|: keys that draw attention are short. Turning a key does not change its length.
// Source   arXiv 2406.11430
void knorm(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  for (int j = 0; j < slots.n(); ++j)
    score[static_cast<std::size_t>(j)] = -length(*slots.kernels, slots.key(j), slots.head_dim);
}

}  // namespace

const PartRow<ScorePart> score_knorm{"knorm", knorm, {}, kNeedKeys, "short keys stay"};

}  // namespace shrike::kv::parts
