#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

constexpr int kRungs = 5;

// Up to each rung, the cheapest first: how many slots, and what part of the head's attention they have.
struct Ladder {
  int size[kRungs] = {};
  double recovered[kRungs] = {};

  // Of the first rung that recovers as much as that; the last one is everything.
  int size_at(double wanted) const noexcept {
    int rung = 0;
    while (rung < kRungs - 1 && recovered[rung] < wanted - 1e-5) ++rung;
    return size[rung];
  }
};

// Pinned slots are of the cheapest rung, and have what the others leave.
Ladder ladder_of(const Overview& all, std::size_t table) noexcept {
  int size[kRungs] = {};
  double part[kRungs] = {};
  for (const float score : all.scores_of(table)) {
    const float rung = std::clamp(std::floor(score), 0.0f, static_cast<float>(kRungs - 1));
    const int from_cheapest = kRungs - 1 - static_cast<int>(rung);
    ++size[from_cheapest];
    if (from_cheapest > 0) part[from_cheapest] += std::clamp(score - rung, 0.0f, 1.0f);
  }
  Ladder ladder;
  double missing = 0;
  for (int rung = kRungs - 1; rung >= 0; --rung) {
    ladder.recovered[rung] = 1 - missing;
    missing += part[rung];
  }
  for (int rung = 0; rung < kRungs; ++rung)
    ladder.size[rung] = size[rung] + (rung > 0 ? ladder.size[rung - 1] : 0);
  return ladder;
}

int sum_at(std::span<const Ladder> heads, double wanted) noexcept {
  int sum = 0;
  for (const Ladder& head : heads) sum += head.size_at(wanted);
  return sum;
}

// The most that can be recovered in every head without going over the total: sizes only grow with it.
double affordable(std::span<const Ladder> heads, double wanted, int total) noexcept {
  if (sum_at(heads, wanted) <= total) return wanted;
  double low = 0, high = wanted;
  for (int i = 0; i < 40; ++i) {
    const double middle = low + (high - low) / 2;
    (sum_at(heads, middle) <= total ? low : high) = middle;
  }
  return low;
}

struct Climb {
  Ladder heads[kSharesMax];
  double level = 0;
};
void climb(const Overview& all, int layer, double wanted, int total, std::size_t n_heads,
           Climb& climb) noexcept {
  for (std::size_t h = 0; h < n_heads; ++h)
    climb.heads[h] = ladder_of(all, all.table(layer, static_cast<int>(h)));
  climb.level = affordable({climb.heads, n_heads}, wanted, total);
}

// share_h = the size of the first rung that recovers `recover` of head h's attention, or as much as fits; what
// is left over goes first to the heads that asked for most.
// Source   FastGen arXiv 2310.01801; the paper knows no budget, so the part that it recovers is lowered until
//          the sizes of a layer fit
void ladder(const Overview& all, int layer, const Args& args, int total, std::span<int> out) noexcept {
  const std::size_t n = out.size();
  int lo[kSharesMax];
  double weight[kSharesMax];
  Climb up;
  climb(all, layer, args[0].value, total, n, up);
  for (std::size_t h = 0; h < n; ++h) {
    const std::size_t t = all.table(layer, static_cast<int>(h));
    lo[h] = std::clamp(up.heads[h].size_at(up.level), all.least(t), all.n_slots[t]);
    weight[h] = up.heads[h].size_at(args[0].value);
  }
  share(total, {weight, n}, {lo, n}, all.n_slots.subspan(all.table(layer, 0), n), out);
}

// As printed: no slot more than the rung has; the rest is given back.
void printed(const Overview& all, int layer, const Args& args, int total, std::span<int> out) noexcept {
  double weight[kSharesMax];
  int sum = 0;
  Climb up;
  climb(all, layer, args[0].value, total, out.size(), up);
  for (std::size_t h = 0; h < out.size(); ++h) {
    const std::size_t t = all.table(layer, static_cast<int>(h));
    const int size = std::max(up.heads[h].size_at(up.level), all.least(t));
    weight[h] = size;
    sum += size;
  }
  share_heads(all, layer, std::min(sum, total), weight, out);
}

constexpr ArgSpec kRecover{"recover", {0.9f}, 0, 1};

}  // namespace

const PartRow<HeadsPart> heads_ladder{
    "ladder",    ladder, {{kRecover}}, 0, "each head the cheapest rung that recovers its attention",
    Scale::rungs};
const PartRow<HeadsPart> heads_ladder_paper{
    "ladder-paper", printed, {{kRecover}}, 0, "the same, and no slot more", Scale::rungs};

}  // namespace shrike::kv::parts
