#include "core/kv/catalogue.hpp"

#include "core/kv/parts/parts.hpp"

namespace shrike::kv::catalogue {
namespace {

using namespace parts;

constexpr Amount kNone{};

constexpr PartRow<LayersPart> kLayers[] = {
    {"equal", layers_equal, {}, 0, "every layer the same"},
};

constexpr PartRow<HeadsPart> kHeads[] = {
    {"equal", heads_equal, {}, 0, "every kv head of a layer the same"},
    {"tied", heads_equal, {}, 0, "all heads of a layer keep the same tokens"},
};

constexpr PartRow<ScorePart> kScores[] = {
    {"recency", score_recency, {}, 0, "the younger the better", false, Scale::rank},
};

constexpr ArgSpec kSink{"sink", kNone, 0, 4096, false, true};
constexpr ArgSpec kRecent{"recent", kNone, 0, 1 << 20, true};

constexpr PartRow<SelectPart> kSelects[] = {
    {"frames", select_frames, {}, 0, "whole frames, the best mean score first"},
    {"top", select_top, {kSink, kRecent}, 0, "the first, the newest, and the best of the others"},
    {"all", nullptr, {}, 0, "nothing ever leaves"},
};

constexpr PartRow<MergePart> kMerges[] = {
    {"drop", nullptr, {}, 0, "what leaves, leaves"},
};

}  // namespace

std::span<const PartRow<LayersPart>> layers() noexcept { return kLayers; }
std::span<const PartRow<HeadsPart>> heads() noexcept { return kHeads; }
std::span<const PartRow<ScorePart>> scores() noexcept { return kScores; }
std::span<const PartRow<SelectPart>> selects() noexcept { return kSelects; }
std::span<const PartRow<MergePart>> merges() noexcept { return kMerges; }

}  // namespace shrike::kv::catalogue
