#pragma once

#include "core/kv/block.hpp"
#include "core/kv/needs.hpp"

namespace shrike::kv {

// What the rows of a chunk show over one layer, per kv head, summed over the group's query heads. Text rows
// and image rows apart, because a cross-modal entropy is that of one over the other. Of image rows, which
// resemble their neighbours, only some are counted where there are many; see is_counted().
struct RowSums {
  int n_rows = 0;                   // rows that are counted x query heads of the group
  float entropy = 0;                // sums over them; divide by n_rows
  float class_entropy[2] = {0, 0};  // over text keys, over image keys; divide by n_class_rows
  int n_class_rows[2] = {0, 0};     // rows that saw any key of the class
};

// All text rows; of a chunk of 32 rows or more, which may be 128, image rows at a distance that leaves at most 11
// to 21: with as many times the heads that is enough to tell a layer's entropy, and a fraction of the time. The
// distance is odd, so that all columns of a grid that is 8 or 16 wide are met.
constexpr bool is_counted(Modality query_class, int chunk_row, int n_rows) noexcept {
  return query_class == Modality::text || chunk_row % (n_rows / 16 | 1) == 0;
}

// What the attention of one chunk over one layer shows. A null pointer: not asked for.
//
// Shapes   rows [n_kv_heads][2 query classes]; the others but queries [n_kv_heads][slots_max], slots in table
//          order; query_sum, query_square [n_heads][head_dim], queries as they are before they are turned
// Source   formulas of the row: RowEvidence in platform/kernels/kernels.hpp; cross-modal entropy: MEDA arXiv
//          2502.17599; column mass: H2O arXiv 2306.14048; window: SnapKV arXiv 2404.14469; self and cross:
//          CSP arXiv 2412.04652; votes: CORM arXiv 2404.15949; last row: TOVA arXiv 2401.06104; query
//          moments: Expected Attention arXiv 2510.00636
struct Evidence {
  RowSums* rows = nullptr;
  float* mass = nullptr;         // of all rows
  float* window_text = nullptr;  // of the text rows of the window
  float* window_image = nullptr;
  float* votes = nullptr;
  float* last = nullptr;
  float* query_sum = nullptr;
  float* query_square = nullptr;
  int n_query_rows = 0;  // rows in query_sum
};

// Which part a chunk is of what is observed. The window is the last rows of a prompt that may take many
// chunks.
struct Look {
  int window_first =
      0;  // first row of the chunk that lies in the window; the chunk's length or more: none does
  bool window = true;  // the prompt brings a window; false: the one before stays
  bool begins = true;  // the prompt's first chunk
  bool ends = true;    // the prompt's last chunk
  bool grows = true;   // the rows are of the stream: running sums go on; false: they only look
};

}  // namespace shrike::kv
