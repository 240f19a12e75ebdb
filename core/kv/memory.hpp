#pragma once

#include <span>

#include "core/arena.hpp"
#include "core/kv/block.hpp"
#include "core/kv/policy.hpp"
#include "core/kv/pool.hpp"
#include "core/kv/rope_table.hpp"

namespace shrike::kv {

enum class Room : std::uint8_t { ok, compressed, full };

// What a stream remembers: one block table per (layer, kv head) over one pool.
//
// Every append is announced: make_room(n) frees blocks and positions for n tokens and for the reserve, the
// room that is kept for a question and its answer. After ok or compressed the append cannot fail, so the
// budget holds at every instant.
//
//   before   [pinned][ ........... older ........... ][recent][free 3]        n_new = 29
//   after    [pinned][ what the policy keeps ][recent][free >= 29 + reserve ]
//
// Positions are shared by all layers and heads. After an eviction the gaps that no table uses any more are
// closed by moving whole blocks (changing their base), so positions stay below n_ctx for ever and no key is
// touched.
//
// Shapes   per (layer, kv_head) a table of blocks of 16 slots
// Units    tokens and blocks; no bytes in this file but in lay_out
// Order    survivors keep ascending positions; the same calls give the same memory: replay is exact
// Memory   sections "kv pool", "kv tables", "compress" (one table's worth of candidates); allocates nothing
// Errors   Room::full: the policy keeps everything, state unchanged. Appending without room is our bug:
//          SHRIKE_CHECK
// Source   page-local rotation and pinned sinks: StreamingLLM arXiv 2309.17453, with a base per block instead
//          of re-rotation
class Memory {
 public:
  struct Shape {
    int n_layers = 0;
    int n_kv_heads = 0;
    int head_dim = 0;
    int n_blocks = 0;  // of the pool, for all tables
    int n_ctx = 0;     // positions
    int reserve = 0;   // tokens kept free for asking

    int n_tables() const noexcept { return n_layers * n_kv_heads; }
    // The most live slots that one table can have: each has a position of its own.
    int slots_max() const noexcept { return n_ctx < n_blocks * kBlockSlots ? n_ctx : n_blocks * kBlockSlots; }
    int blocks_per_table() const noexcept;
  };
  static constexpr int kOffsetMax = 255;  // of a key inside its block, in positions
  static int rope_positions(int n_ctx) noexcept { return n_ctx + kOffsetMax + 1; }

  void lay_out(Arena& arena, const Shape& shape, const RopeTable& rope) noexcept;
  void reset() noexcept;

  [[nodiscard]] Room make_room(int n_new, const Policy& policy) noexcept;

  // Gives each token a slot in every table and the next position. Keys and values are then stored layer by
  // layer.
  void append(std::span<const TokenFacts> tokens) noexcept;
  // Row r of the last append: the key is turned to its place in its block (in `key` itself), both are rounded
  // to f16.
  void store(const Kernels& kernels, int layer, int kv_head, int row, float* key,
             const float* value) noexcept;

  // One mark at a time. roll_back() makes the memory bit for bit what it was at mark(): only appends may lie
  // between.
  void mark() noexcept;
  void roll_back() noexcept;

  std::span<const BlockRef> table(int layer, int kv_head) const noexcept;
  int n_live(int layer, int kv_head) const noexcept;  // slots of a table, what came after mark() included
  const Pool& pool() const noexcept { return pool_; }
  const RopeTable& rope() const noexcept { return *rope_; }
  const Shape& shape() const noexcept { return shape_; }
  int next_position() const noexcept { return next_position_; }
  std::int64_t n_evicted() const noexcept { return n_evicted_; }  // slots of table (0, 0), since reset()

  // The most tokens that every table can hold beside the reserve, when all hold the same ones.
  static int stream_tokens_max(const Shape& shape) noexcept;
  // The fewest blocks with which `n_pinned` opening words, one frame of n_frame tokens and the reserve fit.
  static int blocks_min(const Shape& shape, int n_pinned, int n_frame) noexcept;

 private:
  struct Table {
    BlockRef* blocks = nullptr;  // [blocks_per_table]
    int n_blocks = 0;
    int append_block = 0;  // where the last append began
    int append_slot = 0;
    int mark_blocks = 0;  // as of mark()
    std::uint8_t mark_end = 0;
  };

  Table& at(int layer, int kv_head) noexcept { return tables_[layer * shape_.n_kv_heads + kv_head]; }
  const Table& at(int layer, int kv_head) const noexcept {
    return tables_[layer * shape_.n_kv_heads + kv_head];
  }
  int n_open(const Table& table) const noexcept;
  bool fits(int n_new) const noexcept;
  void evict(int slots_per_table, const Policy& policy) noexcept;
  int gather(const Table& table) noexcept;
  void keep_in(Table& table) noexcept;
  void squeeze(BlockRef& ref, const std::uint8_t* keep) noexcept;
  void repack() noexcept;
  void repack(Table& table) noexcept;
  void close_gaps() noexcept;

  Shape shape_;
  Pool pool_;
  const RopeTable* rope_ = nullptr;
  Table* tables_ = nullptr;  // [n_layers * n_kv_heads]
  int next_position_ = 0;
  int mark_position_ = 0;
  int mark_free_ = 0;
  std::int64_t n_evicted_ = 0;

  // Scratch of compression, one table's worth.
  SlotFacts* facts_ = nullptr;         // [slots_max]
  std::int32_t* positions_ = nullptr;  // [slots_max]
  float* scores_ = nullptr;            // [slots_max]
  std::uint8_t* keep_ = nullptr;       // [slots_max]
  std::int32_t* order_ = nullptr;      // [slots_max]
  int* layer_budget_ = nullptr;        // [n_layers]
  int* head_budget_ = nullptr;         // [n_kv_heads]
  std::int32_t* rank_ = nullptr;       // [rope_positions(n_ctx)]: live positions below this one
  float* turned_ = nullptr;            // [head_dim]
};

}  // namespace shrike::kv
