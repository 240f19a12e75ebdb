#pragma once

#include <cstring>

#include "platform/kernels/kernels.hpp"
#include "platform/kernels/qblocks.hpp"

namespace shrike {

namespace {

// The file promises no alignment, so a block is copied out, which costs nothing.
inline QBlockQ8_0 load_q8_0(const std::byte* row, int g) noexcept {
  QBlockQ8_0 block;
  std::memcpy(&block, row + static_cast<std::size_t>(g) * sizeof(block), sizeof(block));
  return block;
}

}  // namespace
}  // namespace shrike
