#include "core/kv/policy.hpp"

namespace shrike::kv {
namespace {

// A bare name is the form that a stream under a hard budget needs; "-paper" is the formula as printed, for
// comparison, where the two differ.
constexpr PolicyRow kPolicies[] = {
    {"recent", "score=recency, select=frames",
     "the opening words and the newest whole frames; older ones leave"},
    {"full", "select=all", "everything, until the pool is full; then frames are refused"},
    {"streamingllm", "score=recency, select=top(sink=4)", "the first and the newest tokens"},
    {"h2o", "score=h2o, select=top(recent=50%)", "half the newest, half what drew most attention"},
    {"snapkv", "score=snapkv, select=top, observe=proxy", "what the words around a question attend to"},
    {"tova", "score=tova, heads=tied, select=top", "what the newest token attends to, alike in all heads"},
    {"knorm", "score=knorm, select=top(sink=4)", "tokens with short keys"},
    {"keydiff", "score=keydiff, select=top", "tokens with keys unlike the others"},
    {"pyramidkv", "score=snapkv, layers=pyramid, select=top, observe=proxy",
     "snapkv, more in the first layers"},
    {"adakv", "score=snapkv, heads=adakv, select=top, observe=proxy", "snapkv, more for heads that spread"},
    {"ada-pyramid", "score=snapkv, layers=pyramid, heads=adakv, select=top, observe=proxy", "both at once"},
    {"meda", "score=meda, layers=entropy, select=top(recent=75%), merge=average",
     "more for layers that look from text to image and back; what leaves is merged"},
    {"meda-paper", "score=meda, layers=entropy-paper, select=top(recent=75%), merge=average(least=-1)",
     "meda as printed, which loses slots"},
    {"meda+adakv", "score=snapkv, layers=entropy, heads=adakv, select=top, merge=average, observe=proxy",
     "shares by entropy over layers and by scores over heads; what leaves is merged"},
    {"dbudgetkv", "when=review, score=h2o, select=release(recent=8)",
     "h2o, and below the budget no more than the newest row needs"},
    {"dynamickv", "score=snapkv(window=8), layers=dynamic, select=top, observe=proxy",
     "snapkv, more for layers that have more of the best scores"},
    {"dynamickv-paper", "score=snapkv(window=8), layers=dynamic-paper, select=top, observe=proxy",
     "dynamickv as printed, which loses slots"},
    {"prefixkv", "score=h2o, layers=prefix, heads=tied, select=top(sink=1, recent=1)",
     "h2o, every layer keeping the same part of its attention"},
    {"csp", "score=snapkv(pool=1), select=quota, observe=proxy",
     "half what its own modality attends to, half what the other does"},
    {"csp-paper", "score=snapkv(pool=1), select=quota-paper, observe=proxy",
     "what both modalities attend to, which loses slots"},
    {"fastgen", "score=fastgen, heads=ladder, select=top", "each head by the cheapest rule that does for it"},
    {"fastgen-paper", "score=fastgen, heads=ladder-paper, select=top",
     "the same, and no slot more than that"},
    {"scope", "score=tova, select=pools",
     "a choice for ever of the first, and a sliding one of what follows"},
    {"scope-adaptive", "score=tova, select=pools(grow=64)", "the same, the sliding one growing with time"},
    {"scope-discontinuous", "when=every(frames=8), score=tova, select=pools(grow=64)",
     "the same, chosen after every few frames"},
    {"corm", "score=corm, select=top(recent=50%)", "half the newest, half what most rows attended to"},
    {"corm-paper", "when=review, score=corm, select=above(recent=256)",
     "the newest, and what any row attended to, which may be little"},
    {"elastic-cache", "score=h2o, heads=tied, select=top(sink=1, recent=1), merge=position",
     "h2o, what leaves merged into its neighbour"},
    {"elastic-cache-paper", "score=h2o, heads=tied, select=pools(first=90%, recent=100%), merge=position",
     "a choice for ever, its rest merged into neighbours; then the newest"},
};

}  // namespace

std::span<const PolicyRow> named_policies() noexcept { return kPolicies; }

}  // namespace shrike::kv
