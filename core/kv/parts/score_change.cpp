#include "core/kv/catalogue.hpp"
#include "core/kv/parts/change.hpp"

namespace shrike::kv::parts {
namespace {

// Source   temporal redundancy (TaR) of InfiniPot-V arXiv 2506.15745, over keys that are not turned
void change(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  changes(slots, first_recent_frame(slots, args[0]), score, slots.scratch.first(score.size()));
}

}  // namespace

const PartRow<ScorePart> score_change{"change",
                                      change,
                                      {{{"recent", {25, Unit::percent}, 0, 1 << 20, true}}},
                                      kNeedKeys,
                                      "keys unlike those of the newest frames at the same place"};

}  // namespace shrike::kv::parts
