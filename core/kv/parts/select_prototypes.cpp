#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// The best scores, and of each frame that has not been merged yet at least the best image slot, the newest
// frame first: into it merge=prototype puts what leaves of the frame. From then on it must win like others.
// Source   StreamMem arXiv 2508.15717: one prototype for each new frame
void prototypes(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
                std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  int left = protect(slots, {}, args[0], budget, keep);
  for (int end = slots.n(), begin = end; end > 0 && left > 0; end = begin) {
    const std::int32_t frame = slots.token(end - 1).frame;
    bool has_one = frame == kNoFrame;
    int best = -1;
    for (begin = end; begin > 0 && slots.token(begin - 1).frame == frame;) {
      const int j = --begin;
      if (slots.token(j).modality != Modality::image) continue;
      has_one |=
          keep[static_cast<std::size_t>(j)] != 0 || slots.facts[static_cast<std::size_t>(j)].merged > 1;
      if (best < 0 || Better{score}(j, best)) best = j;
    }
    if (has_one || best < 0) continue;
    keep[static_cast<std::size_t>(best)] = 1;
    --left;
  }
  take_best(score, left, keep, order);
}

}  // namespace

const PartRow<SelectPart> select_prototypes{"prototypes",
                                            prototypes,
                                            {{{"recent", {}, 0, 1 << 20, true}}},
                                            0,
                                            "the best, and one slot of each new frame"};

}  // namespace shrike::kv::parts
