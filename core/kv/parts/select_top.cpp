#include <algorithm>

#include "core/kv/parts/parts.hpp"

namespace shrike::kv::parts {

// Pinned slots, and the best of the others up to the budget; of equal scores the older slot stays.
void select_top(const Candidates& slots, std::span<const float> score, int budget,
                std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  int n_others = 0;
  int n_pinned = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    const bool pinned = (slots.facts[i].token.flags & kPinned) != 0;
    keep[i] = pinned ? 1 : 0;
    n_pinned += pinned ? 1 : 0;
    if (!pinned) order[static_cast<std::size_t>(n_others++)] = static_cast<std::int32_t>(i);
  }
  const int n_best = std::clamp(budget - n_pinned, 0, n_others);
  const auto better = [&](std::int32_t a, std::int32_t b) {
    const float x = score[static_cast<std::size_t>(a)];
    const float y = score[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::nth_element(order.begin(), order.begin() + n_best, order.begin() + n_others, better);
  for (int i = 0; i < n_best; ++i) keep[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 1;
}

}  // namespace shrike::kv::parts
