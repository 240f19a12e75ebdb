#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// Positions are below 2^24, so a float holds them exactly.
void recency(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  for (std::size_t i = 0; i < score.size(); ++i) score[i] = static_cast<float>(slots.positions[i]);
}

}  // namespace

const PartRow<ScorePart> score_recency{"recency", recency, {}, 0, "the younger the better"};

}  // namespace shrike::kv::parts
