#pragma once

#include <cstring>

#include "platform/kernels/kernels.hpp"

namespace shrike {

// 32 weights as a GGUF file stores them: w[i] = d * q[i].
struct QBlockQ8_0 {
  f16 d;
  std::int8_t q[kQ8Group];
};
static_assert(sizeof(QBlockQ8_0) == 34);

namespace {

// The file promises no alignment, so a block is copied out, which costs nothing.
inline QBlockQ8_0 load_q8_0(const std::byte* row, int g) noexcept {
  QBlockQ8_0 block;
  std::memcpy(&block, row + static_cast<std::size_t>(g) * sizeof(block), sizeof(block));
  return block;
}

}  // namespace
}  // namespace shrike
