#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = A_j, the attention received so far, and `text` times max(A) more for text.
// Source   text prior: LOOK-M arXiv 2406.18139, MEDA arXiv 2502.17599
void meda(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  const float* mass = slots.mark(Mark::mass);
  const float prior = args[1].value * (score.empty() ? 0.0f : *std::max_element(mass, mass + slots.n()));
  for (int j = 0; j < slots.n(); ++j)
    score[static_cast<std::size_t>(j)] = mass[j] + (slots.token(j).modality == Modality::text ? prior : 0.0f);
}

}  // namespace

const PartRow<ScorePart> score_meda{"meda",
                                    meda,
                                    {{{"fade", {1}, 0, 1}, {"text", {1}, 0, 100}}},
                                    need(Mark::mass),
                                    "attention received so far, text before images",
                                    Scale::probability};

}  // namespace shrike::kv::parts
