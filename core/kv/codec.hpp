#pragma once

#include <climits>
#include <cstddef>
#include <span>
#include <string_view>

#include "core/kv/page.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike::kv {

// How a key or value row lies in the pool. A row stands alone: any slot can leave or move without its
// neighbours. With `page` that holds for what is new, and full blocks are kept as pages.
//
// Shapes   a row is head_dim numbers; encoded, row_bytes(head_dim) bytes, a multiple of two
struct Codec {
  std::string_view name;
  std::string_view what;  // one line for people
  std::size_t (*row_bytes)(int head_dim) noexcept;
  void (*encode)(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept;
  // n rows that lie one behind the other
  void (*decode)(const Kernels& kernels, float* out, const std::byte* rows, int n, int head_dim) noexcept;
  // Attention over n_keys rows as they lie in a block, the contracts of Kernels::attn_scores_f32 and
  // attn_mix_f32 and the bits that decoding first would give; of q4, whose rows stay turned, nearly those, as the
  // contract of Kernels::rows_q4 tells.
  void (*scores)(const Kernels& kernels, float* scores, int score_stride, const float* q, int n_q,
                 const std::byte* keys, int n_keys, int head_dim, float scale) noexcept;
  void (*mix)(const Kernels& kernels, float* out, const float* p, int p_stride, int n_q,
              const std::byte* values, int n_keys, int head_dim) noexcept;
  const PageFormat* page = nullptr;
  int in_place_max = INT_MAX;  // queries; for more of them decoding first is faster
};

[[nodiscard]] std::span<const Codec* const> codecs() noexcept;  // the catalogue's; the first one is f16

}  // namespace shrike::kv
