#include "core/kv/parts/parts.hpp"

namespace shrike::kv::parts {

// The younger the better. Positions are below 2^24, so a float holds them exactly.
void score_recency(const Candidates& slots, const Args&, std::span<float> score) noexcept {
  for (std::size_t i = 0; i < score.size(); ++i) score[i] = static_cast<float>(slots.positions[i]);
}

}  // namespace shrike::kv::parts
