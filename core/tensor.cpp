#include "core/tensor.hpp"

namespace shrike {

DTypeInfo dtype_info(std::uint32_t type_id) noexcept {
  switch (type_id) {
    case 0:
      return {"f32", 1, 4};
    case 1:
      return {"f16", 1, 2};
    case 2:
      return {"q4_0", 32, 18};
    case 3:
      return {"q4_1", 32, 20};
    case 6:
      return {"q5_0", 32, 22};
    case 7:
      return {"q5_1", 32, 24};
    case 8:
      return {"q8_0", 32, 34};
    case 10:
      return {"q2_k", 256, 84};
    case 11:
      return {"q3_k", 256, 110};
    case 12:
      return {"q4_k", 256, 144};
    case 13:
      return {"q5_k", 256, 176};
    case 14:
      return {"q6_k", 256, 210};
    case 20:
      return {"iq4_nl", 32, 18};
    case 23:
      return {"iq4_xs", 256, 136};
    case 24:
      return {"i8", 1, 1};
    case 25:
      return {"i16", 1, 2};
    case 26:
      return {"i32", 1, 4};
    case 27:
      return {"i64", 1, 8};
    case 28:
      return {"f64", 1, 8};
    case 30:
      return {"bf16", 1, 2};
    default:
      return {};
  }
}

bool is_quantised(DType type) noexcept {
  switch (type) {
    case DType::q4_0:
    case DType::q4_1:
    case DType::q5_0:
    case DType::q5_1:
    case DType::q8_0:
    case DType::q4_k:
    case DType::q5_k:
    case DType::q6_k:
    case DType::iq4_nl:
      return true;
    default:
      return false;
  }
}

}  // namespace shrike
