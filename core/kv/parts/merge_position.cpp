#include "core/kv/catalogue.hpp"
#include "core/kv/parts/fold.hpp"

namespace shrike::kv::parts {
namespace {

// target[i] = the kept slot next to i in position, of equally near ones the older; pinned slots receive
// nothing.
void neighbours(const Merging& m) noexcept {
  const auto receives = [&](std::size_t i) { return m.keep[i] != 0 && !m.slots.pinned(static_cast<int>(i)); };
  const std::size_t n = m.keep.size();
  std::int32_t last = -1;
  for (std::size_t i = 0; i < n; ++i) {
    if (receives(i)) last = static_cast<std::int32_t>(i);
    m.target[i] = m.keep[i] != 0 ? -1 : last;
  }
  std::int32_t next = -1;
  const auto position = [&](std::int32_t i) { return m.slots.positions[static_cast<std::size_t>(i)]; };
  for (std::size_t i = n; i-- > 0;) {
    if (receives(i)) next = static_cast<std::int32_t>(i);
    if (m.keep[i] != 0 || next < 0) continue;
    const std::int32_t here = m.slots.positions[i];
    if (m.target[i] < 0 || position(next) - here < here - position(m.target[i])) m.target[i] = next;
  }
}

// x_j = mean of the tokens that j and those nearest to it stand for.
// Source   Elastic Cache arXiv 2407.18121; its code averages keys as they are turned, here none is turned,
//          which aligns them
void position(const Merging& merging, const Args&) noexcept {
  neighbours(merging);
  fold(merging, [](const Merging& m, int j, int) {
    return Weights{m.count[static_cast<std::size_t>(j)], 1, true};
  });
}

}  // namespace

const PartRow<MergePart> merge_position{"position",
                                        position,
                                        {{{"bias", {0}, 0, 1, false, true}}},
                                        kNeedKeys | kNeedValues,
                                        "what leaves is averaged into the kept slot next to it"};

}  // namespace shrike::kv::parts
