#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

void equal(const Overview& all, int layer, const Args&, int total, std::span<int> out) noexcept {
  double weight[kSharesMax] = {};
  share_heads(all, layer, total, weight, out);
}

// What cannot be shared evenly is not used: at most n_kv_heads - 1 slots a layer.
void tied(const Overview&, int, const Args&, int total, std::span<int> out) noexcept {
  for (int& share : out) share = total / static_cast<int>(out.size());
}

}  // namespace

const PartRow<HeadsPart> heads_equal{"equal", equal, {}, 0, "every kv head of a layer the same"};
const PartRow<HeadsPart> heads_tied{"tied", tied, {}, 0, "all heads of a layer keep the same tokens"};

}  // namespace shrike::kv::parts
