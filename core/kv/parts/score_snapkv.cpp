#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/segment.hpp"

namespace shrike::kv::parts {
namespace {

// Above any sum of weights, so that the window's own slots stay, the newest first.
constexpr float kWindowScore = 1e6f;

// score_j = pool over `width` neighbours of the attention that slot j got from the window's rows, summed over
// the group's query heads.
// Source   SnapKV arXiv 2404.14469; pooling inside segments and the group's sum, not its maximum, are ours
template <class Pool>
void pooled(const Candidates& slots, const Args& args, std::span<float> score, Pool pool) noexcept {
  const float* mass = slots.mark(Mark::window);
  const int n = slots.n() - slots.n_window;
  const int radius = static_cast<int>(args[1].value) / 2;
  for (int begin = 0, end = 0; begin < n; begin = end) {
    end = segment_end(slots, begin, n);
    for (int j = begin; j < end; ++j)
      score[static_cast<std::size_t>(j)] =
          pool(mass + std::max(begin, j - radius), mass + std::min(end, j + radius + 1), 2 * radius + 1);
  }
  for (int j = n; j < slots.n(); ++j)
    score[static_cast<std::size_t>(j)] =
        kWindowScore + static_cast<float>(slots.positions[static_cast<std::size_t>(j)]);
}

void largest(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  pooled(slots, args, score,
         [](const float* begin, const float* end, int) { return *std::max_element(begin, end); });
}

// Beyond a border there is nothing, and it counts as zeros: a slot at a border scores less.
void average(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  pooled(slots, args, score, [](const float* begin, const float* end, int width) {
    float sum = 0;
    for (; begin < end; ++begin) sum += *begin;
    return sum / static_cast<float>(width);
  });
}

constexpr ArgSpec kWindow{"window", {32}, 1, 512, false, true};

}  // namespace

const PartRow<ScorePart> score_snapkv{"snapkv",
                                      largest,
                                      {{kWindow, {"pool", {7}, 1, 63, false, true}}},
                                      need(Mark::window),
                                      "attention from the observation window, the largest of neighbours",
                                      Scale::probability};
const PartRow<ScorePart> score_snapkv_average{
    "snapkv-average",
    average,
    {{kWindow, {"pool", {5}, 1, 63, false, true}}},
    need(Mark::window),
    "attention from the observation window, averaged over neighbours",
    Scale::probability};

}  // namespace shrike::kv::parts
