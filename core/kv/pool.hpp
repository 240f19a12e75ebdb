#pragma once

#include "core/arena.hpp"
#include "core/kv/block.hpp"

namespace shrike::kv {

// The only KV memory there is: n_blocks blocks and a stack of the free ones. A budget cannot be exceeded
// because there is nothing to exceed it with.
//
// Memory   section "kv pool": keys, values, facts;   section "kv tables": the stack
class Pool {
 public:
  void lay_out(Arena& arena, int n_blocks, int head_dim) noexcept;
  void reset() noexcept;  // every block is free

  [[nodiscard]] std::uint32_t take() noexcept;  // SHRIKE_CHECK: n_free() > 0
  void give_back(std::uint32_t block) noexcept;
  // Undoes every take() since n_free() was `n_free`; nothing may have been given back in between.
  void rewind(int n_free) noexcept { n_free_ = n_free; }
  int n_free() const noexcept { return n_free_; }
  int n_blocks() const noexcept { return n_blocks_; }

  f16* key(std::uint32_t block, int slot) const noexcept {
    return keys_ + number(block, slot);
  }  // [head_dim]
  f16* value(std::uint32_t block, int slot) const noexcept {
    return values_ + number(block, slot);
  }  // [head_dim]
  SlotFacts& facts(std::uint32_t block, int slot) const noexcept {
    return facts_[static_cast<std::size_t>(block) * kBlockSlots + static_cast<std::size_t>(slot)];
  }
  int head_dim() const noexcept { return head_dim_; }

 private:
  std::size_t number(std::uint32_t block, int slot) const noexcept {
    return (static_cast<std::size_t>(block) * kBlockSlots + static_cast<std::size_t>(slot)) *
           static_cast<std::size_t>(head_dim_);
  }

  f16* keys_ = nullptr;            // [n_blocks][16][head_dim]
  f16* values_ = nullptr;          // [n_blocks][16][head_dim]
  SlotFacts* facts_ = nullptr;     // [n_blocks][16]
  std::uint32_t* free_ = nullptr;  // [n_blocks], the first n_free_ are free
  int n_free_ = 0;
  int n_blocks_ = 0;
  int head_dim_ = 0;
};

}  // namespace shrike::kv
