#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/change.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// The newest frames, newest first; of the rest what changed most, until both together have `share` of the
// budget; then the best scores. A slot that two reasons speak for counts once, so the budget is used up.
// Source   InfiniPot-V arXiv 2506.15745: alpha = share, r = recent
void change(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
            std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const std::size_t n = keep.size();
  const int whole = protect(slots, {}, {}, budget, keep);
  const std::int32_t recent_frame = first_recent_frame(slots, args[1]);
  int left = whole;
  for (int j = slots.n() - 1; j >= 0 && left > 0; --j) {
    std::uint8_t& kept = keep[static_cast<std::size_t>(j)];
    if (kept != 0 || slots.token(j).frame == kNoFrame || slots.token(j).frame < recent_frame) continue;
    kept = 1;
    --left;
  }
  const std::span<float> changed = slots.scratch.first(n);
  const int wanted = slots_of(args[0], whole) - (whole - left);
  if (left > 0 && wanted > 0) {
    changes(slots, recent_frame, changed, slots.scratch.subspan(n, n));
    left -= take_best(changed, std::min(left, wanted), keep, order);
  }
  take_best(score, left, keep, order);
}

}  // namespace

const PartRow<SelectPart> select_change{
    "change",
    change,
    {{{"share", {50, Unit::percent}, 0, 1 << 20, true}, {"recent", {25, Unit::percent}, 0, 1 << 20, true}}},
    kNeedKeys,
    "the newest frames, what changed since, and the best of the others"};

}  // namespace shrike::kv::parts
