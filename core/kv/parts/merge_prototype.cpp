#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/fold.hpp"

namespace shrike::kv::parts {
namespace {

bool image_of(const Merging& m, int j, std::int32_t frame) noexcept {
  return m.slots.token(j).frame == frame && m.slots.token(j).modality == Modality::image;
}

// Of the frame's image slots that stay the one that stands for most tokens already; of equal ones that with
// the lowest score, which is missed least. -1: none stays.
int prototype_of(const Merging& m, int begin, int end) noexcept {
  int chosen = -1;
  for (int j = begin; j < end; ++j) {
    const std::size_t at = static_cast<std::size_t>(j);
    if (!m.receives(j) || !image_of(m, j, m.slots.token(begin).frame)) continue;
    const std::size_t best = static_cast<std::size_t>(chosen);
    if (chosen < 0 || m.count[at] > m.count[best] ||
        (m.count[at] == m.count[best] && m.score[at] < m.score[best]))
      chosen = j;
  }
  return chosen;
}

// x_p = sum a_i x_i over the slots that leave and the prototype, a = scores divided by their sum; where no
// score is above 0, all weigh the same.
// Source   StreamMem arXiv 2508.15717. There the prototype is one slot more beside those that stay, here it
//          is one of them.
void prototype(const Merging& m, const Args&) noexcept {
  const int n = m.n();
  std::fill(m.target.begin(), m.target.end(), -1);
  for (int begin = 0, end = 0; begin < n; begin = end) {
    const std::int32_t frame = m.slots.token(begin).frame;
    for (end = begin + 1; end < n && m.slots.token(end).frame == frame;) ++end;
    const int into = frame == kNoFrame ? -1 : prototype_of(m, begin, end);
    if (into < 0) continue;
    float sum = 0;
    for (int j = begin; j < end; ++j) {
      const std::size_t at = static_cast<std::size_t>(j);
      if (!image_of(m, j, frame) || (m.keep[at] != 0 && j != into)) continue;
      if (j != into) m.target[at] = into;
      sum += m.scratch[at] = std::max(0.0f, m.score[at]);
    }
    if (sum > 0 && std::isfinite(sum)) continue;
    for (int j = begin; j < end; ++j) m.scratch[static_cast<std::size_t>(j)] = 1;
  }
  fold(m, [](const Merging& merging, int j, int) {
    return Weights{merging.scratch[static_cast<std::size_t>(j)], 1, false, true};
  });
}

}  // namespace

const PartRow<MergePart> merge_prototype{"prototype",
                                         prototype,
                                         {{{"bias", {0}, 0, 1, false, true}}},
                                         kNeedKeys | kNeedValues,
                                         "what leaves of a frame becomes one slot of it, weighed by score"};

}  // namespace shrike::kv::parts
