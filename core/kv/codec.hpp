#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "platform/kernels/kernels.hpp"

namespace shrike::kv {

// How a key or value row lies in the pool. A row stands alone: any slot can leave or move without its
// neighbours.
//
// Shapes   a row is head_dim numbers; encoded, row_bytes(head_dim) bytes, a multiple of two
struct Codec {
  std::string_view name;
  std::string_view what;  // one line for people
  std::size_t (*row_bytes)(int head_dim) noexcept;
  void (*encode)(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept;
  void (*decode)(const Kernels& kernels, float* out, const std::byte* row, int head_dim) noexcept;
  bool is_f16 = false;  // attention then reads it in place
};

[[nodiscard]] std::span<const Codec* const> codecs() noexcept;  // the catalogue's; the first one is f16

}  // namespace shrike::kv
