#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// Down to `low` percent, so that the next clips find room. Source: |M| and |C| of InfiniPot-V arXiv
// 2506.15745
int full(const Pressure& pressure, const Args& args) noexcept {
  if (pressure.has_room) return kEnough;
  return static_cast<int>(static_cast<float>(pressure.n_max) * args[0].value / 100);
}

// After every few frames, whether there is room or not. Source: clips of StreamMem arXiv 2508.15717
int every(const Pressure& pressure, const Args& args) noexcept {
  if (pressure.has_room && static_cast<float>(pressure.n_frames) < args[0].value) return kEnough;
  return static_cast<int>(static_cast<float>(pressure.n_max) * args[1].value / 100);
}

// After every few frames, even where there is room: all may stay, and what the selector says it can do
// without is given back to the pool.
int review(const Pressure& pressure, const Args& args) noexcept {
  if (pressure.has_room && static_cast<float>(pressure.n_frames) < args[0].value) return kEnough;
  return std::min(pressure.n_held, pressure.n_max);
}

constexpr ArgSpec kLow{"low", {100}, 1, 100};

}  // namespace

const PartRow<SchedulePart> when_full{
    "full", full, {{kLow}}, 0, "when there is no room, down to a share of it"};
const PartRow<SchedulePart> when_every{
    "every", every, {{{"frames", {8}, 1, 1 << 20, false, true}, kLow}}, 0, "after every few frames"};
const PartRow<SchedulePart> when_review{
    "review", review, {{{"frames", {8}, 1, 1 << 20, false, true}}}, 0, "the same, but all may stay"};

}  // namespace shrike::kv::parts
