#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = sum over all rows so far of p_ij, in which earlier frames may fade; the paper does not fade.
// Source   H2O arXiv 2306.14048
void h2o(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  std::copy_n(slots.mark(Mark::mass), score.size(), score.begin());
}

// The same for each row that could attend to the slot, which takes the advantage of age away.
// Source   mean attention, RoCo arXiv 2402.06262
void mean(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  const float* mass = slots.mark(Mark::mass);
  const float* seen = slots.mark(Mark::seen);
  for (std::size_t i = 0; i < score.size(); ++i) score[i] = seen[i] > 0 ? mass[i] / seen[i] : 0.0f;
}

constexpr ArgSpec kFade{"fade", {1}, 0, 1};

}  // namespace

const PartRow<ScorePart> score_h2o{
    "h2o", h2o, {{kFade}}, need(Mark::mass), "attention received so far", Scale::probability};
const PartRow<ScorePart> score_mean{"mean",
                                    mean,
                                    {{kFade}},
                                    need(Mark::mass) | need(Mark::seen),
                                    "attention received so far, for each row that could give it",
                                    Scale::probability};

}  // namespace shrike::kv::parts
