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
// Where the codec keeps full blocks as pages, the n_blocks are those pages, and behind them come n_fresh blocks of
// rows, with a stack of their own: what is new is written there, and becomes a page when its block is full.
//
// Memory   section "kv pool": keys, values, facts, marks;   section "kv tables": the stack
class Pool {
 public:
  void lay_out(Arena& arena, int n_blocks, int n_fresh, int head_dim, const Codec& codec,
               Needs needs) noexcept;
  void reset() noexcept;  // every block is free

  [[nodiscard]] std::uint32_t take() noexcept;       // of rows. SHRIKE_CHECK: n_free() > 0
  [[nodiscard]] std::uint32_t take_page() noexcept;  // SHRIKE_CHECK: n_free_pages() > 0
  void give_back(std::uint32_t block) noexcept;
  // Undoes every take() since n_free() was `n_free`; nothing may have been given back in between.
  void rewind(int n_free) noexcept { rows_free_.n = n_free; }
  int n_free() const noexcept { return rows_free_.n; }
  int n_free_pages() const noexcept { return pages_free_.n; }
  int n_blocks() const noexcept { return n_blocks_; }  // of both kinds
  std::size_t bytes_used() const noexcept;

  bool has_pages() const noexcept { return codec_->page != nullptr; }
  bool is_page(std::uint32_t block) const noexcept { return block < n_pages_; }
  std::byte* page_keys(std::uint32_t block) const noexcept { return page_keys_ + block * page_key_bytes_; }
  std::byte* page_values(std::uint32_t block) const noexcept {
    return page_values_ + block * page_value_bytes_;
  }

  // Rows as the codec has them, dense: a block's rows lie one behind the other. Not of pages.
  std::byte* key_row(std::uint32_t block, int slot) const noexcept {
    return keys_ + number(block - n_pages_, slot) * row_bytes_;
  }
  std::byte* value_row(std::uint32_t block, int slot) const noexcept {
    return values_ + number(block - n_pages_, slot) * row_bytes_;
  }
  // Values of n slots as numbers, and keys: as they are turned where they are rows, not turned where they are a
  // page.   out [n][head_dim]
  void read_keys(const Kernels& kernels, float* out, std::uint32_t block, int first, int n) const noexcept;
  void read_values(const Kernels& kernels, float* out, std::uint32_t block, int first, int n) const noexcept;
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

  // Facts and marks of a slot, and beside them its value where that is a row.
  void copy_facts(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot) noexcept;
  void copy_beside_key(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot) noexcept;
  int head_dim() const noexcept { return head_dim_; }

 private:
  static std::size_t number(std::uint32_t block, int slot) noexcept {
    return static_cast<std::size_t>(block) * kBlockSlots + static_cast<std::size_t>(slot);
  }

  struct Stack {
    std::uint32_t* blocks = nullptr;  // the first n are free
    int n = 0;
  };
  Stack& stack_of(std::uint32_t block) noexcept { return is_page(block) ? pages_free_ : rows_free_; }

  std::byte* keys_ = nullptr;         // [n_blocks - n_pages][16][row_bytes]
  std::byte* values_ = nullptr;       // [n_blocks - n_pages][16][row_bytes]
  std::byte* page_keys_ = nullptr;    // [n_pages][page_key_bytes]
  std::byte* page_values_ = nullptr;  // [n_pages][page_value_bytes]
  SlotFacts* facts_ = nullptr;        // [n_blocks][16]
  float* marks_ = nullptr;            // [n_blocks][16][n_marks]
  std::size_t row_bytes_ = 0;
  std::size_t n_marks_ = 0;
  Needs needs_ = 0;
  const Codec* codec_ = nullptr;
  std::size_t page_key_bytes_ = 0, page_value_bytes_ = 0;
  Stack rows_free_, pages_free_;
  std::uint32_t n_pages_ = 0;
  int n_blocks_ = 0;
  int head_dim_ = 0;
};

}  // namespace shrike::kv
