#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

float number(float x) noexcept { return std::isfinite(x) ? x : 0.0f; }

// Attention that a slot got from the window's rows of its own modality, and of the other one.
struct Classes {
  std::span<float> self, cross;
};
Classes classes(const Candidates& slots) noexcept {
  const std::size_t n = slots.facts.size();
  const Classes two{slots.scratch.first(n), slots.scratch.subspan(n, n)};
  for (std::size_t i = 0; i < n; ++i) {
    two.cross[i] = number(slots.mark(Mark::cross)[i]);
    two.self[i] = number(slots.mark(Mark::window)[i]) - two.cross[i];
  }
  return two;
}

// The window's own slots stay with the newest.
int protect_window(const Candidates& slots, const Args& args, int budget,
                   std::span<std::uint8_t> keep) noexcept {
  Amount recent = args[2];
  if (recent.unit == Unit::plain) recent.value = std::max(recent.value, static_cast<float>(slots.n_window));
  return protect(slots, args[1], recent, budget, keep);
}

// Two rankings, because attention within a modality and between two lies on different scales: the best
// `cross` of the budget by the one, of those that have any, and then the best by the other until the budget
// is full. No slot counts twice.
// Source   CSP arXiv 2412.04652, the union of its code without the slots that it stores twice; the constant
//          in the denominator of its softmax is `n`
void united(const Candidates& slots, const Args& args, std::span<const float>, int budget,
            std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const Classes two = classes(slots);
  int left = protect_window(slots, args, budget, keep);
  const int quota = static_cast<int>(std::lround(args[0].value * static_cast<float>(left)));
  left -= take_best(two.cross, quota, keep, order,
                    [&](int i) { return two.cross[static_cast<std::size_t>(i)] > 0; });
  take_best(two.self, left, keep, order);
}

// As printed: what is among the budget's best by both rankings, which may be nothing.
void common(const Candidates& slots, const Args& args, std::span<const float>, int budget,
            std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const Classes two = classes(slots);
  const int left = protect_window(slots, args, budget, keep);
  const auto best = [&](std::span<const float> score) {
    int n = 0;
    for (int i = 0; i < slots.n(); ++i)
      if (keep[static_cast<std::size_t>(i)] == 0) order[static_cast<std::size_t>(n++)] = i;
    const int n_best = std::clamp(left, 0, n);
    std::nth_element(order.begin(), order.begin() + n_best, order.begin() + n, Better{score});
    return order.first(static_cast<std::size_t>(n_best));
  };
  constexpr float kChosen = -1;  // below any attention
  for (const std::int32_t i : best(two.cross)) two.cross[static_cast<std::size_t>(i)] = kChosen;
  for (const std::int32_t i : best(two.self))
    if (two.cross[static_cast<std::size_t>(i)] == kChosen) keep[static_cast<std::size_t>(i)] = 1;
}

constexpr ArgSpec kSink{"sink", {}, 0, 4096, false, true}, kRecent{"recent", {}, 0, 1 << 20, true};
// Of n-softmax: the memory does it, see Policy::constant.
constexpr ArgSpec kConstant{"n", {}, 0, 1e6f};
constexpr Needs kNeeds = need(Mark::window) | need(Mark::cross);

}  // namespace

const PartRow<SelectPart> select_quota{"quota",
                                       united,
                                       {{{"cross", {0.5f}, 0, 1}, kSink, kRecent, kConstant}},
                                       kNeeds,
                                       "some that the other modality attends to, some that their own does"};
const PartRow<SelectPart> select_quota_paper{"quota-paper",
                                             common,
                                             {{{}, kSink, kRecent, kConstant}},
                                             kNeeds,
                                             "those among the best of both, which loses slots"};

}  // namespace shrike::kv::parts
