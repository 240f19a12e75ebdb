#include "core/kv/catalogue.hpp"
#include "core/kv/parts/fold.hpp"

namespace shrike::kv::parts {
namespace {

// x_j = mean of the tokens that j and its members stand for: merged again and again it stays their mean.
// Where each stands for one token it is the paper's (x_j + sum x_i) / (1 + |N_j|).
// Source   MEDA arXiv 2502.17599, section 3.3
void average(const Merging& merging, const Args& args) noexcept {
  match(merging, args[0].value);
  fold(merging, [](const Merging& m, int j, int) {
    return Weights{m.count[static_cast<std::size_t>(j)], 1, true};
  });
}

// x_j = (x_j + sum (x_i + x_j) / 2) / (1 + |N_j|)
// Source   LOOK-M arXiv 2406.18139
void pivot(const Merging& merging, const Args& args) noexcept {
  match(merging, args[0].value);
  fold(merging, [](const Merging&, int, int n_members) {
    const float n = static_cast<float>(n_members);
    return Weights{1 + n / 2, 0.5f, false, false, 1 + n};
  });
}

// x_j = (x_j + sum u_i x_i) / (1 + sum u_i), u_i the cosine of key i with key j
void weighted(const Merging& merging, const Args& args) noexcept {
  match(merging, args[0].value);
  fold(merging, [](const Merging&, int, int) { return Weights{1, 1, false, true}; });
}

// The same as printed, divided by 1 + |N_j|: weights that do not add up to 1 shorten keys.
// Source   LOOK-M arXiv 2406.18139
void weighted_printed(const Merging& merging, const Args& args) noexcept {
  match(merging, args[0].value);
  fold(merging, [](const Merging&, int, int n_members) {
    return Weights{1, 1, false, true, 1 + static_cast<float>(n_members)};
  });
}

// Below `least` a slot leaves without a trace: the mean of two opposite keys would be near 0, which draws
// attention from everywhere. The papers fold everything, which is least=-1.
constexpr ArgSpecs kArgs{{{"least", {0}, -1, 1}, {"bias", {0}, 0, 1, false, true}}};
constexpr Needs kRows = kNeedKeys | kNeedValues | kNeedMatch;

}  // namespace

const PartRow<MergePart> merge_average{
    "average", average, kArgs, kRows, "what leaves is averaged into the kept slot with the most similar key"};
const PartRow<MergePart> merge_pivot{"pivot", pivot, kArgs, kRows, "the same, the kept slot weighing most"};
const PartRow<MergePart> merge_weighted{"weighted", weighted, kArgs, kRows, "the same, by similarity"};
const PartRow<MergePart> merge_weighted_paper{"weighted-paper", weighted_printed, kArgs, kRows,
                                              "as printed: weights do not add up to one"};

}  // namespace shrike::kv::parts
