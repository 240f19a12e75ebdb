#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// The newest slots as far as `left` goes. Returns how many frames they reach back.
int take_newest(const Candidates& slots, const Amount& recent, std::int32_t newest, int& left,
                std::span<std::uint8_t> keep) noexcept {
  const bool frames = recent.unit == Unit::frames;
  int wanted = frames ? left : std::min(left, slots_of(recent, left)), span = 0;
  for (int i = slots.n() - 1; i >= 0 && wanted > 0; --i) {
    if (keep[static_cast<std::size_t>(i)] != 0) continue;
    const int age = newest - slots.token(i).frame;
    if (frames && static_cast<float>(age) >= recent.value) continue;
    keep[static_cast<std::size_t>(i)] = 1;
    span = std::max(span, age + 1);
    --wanted, --left;
  }
  return span;
}

// Two pools. The first time `first` of the budget is chosen by score and frozen: it stays for good, whatever
// later rows attend to. What follows shares the rest: the newest, `recent` of it, and the best of the others.
// With `grow` these others are few at first and have their full number when that many frames have come:
//
//   n_others(t) = n_others (t - span) / (grow - span)     t frames since the choice, span those of the newest
//
// Source   SCOPE arXiv 2412.13649: slide, with grow adaptive, with when=every discontinuous. Its first pool is
//          the prompt, its second the answer, counted in tokens; here an answer leaves nothing behind, so they
//          are the stream up to the first compression, and after it, counted in frames
void pools(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
           std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  int left = protect(slots, args[3], {}, budget, keep);
  std::int32_t frozen = kNoFrame, newest = kNoFrame;
  bool chosen = false;
  for (int i = 0; i < slots.n(); ++i) {
    newest = std::max(newest, slots.token(i).frame);
    if ((slots.token(i).flags & kFrozen) == 0) continue;
    chosen = true;
    frozen = std::max(frozen, slots.token(i).frame);
  }
  if (!chosen) {
    const int n = take_best(score, slots_of(args[0], left), keep, order);
    for (int i = 0; i < n; ++i) keep[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 2;
    left -= n;
    frozen = newest;
  }
  const int span = take_newest(slots, args[1], newest, left, keep);
  const float grow = args[2].value, age = static_cast<float>(newest - frozen - span);
  if (chosen && grow > static_cast<float>(span))
    left = static_cast<int>(static_cast<float>(left) *
                            std::clamp(age / (grow - static_cast<float>(span)), 0.0f, 1.0f));
  take_best(score, left, keep, order);
}

}  // namespace

const PartRow<SelectPart> select_pools{"pools",
                                       pools,
                                       {{{"first", {50, Unit::percent}, 0, 1 << 20, true},
                                         {"recent", {50, Unit::percent}, 0, 1 << 20, true},
                                         {"grow", {0}, 0, 1 << 20, false, true},
                                         {"sink", {}, 0, 4096, false, true}}},
                                       0,
                                       "a choice for ever, and a sliding one of what follows"};

}  // namespace shrike::kv::parts
