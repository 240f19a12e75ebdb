#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = how many rows of the window gave slot j an equal share of their attention or more, p_tj >= 1 / t,
// counted over the group's query heads. The paper has a bit for each row and keeps what any row voted for;
// under a budget the most voted for stay.
// Source   CORM arXiv 2404.15949
void corm(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  std::copy_n(slots.mark(Mark::votes), score.size(), score.begin());
}

}  // namespace

const PartRow<ScorePart> score_corm{"corm",
                                    corm,
                                    {{{"window", {256}, 1, 512, false, true}}},
                                    need(Mark::votes),
                                    "rows of the window that attended to it more than to most",
                                    Scale::probability};

}  // namespace shrike::kv::parts
