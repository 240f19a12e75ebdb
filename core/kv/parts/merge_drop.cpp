#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {

const PartRow<MergePart> merge_drop{"drop", nullptr, {}, 0, "what leaves, leaves"};

}  // namespace shrike::kv::parts
