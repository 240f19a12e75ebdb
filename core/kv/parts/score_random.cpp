#include "core/kv/catalogue.hpp"
#include "core/kv/parts/draw.hpp"

namespace shrike::kv::parts {
namespace {

// A control, which a method has to beat. Each token draws its number once and has it in every table: what
// stays is at any time an even sample of all the image tokens that ever came, whatever their age. Text draws
// above all images.
void drawn(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  const std::uint64_t seed = static_cast<std::uint64_t>(args[0].value);
  for (int j = 0; j < slots.n(); ++j)
    score[static_cast<std::size_t>(j)] =
        draw(slots.token(j), seed) + (slots.token(j).modality == Modality::text ? 1.0f : 0.0f);
}

}  // namespace

const PartRow<ScorePart> score_random{"random",
                                      drawn,
                                      {{{"seed", {0}, 0, 1 << 20, false, true}}},
                                      0,
                                      "image tokens by lot, the same in every head; text before them"};

}  // namespace shrike::kv::parts
