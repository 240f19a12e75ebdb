#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// The slots to choose among, in order of age, fall into equal buckets of which each can keep `size`. The
// `top` best scores stay whatever their bucket; then the best of the others as far as their buckets have
// room; then, where buckets were too few, the best of the rest. No stretch of time is forgotten altogether.
// Source   vision sink bucketing of LiveVLM arXiv 2505.15269; top=0 has the best scores respect their buckets
//          as well
void buckets(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
             std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const int whole = protect(slots, {}, args[2], budget, keep);
  float* bucket_of = slots.scratch.data();
  float* n_in = bucket_of + slots.n();
  int n = 0;
  for (int j = 0; j < slots.n(); ++j)
    if (keep[static_cast<std::size_t>(j)] == 0) order[static_cast<std::size_t>(n++)] = j;
  int left = std::min(whole, n);
  if (left == 0) return;
  const int size = static_cast<int>(args[1].value);
  const int n_buckets = (left + size - 1) / size;
  std::fill_n(n_in, n_buckets, 0.0f);
  for (int r = 0; r < n; ++r)
    bucket_of[order[static_cast<std::size_t>(r)]] =
        static_cast<float>(static_cast<std::int64_t>(r) * n_buckets / n);
  const std::span<std::int32_t> free = order.first(static_cast<std::size_t>(n));
  std::sort(free.begin(), free.end(), Better{score});

  const auto take = [&](std::int32_t j) {
    keep[static_cast<std::size_t>(j)] = 1;
    n_in[static_cast<int>(bucket_of[j])] += 1;
    --left;
  };
  const int n_top = std::min(left, slots_of(args[0], left));
  for (int r = 0; r < n_top; ++r) take(free[static_cast<std::size_t>(r)]);
  for (const float room : {static_cast<float>(size), static_cast<float>(n)})
    for (const std::int32_t j : free)
      if (left > 0 && keep[static_cast<std::size_t>(j)] == 0 && n_in[static_cast<int>(bucket_of[j])] < room)
        take(j);
}

}  // namespace

const PartRow<SelectPart> select_buckets{"buckets",
                                         buckets,
                                         {{{"top", {25, Unit::percent}, 0, 1 << 20, true},
                                           {"size", {1}, 1, 1 << 20, false, true},
                                           {"recent", {}, 0, 1 << 20, true}}},
                                         0,
                                         "the best, and something of every stretch of time"};

}  // namespace shrike::kv::parts
