#pragma once

#include <span>

#include "core/arena.hpp"
#include "core/kv/block.hpp"
#include "core/kv/codec.hpp"
#include "core/kv/needs.hpp"

namespace shrike::kv {

// The only KV memory there is: n_blocks blocks and a stack of the free ones. A budget cannot be exceeded
// because there is nothing to exceed it with.
//
// Memory   section "kv pool": keys, values, facts, marks;   section "kv tables": the stack
class Pool {
 public:
  void lay_out(Arena& arena, int n_blocks, int head_dim, const Codec& codec, Needs needs) noexcept;
  void reset() noexcept;  // every block is free

  [[nodiscard]] std::uint32_t take() noexcept;  // SHRIKE_CHECK: n_free() > 0
  void give_back(std::uint32_t block) noexcept;
  // Undoes every take() since n_free() was `n_free`; nothing may have been given back in between.
  void rewind(int n_free) noexcept { n_free_ = n_free; }
  int n_free() const noexcept { return n_free_; }
  int n_blocks() const noexcept { return n_blocks_; }

  // Rows as the codec has them, dense: a block's rows lie one behind the other.
  std::byte* key_row(std::uint32_t block, int slot) const noexcept {
    return keys_ + number(block, slot) * row_bytes_;
  }
  std::byte* value_row(std::uint32_t block, int slot) const noexcept {
    return values_ + number(block, slot) * row_bytes_;
  }
  std::size_t row_bytes() const noexcept { return row_bytes_; }
  const Codec& codec() const noexcept { return *codec_; }

  SlotFacts& facts(std::uint32_t block, int slot) const noexcept { return facts_[number(block, slot)]; }
  // [n_marks], in the order of Mark; empty when none is kept
  std::span<float> marks(std::uint32_t block, int slot) const noexcept {
    return {marks_ + number(block, slot) * n_marks_, n_marks_};
  }
  float& mark(std::uint32_t block, int slot, Mark mark) const noexcept {
    return marks(block, slot)[static_cast<std::size_t>(mark_index(needs_, mark))];
  }
  Needs needs() const noexcept { return needs_; }

  // All of a slot but its key.
  void copy_beside_key(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot) noexcept;
  int head_dim() const noexcept { return head_dim_; }

 private:
  static std::size_t number(std::uint32_t block, int slot) noexcept {
    return static_cast<std::size_t>(block) * kBlockSlots + static_cast<std::size_t>(slot);
  }

  std::byte* keys_ = nullptr;    // [n_blocks][16][row_bytes]
  std::byte* values_ = nullptr;  // [n_blocks][16][row_bytes]
  SlotFacts* facts_ = nullptr;   // [n_blocks][16]
  float* marks_ = nullptr;       // [n_blocks][16][n_marks]
  std::size_t row_bytes_ = 0;
  std::size_t n_marks_ = 0;
  Needs needs_ = 0;
  const Codec* codec_ = nullptr;
  std::uint32_t* free_ = nullptr;  // [n_blocks], the first n_free_ are free
  int n_free_ = 0;
  int n_blocks_ = 0;
  int head_dim_ = 0;
};

}  // namespace shrike::kv
