#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// Source   sinks: StreamingLLM arXiv 2309.17453; recent and heavy: H2O arXiv 2306.14048
void top(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
         std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const int left = protect(slots, args[0], args[1], budget, keep);
  take_best(score, left, keep, order);
}

}  // namespace

const PartRow<SelectPart> select_top{"top",
                                     top,
                                     {{{"sink", {}, 0, 4096, false, true}, {"recent", {}, 0, 1 << 20, true}}},
                                     0,
                                     "the first, the newest, and the best of the others"};

}  // namespace shrike::kv::parts
