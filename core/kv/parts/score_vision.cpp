#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

constexpr float kWindowScore = 1e6f;  // above any sum of weights: the window's own slots, the newest first

// score_j = attention that slot j got from the image rows of the window, summed over the group's query heads.
// Text gets from image rows what comes from the other modality; an image, what does not.
// Source   LiveVLM arXiv 2505.15269
void vision(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  const float* all = slots.mark(Mark::window);
  const float* cross = slots.mark(Mark::cross);
  const int n = slots.n() - slots.n_window;
  for (int j = 0; j < n; ++j)
    score[static_cast<std::size_t>(j)] =
        slots.token(j).modality == Modality::text ? cross[j] : std::max(0.0f, all[j] - cross[j]);
  for (int j = n; j < slots.n(); ++j)
    score[static_cast<std::size_t>(j)] =
        kWindowScore + static_cast<float>(slots.positions[static_cast<std::size_t>(j)]);
}

}  // namespace

const PartRow<ScorePart> score_vision{"vision",
                                      vision,
                                      {{{"window", {32}, 1, 512, false, true}}},
                                      need(Mark::window) | need(Mark::cross),
                                      "attention from the newest image rows",
                                      Scale::probability};

}  // namespace shrike::kv::parts
