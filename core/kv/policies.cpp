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
};

}  // namespace

std::span<const PolicyRow> named_policies() noexcept { return kPolicies; }

}  // namespace shrike::kv
