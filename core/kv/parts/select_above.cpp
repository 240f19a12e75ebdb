#include "core/kv/catalogue.hpp"
#include "core/kv/parts/protect.hpp"

namespace shrike::kv::parts {
namespace {

// What is protected, and the best of those with more than `score`, however much of the budget that leaves.
// Source   CORM arXiv 2404.15949, where the score is a number of votes
void above(const Candidates& slots, const Args& args, std::span<const float> score, int budget,
           std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept {
  const int left = protect(slots, args[1], args[2], budget, keep);
  take_best(score, left, keep, order,
            [&](int i) { return score[static_cast<std::size_t>(i)] > args[0].value; });
}

}  // namespace

const PartRow<SelectPart> select_above{
    "above",
    above,
    {{{"score", {0}, -1e6f, 1e6f}, {"sink", {}, 0, 4096, false, true}, {"recent", {}, 0, 1 << 20, true}}},
    0,
    "the best with more than a score, which may be few"};

}  // namespace shrike::kv::parts
