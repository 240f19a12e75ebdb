#include "core/kv/catalogue.hpp"

namespace shrike::kv {

#define SHRIKE_KV_ADDRESS(name) &parts::name,
#define SHRIKE_KV_CATALOGUE(Run, ROWS)                                        \
  template <>                                                                 \
  std::span<const PartRow<Run>* const> catalogue<Run>() noexcept {            \
    static constexpr const PartRow<Run>* kRows[] = {ROWS(SHRIKE_KV_ADDRESS)}; \
    return kRows;                                                             \
  }

SHRIKE_KV_CATALOGUE(SchedulePart, SHRIKE_KV_SCHEDULES)
SHRIKE_KV_CATALOGUE(ScorePart, SHRIKE_KV_SCORES)
SHRIKE_KV_CATALOGUE(LayersPart, SHRIKE_KV_LAYERS)
SHRIKE_KV_CATALOGUE(HeadsPart, SHRIKE_KV_HEADS)
SHRIKE_KV_CATALOGUE(SelectPart, SHRIKE_KV_SELECTS)
SHRIKE_KV_CATALOGUE(MergePart, SHRIKE_KV_MERGES)
SHRIKE_KV_CATALOGUE(PlacePart, SHRIKE_KV_PLACES)

std::span<const Codec* const> codecs() noexcept {
  static constexpr const Codec* kRows[] = {SHRIKE_KV_CODECS(SHRIKE_KV_ADDRESS)};
  return kRows;
}

}  // namespace shrike::kv
