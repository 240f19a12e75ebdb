#pragma once

#include "core/arena.hpp"
#include "core/kv/memory.hpp"
#include "platform/kernels/kernels.hpp"
#include "platform/threads.hpp"

namespace shrike::kv {

// What the attention of one chunk over one layer shows, per kv head, summed over the group's query heads and
// the rows. Text rows and image rows apart, because a cross-modal entropy is that of one over the other.
//
// Shapes   rows  [n_kv_heads][2 query classes];   mass  [n_kv_heads][slots_max], slots in table order
// Source   formulas of the row: RowEvidence in platform/kernels/kernels.hpp; cross-modal entropy: MEDA arXiv
//          2502.17599; column mass: H2O arXiv 2306.14048
struct RowSums {
  int n_rows = 0;                   // rows x query heads of the group
  float entropy = 0;                // sums over them; divide by n_rows
  float class_entropy[2] = {0, 0};  // over text keys, over image keys
  float class_mass[2] = {0, 0};
};
struct Evidence {
  RowSums* rows = nullptr;
  float* mass = nullptr;
};

// Causal attention of a chunk over the memory of one layer: scores by panels of rows against every block,
// exact softmax, values; what it shows is collected in the same pass. Keys lie turned by their offset in the
// block, so a row's query is turned once per block, to its distance from the block's base.
//
// Shapes   q [n_rows][n_heads * head_dim], not turned; out the same. The rows are the last n_rows tokens
//          appended.
// Order    one task per (kv head, panel); sums run over slots in table order: equal for any number of threads
// Memory   section "attention": per thread one panel of scores, turned queries, outputs; with evidence, one
//          row of column mass per panel, reduced in panel order
class Attention {
 public:
  void lay_out(Arena& arena, const Memory::Shape& shape, int group, int n_rows_max, int n_threads,
               bool evidence) noexcept;

  // query_class [n_rows]: Modality of each row; read only when evidence is asked for.
  void attend(const Kernels& kernels, Threads& threads, const Memory& memory, int layer, const float* q,
              float* out, int n_rows, const Modality* query_class, Evidence* evidence) noexcept;

 private:
  struct Panel {
    int layer, kv_head, first_row, n_rows;  // rows of the chunk
    int n_columns;                          // slots visible to the panel's last row
  };
  void scores(const Kernels& kernels, const Memory& memory, const Panel& panel, const float* q, int n_chunk,
              int thread) noexcept;
  void weigh(const Kernels& kernels, const Panel& panel, int n_chunk, int n_slots, int thread,
             const Modality* query_class, RowSums* rows, float* mass) noexcept;
  void mix(const Kernels& kernels, const Memory& memory, const Panel& panel, int n_heads, float* out,
           int thread) noexcept;

  float* scores_of(int thread) noexcept {
    return scores_ + static_cast<std::ptrdiff_t>(thread) * panel_rows_ * group_ * columns_;
  }
  float* turned_of(int thread) noexcept {
    return turned_ + static_cast<std::ptrdiff_t>(thread) * panel_rows_ * group_ * head_dim_;
  }
  float* mixed_of(int thread) noexcept {
    return mixed_ + static_cast<std::ptrdiff_t>(thread) * panel_rows_ * group_ * head_dim_;
  }

  int panel_rows_ = 0;
  int group_ = 0;  // query heads per kv head
  int head_dim_ = 0;
  int columns_ = 0;  // slots_max of the memory
  int panels_max_ = 0;
  float* scores_ = nullptr;             // [n_threads][panel_rows * group][columns]
  float* turned_ = nullptr;             // [n_threads][panel_rows * group][head_dim]
  float* mixed_ = nullptr;              // [n_threads][panel_rows * group][head_dim]
  float* panel_mass_ = nullptr;         // [n_kv_heads][panels_max][columns]
  RowSums* panel_rows_sums_ = nullptr;  // [n_kv_heads][panels_max][2]
  std::uint8_t* modality_ = nullptr;    // [n_kv_heads][columns], of one layer's slots
};

}  // namespace shrike::kv
