#pragma once

#include "core/arena.hpp"
#include "core/kv/evidence.hpp"
#include "core/kv/memory.hpp"
#include "platform/kernels/kernels.hpp"
#include "platform/threads.hpp"

namespace shrike::kv {

// Rows [first, end) of a chunk.
struct RowRange {
  int first = 0, end = 0;
};

// Causal attention of a chunk over the memory of one layer: scores by panels of rows against every block,
// exact softmax, values; what it shows is collected in the same pass. Keys lie turned by their offset in the
// block, so a row's query is turned once per block, to its distance from the block's base.
//
// What a row sees is one range of columns: from the first one, in near layers from the first in sight (see
// Memory::n_unseen), to its own. Where a model was taught that the rows of a picture see each other, the range
// also holds all rows of its own picture.
//
// Some kv heads at a time, as many as keep the crew busy: panels and evidence need room for those only.
//
// Three ways, by what is cheapest; which one is a matter of the chunk, never of the crew:
//   panels   many rows, kernels with fast panels: keys and values become panels of integers once, each key turned
//            to its place in the stream; then products of rows with panels
//   ranges   one row of which nothing is collected: each kv head is cut into ranges of blocks, softmax by range,
//            and the ranges are joined in their order
//   blocks   all else: scores by panels of rows against every block
//
// Shapes   q [n_rows][n_heads * head_dim], not turned; out the same. The rows are the last n_rows tokens
//          appended.
// Order    one task per (kv head, panel or range); sums run over slots in table order: equal for any number of
//          threads
// Numbers  panels: queries, keys, values and weights in integers of 13 bits, blocks of 64 to 128, or of 8 bits, blocks
//          of 32; else f32
// Memory   section "attention": per thread one panel of scores, turned queries, outputs, and a decoded block
//          where panels have more queries than the codec reads in place; with evidence, rows of column mass
//          per panel, reduced in panel order
class Attention {
 public:
  // needs: the evidence that attend() can be asked for, of as many as n_shown_max rows. in_bytes: the products that
  // queries, keys and values come from, and that the result goes into, round to bytes, so panels may as well.
  void lay_out(Arena& arena, const Kernels& kernels, const Memory::Shape& shape, int group, int n_shown_max,
               int n_threads, Needs needs, bool in_bytes = false) noexcept;

  // query_class [n_rows]: Modality of each row; read only when evidence is asked for. Of the evidence, what
  // has a pointer and was in `needs` is collected. pictures [n_rows]: the rows that each row sees whatever the
  // order and the distance, itself among them; null: none.
  void attend(const Kernels& kernels, Threads& threads, const Memory& memory, int layer, const float* q,
              float* out, int n_rows, const Modality* query_class, Evidence* evidence, const Look& look = {},
              const RowRange* pictures = nullptr) noexcept;

 private:
  static constexpr int kPanelRowsMax = 16;
  static constexpr int kPackedTogether = 128;  // columns of one task; a multiple of every panel's depth
  struct Panel {
    int layer, kv_head, first_row, n_rows;  // rows of the chunk
    int n_chunk, n_slots;                   // rows of the chunk, slots of the table
    int first_column, n_columns;  // those before are seen by no row of the panel, nor those from there on
    bool ahead;                   // rows see some that come later
    // What each row sees. Neither ever goes down from one row to the next.
    int begin[kPanelRowsMax], end[kPanelRowsMax];
  };
  static void see(const Memory& memory, Panel& panel, const RowRange* pictures) noexcept;
  // Where a panel's share of the evidence goes; null: not asked for.
  enum Window { kText, kImage, kVotes, kWindows };
  struct PanelShown {
    RowSums* rows = nullptr;  // [2]
    float* mass = nullptr;
    float* windows[kWindows] = {};
    float* last = nullptr;
    int window_first = 0;  // row of the chunk
  };
  PanelShown shown_of(int kv_head, int panel, int n_rows, int n_slots, const Evidence& evidence,
                      const Look& look) noexcept;
  void note_modality(const Memory& memory, int layer) noexcept;

  // attention_panels.cpp
  const PanelKernels& panels_in(const Kernels& kernels) const noexcept {
    return in_bytes_ ? kernels.narrow : kernels.wide;
  }
  bool in_panels(const Kernels& kernels, int n_rows) const noexcept;
  void lay_out_panels(Arena& arena, const Kernels& kernels, int n_threads) noexcept;
  void pack_heads(const Kernels& kernels, Threads& threads, const Memory& memory, int layer, int first,
                  int n) noexcept;
  void pack_columns(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int first,
                    int thread) noexcept;
  int read_columns(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int first, int end,
                   float* keys, float* values) const noexcept;
  void panel_scores(const Kernels& kernels, const Memory& memory, const Panel& panel, const float* q,
                    int thread) noexcept;
  void pack_softmax(const Kernels& kernels, const Panel& panel, int thread, const Modality* query_class,
                    const PanelShown& shown) noexcept;
  void pack_weights(const Kernels& kernels, const Panel& panel, int thread) noexcept;
  std::byte* weights_row(const Kernels& kernels, const Panel& panel, int row, int thread) noexcept;
  void panel_mix(const Kernels& kernels, const Panel& panel, int n_heads, float* out, int thread) noexcept;

  // attention_ranges.cpp
  static bool in_ranges(const Memory& memory, int n_rows, const Evidence* evidence) noexcept;
  void lay_out_ranges(Arena& arena, int n_kv_heads, int blocks_per_table) noexcept;
  static std::span<const BlockRef> in_sight(const Memory& memory, int layer, int kv_head,
                                            int& n_unseen) noexcept;
  void attend_ranges(const Kernels& kernels, Threads& threads, const Memory& memory, int layer,
                     const float* q, float* out) noexcept;
  void attend_range(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int range,
                    const float* q, int thread) noexcept;
  void join_ranges(int kv_head, int g, int n_ranges, float* out) const noexcept;
  float* state_of(int kv_head, int range, int g) const noexcept {
    return states_ +
           static_cast<std::ptrdiff_t>((kv_head * ranges_max_ + range) * group_ + g) * (1 + head_dim_);
  }

  void scores(const Kernels& kernels, const Memory& memory, const Panel& panel, const float* q,
              int thread) noexcept;
  static void add_bias(const Pool& pool, const BlockRef& ref, int n, int n_rows, float* scores,
                       int stride) noexcept;
  void weigh(const Kernels& kernels, const Memory& memory, const Panel& panel, int thread,
             const Modality* query_class, const PanelShown& shown) noexcept;
  static RowSums* sums_of(const Panel& panel, int row, const Modality* query_class,
                          const PanelShown& shown) noexcept;
  static void add_up(RowSums& sums, const RowEvidence& seen) noexcept;
  void look_at(const Kernels& kernels, const Panel& panel, int row, int thread, const Modality* query_class,
               const PanelShown& shown) noexcept;
  void mix(const Kernels& kernels, const Memory& memory, const Panel& panel, int n_heads, float* out,
           int thread) noexcept;
  void put_out(const Panel& panel, int n_heads, float* out, const float* mixed) const noexcept;
  void reduce(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int n_rows,
              Evidence& evidence, const Look& look) noexcept;
  void sum_queries(Threads& threads, const float* q, int n_rows, int n_heads, Evidence& evidence) noexcept;

  float* scores_of(int thread) noexcept {
    return scores_ + static_cast<std::ptrdiff_t>(thread) * panel_rows_ * group_ * stride_;
  }
  float* turned_of(int thread) noexcept {
    return turned_ + static_cast<std::ptrdiff_t>(thread) * panel_rows_ * group_ * head_dim_;
  }
  float* mixed_of(int thread) noexcept {
    return mixed_ + static_cast<std::ptrdiff_t>(thread) * panel_rows_ * group_ * head_dim_;
  }

  std::byte* key_panel(int kv_head) noexcept {
    return key_panels_ + static_cast<std::size_t>(kv_head % heads_at_once_) * key_bytes_;
  }
  std::byte* value_strip(int kv_head, int strip, const PanelForm& form) noexcept {
    return value_panels_ +
           static_cast<std::size_t>(kv_head % heads_at_once_ * div_ceil(head_dim_, form.outs) + strip) *
               value_strip_bytes_;
  }
  float* block_of(int thread) noexcept {
    return block_ + static_cast<std::ptrdiff_t>(thread) * kBlockSlots * head_dim_;
  }
  std::uint8_t* modality_of(int kv_head) noexcept {
    return modality_ + static_cast<std::ptrdiff_t>(kv_head) * stride_;
  }
  int window_panel(int n_panels) const noexcept {
    return n_panels > window_panels_ ? n_panels - window_panels_ : 0;
  }

  int panel_rows_ = 0;
  int group_ = 0;  // query heads per kv head
  int head_dim_ = 0;
  int columns_ = 0;                     // slots_max of the memory
  int stride_ = 0;                      // of a row of scores: columns, in panels filled up to a whole depth
  int panels_max_ = 0;                  // of rows that show evidence
  int heads_at_once_ = 0;               // kv heads whose panels and evidence there is room for
  float* scores_ = nullptr;             // [n_threads][panel_rows * group][stride]
  float* turned_ = nullptr;             // [n_threads][panel_rows * group][head_dim]
  float* mixed_ = nullptr;              // [n_threads][panel_rows * group][head_dim]
  float* block_ = nullptr;              // [n_threads][16][head_dim], where blocks are decoded
  float* panel_mass_ = nullptr;         // [heads_at_once][panels_max][columns]
  RowSums* panel_rows_sums_ = nullptr;  // [heads_at_once][panels_max][2]
  int window_panels_ = 0;               // the most panels that a window lies in, the last ones of a chunk
  float* panel_windows_ = nullptr;      // [heads_at_once][window_panels][kWindows][columns]
  std::uint8_t* modality_ = nullptr;    // [n_kv_heads][stride], of one layer's slots

  // Panels:
  std::byte* key_panels_ = nullptr;    // [heads_at_once][key_bytes]
  std::byte* value_panels_ = nullptr;  // [heads_at_once][strips of head_dim][strip_bytes(columns)]
  std::byte* rows_ = nullptr;          // [n_threads][panel_rows * group][row_bytes(head_dim)]
  float* stage_ = nullptr;             // [n_threads][2][kPackedTogether][head_dim], where blocks are decoded
  std::size_t key_bytes_ = 0, value_strip_bytes_ = 0, rows_bytes_ = 0;
  bool in_bytes_ = false;
  int depth_ = 0;

  // Ranges:
  float* states_ = nullptr;  // [n_kv_heads][ranges_max][group][1 + head_dim]: ln of the sum, values
  int ranges_max_ = 0;
};

}  // namespace shrike::kv
