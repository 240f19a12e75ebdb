#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// score_j = what the caller said of the worth of its frame; of equal ones the newest, by the position's part
// of all.
void told(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  const float all = static_cast<float>(slots.next_position + 1);
  for (std::size_t j = 0; j < score.size(); ++j)
    score[j] = static_cast<float>(worth(slots.facts[j].token)) + static_cast<float>(slots.positions[j]) / all;
}

}  // namespace

const PartRow<ScorePart> score_told{"told", told, {}, 0, "what the caller said of a frame's worth"};

}  // namespace shrike::kv::parts
