#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {

const PartRow<SelectPart> select_all{"all", nullptr, {}, 0, "nothing ever leaves"};

}  // namespace shrike::kv::parts
