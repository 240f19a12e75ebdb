#pragma once

#include <span>

#include "core/arena.hpp"
#include "core/kv/block.hpp"
#include "core/kv/evidence.hpp"
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
// Positions are shared by all layers and heads. The tokens of a picture may share one (kGrid): then it takes up
// as many positions as it has rows or columns, whichever are more, and a table still holds no more than n_ctx
// tokens. After an eviction the gaps that no table uses any more are
// closed by moving whole blocks (changing their base), so positions stay below n_ctx for ever and no key is
// touched. Heads that keep different tokens use up positions faster than slots: when those run out, gaps
// inside blocks are closed as well, and then the oldest positions are given up in every table.
//
// Shapes   per (layer, kv_head) a table of blocks of 16 slots
// Units    tokens and blocks; no bytes in this file but in lay_out
// Order    survivors keep ascending positions; the same calls give the same memory: replay is exact
// Memory   sections "kv pool", "kv tables", "compress" (one table's worth of candidates, a score for every
//          slot), which holds nothing from one make_room() to the next; allocates nothing
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
    int n_fresh = 0;   // and of rows, where n_blocks are pages: see fresh_blocks()
    int n_ctx = 0;     // positions
    int reserve = 0;   // tokens kept free for asking
    int group = 1;     // query heads per kv head
    int n_kept = 0;  // slots of a table, on average, that the stream may keep when room is made; 0: what fits
    // What the policy asks for, see serve().
    const Codec* codec = nullptr;  // null: f16
    Needs needs = 0;
    int window = 0;
    float fade = 1;
    bool bias = false;
    float constant = 0;
    bool grids = false;  // tokens of a picture share a position (kGrid)
    // Where only the last of every `far_every` layers sees all: positions that a row sees in the others, its own
    // included; 0: all layers see all.
    int sight = 0;
    int far_every = 1;
    bool evicts =
        true;  // else slots only come: blocks are dense, and there is no compression to have room for

    void serve(const Policy& policy) noexcept {
      codec = policy.codec;
      needs = policy.needs;
      window = policy.window;
      fade = policy.fade;
      bias = policy.bias;
      constant = policy.constant;
      evicts = policy.evicts();
    }
    std::size_t row_bytes() const noexcept { return codec_or_f16().row_bytes(head_dim); }
    std::size_t block_bytes() const noexcept {
      return kv::block_bytes(codec_or_f16(), head_dim, n_marks(needs));
    }
    std::size_t fresh_bytes() const noexcept {
      return static_cast<std::size_t>(n_fresh) * kv::block_bytes(row_bytes(), n_marks(needs));
    }
    bool has_pages() const noexcept { return codec_or_f16().page != nullptr; }
    bool is_near(int layer) const noexcept { return sight > 0 && (layer + 1) % far_every != 0; }
    const Codec& codec_or_f16() const noexcept { return codec != nullptr ? *codec : *codecs().front(); }
    int n_tables() const noexcept { return n_layers * n_kv_heads; }
    // The most live slots that one table can have.
    int slots_max() const noexcept {
      const int in_blocks = (n_blocks + n_fresh) * kBlockSlots;
      return n_ctx < in_blocks ? n_ctx : in_blocks;
    }
    int blocks_per_table() const noexcept;
  };
  // Of a key inside its block, in positions: heads that keep few of many tokens still fill their blocks.
  static constexpr int kOffsetMax = 1023;
  static int rope_positions(int n_ctx) noexcept { return n_ctx + kOffsetMax + 1; }

  // near_rope: how near layers turn, see Shape::sight; null: as the others.
  void lay_out(Arena& arena, const Shape& shape, const RopeTable& rope, const Kernels& kernels,
               const RopeTable* near_rope = nullptr) noexcept;
  void reset() noexcept;

  // Whether n_new tokens and the reserve fit as things are.
  bool has_room(int n_new) const noexcept;
  // Whether make_room(n_new) would have something leave: no room, or more held than Shape::n_kept.
  bool must_compress(int n_new) const noexcept;
  [[nodiscard]] Room make_room(int n_new, const Policy& policy) noexcept;

  // Gives each token a slot in every table and the next position; a picture in a grid has its position from its
  // first token, at row 0 and column 0. Keys and values are then stored layer by
  // layer.
  void append(std::span<const TokenFacts> tokens) noexcept;
  // Row r of the last append: the key is turned to its place in its block (in `key` itself), both are
  // encoded.
  void store(const Kernels& kernels, int layer, int kv_head, int row, float* key,
             const float* value) noexcept;
  // n slots of a block as numbers, keys turned by their offsets. out [n][head_dim]
  void read_keys(const Kernels& kernels, float* out, int layer, const BlockRef& ref, int first,
                 int n) const noexcept;
  // What the last append's attention over one layer showed becomes running state of its slots and of the
  // layer. Called between append and the next event, for chunks of the stream and for those that only look at
  // it.
  void absorb(int layer, const Evidence& evidence, int n_rows, const Look& look) noexcept;

  // What the slots of each table are worth, of words and of pictures: [tables][2], see HeadProfile; 1 unless set.
  // Outlives reset().
  void set_worth(std::span<const float> worth) noexcept;
  // Slots of past frames draw no attention until they are shown again, to measure what a head needs them for.
  // SHRIKE_CHECK: Shape::bias
  void hide(int layer, int kv_head, Modality modality, bool hidden) noexcept;

  // One mark at a time. roll_back() makes the memory bit for bit what it was at mark(): only appends may lie
  // between.
  void mark() noexcept;
  void roll_back() noexcept;

  std::span<const BlockRef> table(int layer, int kv_head) const noexcept;
  int n_live(int layer, int kv_head) const noexcept;  // slots of a table, what came after mark() included
  // Where row r of the last append stands.
  Place appended(int layer, int kv_head, int row) const noexcept;
  // Slots of a table that row r of the last append does not see, as they lie too far back: none but in near layers.
  // Distances are those of positions as they are, so where what lay between has left, what is older comes into
  // sight again: a near layer sees as much as it was taught to, of what is kept. It keeps what it does not see as
  // other layers do; which of it leaves is the policy's choice, whose evidence tells it that nobody looks there.
  int n_unseen(int layer, int kv_head, int row) const noexcept;
  const Pool& pool() const noexcept { return pool_; }
  const RopeTable& rope(int layer) const noexcept { return shape_.is_near(layer) ? *near_rope_ : *rope_; }
  const Shape& shape() const noexcept { return shape_; }
  int next_position() const noexcept { return next_position_; }
  int n_live_mean() const noexcept;  // over all tables
  std::int64_t n_evicted() const noexcept {
    return n_evicted_;
  }  // slots of a table on average, since reset()
  const LayerShown& shown(int layer) const noexcept { return shown_[layer]; }
  // Slots that the last compression gave to a table; 0 before the first.
  int budget(int layer, int kv_head) const noexcept { return budget_[layer * shape_.n_kv_heads + kv_head]; }

  // The most tokens that every table can hold beside the reserve, when all hold the same ones.
  static int stream_tokens_max(const Shape& shape) noexcept;
  // Of rows, that a codec with pages needs beside them, for frames of up to n_frame tokens; else none.
  static int fresh_blocks(const Shape& shape, int n_frame) noexcept;
  // The fewest blocks in which `n_kept` tokens of the stream, one more frame of n_frame and the reserve fit.
  static int blocks_min(const Shape& shape, int n_kept, int n_frame) noexcept;

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
  struct Slot {
    const BlockRef* ref;
    int slot;
  };
  Slot appended_slot(const Table& table, int row) const noexcept;
  int place_next(const TokenFacts& token) noexcept;
  int end_of(const BlockRef& ref) const noexcept;
  bool has_positions(int n_new) const noexcept {
    return next_position_ + n_new + shape_.reserve <= shape_.n_ctx;
  }
  int n_slots() const noexcept;  // live, of all tables
  void lay_out_compression(Arena& arena) noexcept;
  void count_marks(const BlockRef& ref, int slot, int column, const Evidence& evidence, const Look& look,
                   int n_seen, std::ptrdiff_t row) noexcept;
  void show_layer(int layer, const Evidence& evidence) noexcept;

  void evict(int slots_per_table, const Policy& policy) noexcept;
  void survey(const Policy& policy) noexcept;
  void tie_heads() noexcept;
  void allocate(int total, const Policy& policy) noexcept;
  void compress(int layer, int kv_head, const Policy& policy) noexcept;
  Candidates gather(int layer, int kv_head, Needs needs) noexcept;
  void put_back(int layer, int kv_head, Needs gathered) noexcept;
  void keep_in(Table& table) noexcept;
  void squeeze(BlockRef& ref, const std::uint8_t* keep) noexcept;
  void move(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot, int turn_by = 0,
            int layer = 0) noexcept;
  void thaw() noexcept;
  void seal() noexcept;
  void seal(BlockRef& ref, int table) noexcept;
  void melt(BlockRef& ref, int table) noexcept;
  int n_sealable() const noexcept;
  void find_positions(int n_new) noexcept;
  bool repack(int n_new, const Policy& policy) noexcept;
  void repack(int table, bool split) noexcept;
  void close_gaps(const Part<PlacePart>& place) noexcept;
  void close_inner_gaps() noexcept;
  void forget_oldest(int n_positions) noexcept;

  Shape shape_;
  Pool pool_;
  const RopeTable* rope_ = nullptr;
  const RopeTable* near_rope_ = nullptr;
  Table* tables_ = nullptr;  // [n_layers * n_kv_heads]
  int next_position_ = 0;
  int grid_position_ = 0;  // of the newest picture in a grid
  int mark_position_ = 0;
  int mark_free_ = 0;
  std::int64_t n_evicted_ = 0;
  int n_window_ = 0;        // newest slots that are rows of the observation window
  int n_frames_since_ = 0;  // that came since the last compression
  std::int32_t newest_frame_ = kNoFrame;

  const Kernels* kernels_ = nullptr;
  LayerShown* shown_ = nullptr;    // [n_layers]
  float* share_before_ = nullptr;  // [n_layers]
  float* share_now_ = nullptr;     // [n_layers]
  float* query_mean_ = nullptr;    // [n_layers][n_heads][head_dim]
  float* query_square_ = nullptr;
  float* merge_memory_ = nullptr;  // [tables][2]
  float* worth_ = nullptr;         // [tables][2]
  int* budget_ = nullptr;          // [tables]

  // Scratch of compression: one table's worth ...
  SlotFacts* facts_ = nullptr;          // [slots_max]
  std::int32_t* positions_ = nullptr;   // [slots_max]
  float* marks_ = nullptr;              // [n_marks][slots_max]
  float* keys_ = nullptr;               // [slots_max][head_dim], if asked for
  float* values_ = nullptr;             // [slots_max][head_dim], if asked for
  float* query_variance_ = nullptr;     // [group][head_dim], if asked for
  std::uint8_t* keep_ = nullptr;        // [slots_max]
  std::uint8_t* changed_ = nullptr;     // [slots_max]
  float* count_ = nullptr;              // [slots_max]
  std::int32_t* target_ = nullptr;      // [slots_max]
  float* scratch_ = nullptr;            // [2 slots_max]
  float* cosines_ = nullptr;            // [slots_max]
  std::int16_t* directions_ = nullptr;  // [direction_room(slots_max, head_dim)], if asked for
  float* turned_ = nullptr;             // [head_dim]
  std::int32_t* rank_ = nullptr;        // [rope_positions(n_ctx)]: live positions below this one
  // ... and one number for every slot there can be.
  float* scores_ = nullptr;        // [all slots]
  std::int32_t* order_ = nullptr;  // [all slots]
  int* first_ = nullptr;           // [tables]
  int* n_slots_ = nullptr;         // [tables]
  int* n_pinned_ = nullptr;        // [tables]
  int* layer_budget_ = nullptr;    // [n_layers]
};

}  // namespace shrike::kv
