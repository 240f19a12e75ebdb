#include "core/kv/catalogue.hpp"
#include "core/kv/parts/f16_rows.hpp"

namespace shrike::kv::parts {

const Codec codec_f16{"f16", "half precision", f16_row_bytes, f16_encode, f16_decode, f16_scores, f16_mix};

}  // namespace shrike::kv::parts
