#include "core/kv/parts/parts.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {

// top:sink=4,recent=1f   Pinned slots, the first ones, the newest ones, and the best of the others up to the budget.
// Source   sinks: StreamingLLM arXiv 2309.17453; recent and heavy: H2O arXiv 2306.14048
void select_top(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
                std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const int left = protect(slots, args[0], args[1], budget, keep);
  take_best(score, left, keep, order);
}

}  // namespace shrike::kv::parts
