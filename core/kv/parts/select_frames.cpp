#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// A frame is a run of slots with one frame number; runs without a frame count as one too.
std::size_t run_end(const Candidates& slots, std::size_t begin) noexcept {
  std::size_t end = begin + 1;
  while (end < slots.facts.size() && slots.facts[end].token.frame == slots.facts[begin].token.frame) ++end;
  return end;
}

float mean_score(std::span<const float> score, std::size_t begin, std::size_t end) noexcept {
  float sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += score[i];
  return sum / static_cast<float>(end - begin);
}

// Whole frames or nothing, the best mean score first, until the next one would not fit: a model has never
// seen half a frame. Pinned slots always stay. A frame that does not fit ends the search, so that age keeps
// its order.
void frames(const Candidates& slots, const Args&, std::span<const float> score, int budget,
            std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const std::size_t n = keep.size();
  int left = budget;
  std::size_t n_runs = 0;
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    end = run_end(slots, begin);
    order[n_runs++] = static_cast<std::int32_t>(begin);
    for (std::size_t i = begin; i < end; ++i) {
      keep[i] = slots.pinned(static_cast<int>(i)) ? 1 : 0;
      left -= keep[i];
    }
  }
  std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n_runs),
            [&](std::int32_t a, std::int32_t b) {
              const float x =
                  mean_score(score, static_cast<std::size_t>(a), run_end(slots, static_cast<std::size_t>(a)));
              const float y =
                  mean_score(score, static_cast<std::size_t>(b), run_end(slots, static_cast<std::size_t>(b)));
              return x != y ? x > y : a < b;
            });
  for (std::size_t r = 0; r < n_runs; ++r) {
    const std::size_t begin = static_cast<std::size_t>(order[r]);
    const std::size_t end = run_end(slots, begin);
    int wanted = 0;
    for (std::size_t i = begin; i < end; ++i) wanted += keep[i] == 0 ? 1 : 0;
    if (wanted > left) break;
    left -= wanted;
    std::fill(keep.begin() + static_cast<std::ptrdiff_t>(begin),
              keep.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{1});
  }
}

}  // namespace

const PartRow<SelectPart> select_frames{"frames", frames, {}, 0, "whole frames, the best mean score first"};

}  // namespace shrike::kv::parts
