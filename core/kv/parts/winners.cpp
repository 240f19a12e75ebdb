#include "core/kv/parts/winners.hpp"

#include <algorithm>

#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

struct Counts {
  int above[kSharesMax] = {};  // slots of each share with a score above the last winner's
  int equal[kSharesMax] = {};  // and with just that score
};

}  // namespace

void winners(const Overview& all, std::size_t first, std::size_t n_tables, int total,
             std::span<int> out) noexcept {
  const int begin = all.first[first];
  int n = 0;
  for (std::size_t t = 0; t < out.size() * n_tables; ++t) n += all.n_slots[first + t];
  std::fill(out.begin(), out.end(), 0);
  if (n == 0 || total <= 0) return;
  const auto score = [&](std::int32_t i) { return all.scores[static_cast<std::size_t>(begin + i)]; };
  const std::span<std::int32_t> order = all.order.first(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  const auto last = order.begin() + std::min(total, n) - 1;
  std::nth_element(order.begin(), last, order.end(),
                   [&](std::int32_t a, std::int32_t b) { return score(a) > score(b); });
  const float border = score(*last);

  Counts counts;
  int left = std::min(total, n);
  for (std::size_t s = 0; s < out.size(); ++s)
    for (std::size_t t = 0; t < n_tables; ++t)
      for (const float x : all.scores_of(first + s * n_tables + t)) {
        counts.above[s] += x > border ? 1 : 0;
        counts.equal[s] += x == border ? 1 : 0;
        left -= x > border ? 1 : 0;
      }
  const int nothing[kSharesMax] = {};
  const double alike[kSharesMax] = {};
  share(left, {alike, out.size()}, {nothing, out.size()}, {counts.equal, out.size()}, out);
  for (std::size_t s = 0; s < out.size(); ++s) out[s] += counts.above[s];
}

}  // namespace shrike::kv::parts
