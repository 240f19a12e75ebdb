#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"

namespace shrike::kv::parts {
namespace {

void equal(const Overview& all, const Args&, int total, std::span<int> out) noexcept {
  double weight[kSharesMax] = {};
  share_layers(all, total, weight, out);
}

}  // namespace

const PartRow<LayersPart> layers_equal{"equal", equal, {}, 0, "every layer the same"};

}  // namespace shrike::kv::parts
