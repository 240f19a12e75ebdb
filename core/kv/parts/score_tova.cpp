#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = p_j of the newest row; the mean over all query heads of the layer comes with heads=tied.
// Source   TOVA arXiv 2401.06104
void tova(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  std::copy_n(slots.mark(Mark::last), score.size(), score.begin());
}

}  // namespace

const PartRow<ScorePart> score_tova{
    "tova", tova, {}, need(Mark::last), "attention from the newest row", Scale::probability};

}  // namespace shrike::kv::parts
