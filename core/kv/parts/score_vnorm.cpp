#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/product.hpp"
#include "core/kv/parts/segment.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = mean of |v| over `pool` neighbours of the same frame and modality, those beyond its border left
// out.
// Source   value norm (VaN) of InfiniPot-V arXiv 2506.15745; one width for all layers is ours, and 1 is what
//          its released script runs with
void vnorm(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  float* lengths = slots.scratch.data();
  for (int j = 0; j < slots.n(); ++j) lengths[j] = length(*slots.kernels, slots.value(j), slots.head_dim);
  const int radius = static_cast<int>(args[0].value) / 2;
  for (int begin = 0, end = 0; begin < slots.n(); begin = end) {
    end = segment_end(slots, begin, slots.n());
    for (int j = begin; j < end; ++j) {
      const int from = std::max(begin, j - radius), to = std::min(end, j + radius + 1);
      float sum = 0;
      for (int i = from; i < to; ++i) sum += lengths[i];
      score[static_cast<std::size_t>(j)] = sum / static_cast<float>(to - from);
    }
  }
}

}  // namespace

const PartRow<ScorePart> score_vnorm{"vnorm",
                                     vnorm,
                                     {{{"pool", {1}, 1, 63, false, true}}},
                                     kNeedValues,
                                     "long values stay, averaged over neighbours"};

}  // namespace shrike::kv::parts
