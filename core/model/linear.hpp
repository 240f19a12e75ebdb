#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>

#include "core/arena.hpp"
#include "core/tensor.hpp"
#include "platform/kernels/kernels.hpp"
#include "platform/threads.hpp"

namespace shrike {

// What every layer computes with. Lives as long as the session; the kernels and the crew are chosen once.
//
// Memory   sections of the caller's choice: one row of activations as int8, for one row times quantised weights;
//          the rows of one product as the panels' integers; for each thread a panel of weights, and a stage where
//          they are unpacked and where a tile of outputs lies that is not done yet. What a kernel set has no use for
//          is not taken.
struct Compute {
  const Kernels& kernels;
  Threads& threads;
  struct Q8Scratch {
    std::int8_t* q = nullptr;     // [n_max], of one row or, where there are no panels, of all
    float* d = nullptr;           // [n_max / 32]
    std::int32_t* sum = nullptr;  // [n_max / 16]
    std::size_t n_max = 0;
  } q8;

  static constexpr int kStageOuts = 32;    // the most outputs that a strip has
  static constexpr int kStageDepth = 256;  // a multiple of every qblock and of every panel's depth
  static constexpr int kTileRows = 48, kTileOuts = 128;
  static constexpr int kStage = std::max(kStageOuts * kStageDepth, 2 * kTileRows * kTileOuts);
  struct PanelScratch {
    std::byte* rows = nullptr;    // of all rows of one product
    std::byte* panels = nullptr;  // [n_threads][panel_bytes]
    float* stages = nullptr;      // [n_threads][kStage]
    std::size_t rows_bytes = 0, panel_bytes = 0;

    float* stage(int thread) const noexcept { return stages + static_cast<std::ptrdiff_t>(thread) * kStage; }
  } panel;

  // Products that are to be possible: so many rows of so many numbers.
  struct Size {
    int n_rows = 0, n_in = 0;
  };
  void lay_out(Arena& arena, std::string_view section, std::span<const Size> sizes) noexcept;
  // Rows of n_in numbers that there is room for together where weights are of this type.
  int n_rows_max(DType type, int n_in) const noexcept;
};

// One of several products that read the same activations: y = x w^T + bias, or y += ...
struct Product {
  MatrixView w;
  const float* bias = nullptr;
  float* y = nullptr;  // [n_rows][w.n_rows], dense
  bool accumulate = false;
};

// All products of one input behind a single barrier: q, k and v; gate and up. x [n_rows][n_in], dense.
// Work is cut by outputs; a cut never changes a sum, so the result is the same for any number of threads.
// A single row is multiplied with the weights as they lie in the file, several go over panels: a row's result may
// differ in its last bits between the two, but not with how many others there are beside it.
void linear(const Compute& compute, const float* x, int n_rows,
            std::initializer_list<Product> products) noexcept;

// Row r of a matrix of any type that has kernels, as f32: out [w.n_cols].
void matrix_row(const Kernels& kernels, const MatrixView& w, int r, float* out) noexcept;

// y[r] += x[r], norms and the like, row by row over the crew: fn(row). Some rows at a time, since to hand one out
// takes about as long as to norm it.
template <class Fn>
void each_row(const Compute& compute, int n_rows, Fn&& fn) noexcept {
  constexpr int kTasksPerThread = 4;
  // Waking the crew costs more than a few rows do.
  const int n_tasks = n_rows < 8 ? 1 : std::min(n_rows, kTasksPerThread * compute.threads.count());
  compute.threads.parallel_for(n_tasks, [&](int task, int) {
    for (int row = n_rows * task / n_tasks; row < n_rows * (task + 1) / n_tasks; ++row) fn(row);
  });
}

}  // namespace shrike
