#include <algorithm>
#include <cmath>
#include <functional>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

enum Rung { kRest, kNear, kHeavy, kText, kSpecial };

// heavy[i] = 1 for the n_heavy slots with most attention, of equal ones the older. Takes the second half of
// the scratch.
void mark_heavy(std::span<const float> mass, int n_heavy, std::span<float> heavy,
                std::span<float> sorted) noexcept {
  std::fill(heavy.begin(), heavy.end(), 0.0f);
  if (n_heavy <= 0) return;
  std::copy(mass.begin(), mass.end(), sorted.begin());
  std::nth_element(sorted.begin(), sorted.begin() + n_heavy - 1, sorted.end(), std::greater<float>());
  const float border = sorted[static_cast<std::size_t>(n_heavy - 1)];
  int left = n_heavy;
  for (const float x : mass) left -= x > border ? 1 : 0;
  for (std::size_t i = 0; i < mass.size(); ++i) {
    const bool ties = mass[i] == border && left > 0;
    left -= ties ? 1 : 0;
    heavy[i] = mass[i] > border || ties ? 1.0f : 0.0f;
  }
}

// score_j = the rung of the ladder from which on slot j is kept, plus its part of all attention of the head:
//
//   4 the first `sink` and what is pinned   3 text   2 the `heavy` part with most attention
//   1 the newest, `near` of all             0 the rest
//
// so that the best scores are the cheapest rung, then the next.
// Source   FastGen arXiv 2310.01801; where it has punctuation, which is none in a picture, stands text
void fastgen(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  const std::size_t n = score.size();
  const std::span<float> heavy = slots.scratch.first(n), sorted = slots.scratch.subspan(n, n);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float mass = slots.mark(Mark::mass)[i];
    sum += score[i] = std::isfinite(mass) ? std::max(0.0f, mass) : 0.0f;
  }
  const auto part = [&](float of) { return static_cast<int>(of * static_cast<float>(n) + 1e-4f); };
  mark_heavy(score, part(args[2].value), heavy, sorted);
  const int n_near = part(args[3].value), n_sink = static_cast<int>(args[1].value);
  for (int i = 0; i < slots.n(); ++i) {
    float& s = score[static_cast<std::size_t>(i)];
    Rung rung = kRest;
    if (i >= slots.n() - n_near) rung = kNear;
    if (heavy[static_cast<std::size_t>(i)] > 0) rung = kHeavy;
    if (slots.token(i).modality == Modality::text) rung = kText;
    if (i < n_sink || slots.pinned(i)) rung = kSpecial;
    const float share = sum > 0 ? static_cast<float>(s / sum) : 0.0f;
    s = static_cast<float>(rung) + std::min(share, 0.9999f);
  }
}

}  // namespace

const PartRow<ScorePart> score_fastgen{
    "fastgen",
    fastgen,
    {{{"fade", {1}, 0, 1},
      {"sink", {4}, 0, 4096, false, true},
      {"heavy", {0.3f}, 0, 1},
      {"near", {0.3f}, 0, 1}}},
    need(Mark::mass),
    "the first, then text, then what draws most attention, then the newest",
    Scale::rungs};

}  // namespace shrike::kv::parts
