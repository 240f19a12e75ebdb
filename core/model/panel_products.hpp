#pragma once

#include <algorithm>
#include <initializer_list>

#include "core/model/linear.hpp"

// Products of many rows as integers over panels of weights: what linear() and feed_forward() are made of.
namespace shrike {

// Null: rows of this type are multiplied with the weights as they lie.
const PanelKernels* panels_for(const Kernels& kernels, DType type) noexcept;

// Inputs that go over panels together, as long as one strip of them fills a panel.
inline constexpr int kSliceIn = 3072;

// Rows as integers, slice by slice [n_rows][row_bytes of the slice]. Blocks of a row lie one behind the other, so a
// part of it that begins with a block can be packed alone.
struct PackedRows {
  const PanelForm& form;
  std::byte* data = nullptr;
  int n_rows = 0, n_in = 0;

  // The slice that begins with input `first`, and where in a row of its own an input begins that a block begins with.
  std::byte* slice(int first) const noexcept {
    return data + static_cast<std::size_t>(n_rows) * row_bytes_before(first);
  }
  std::byte* at(int row, int input) const noexcept {
    const int first = input / kSliceIn * kSliceIn;
    return slice(first) + static_cast<std::size_t>(row) * form.row_bytes(std::min(kSliceIn, n_in - first)) +
           form.row_bytes(input - first);
  }
  std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(n_rows) * (row_bytes_before(n_in) + form.row_bytes(n_in % kSliceIn));
  }

 private:
  std::size_t row_bytes_before(int first) const noexcept {
    return static_cast<std::size_t>(first / kSliceIn) * form.row_bytes(kSliceIn);
  }
};

// A thread's panel; and outputs [begin, end) of w as strips in it, from `at` on.
std::byte* panel_of(const Compute& compute, int thread) noexcept;
void pack_strips(const Compute& compute, const PanelKernels& panels, const MatrixView& w, int begin, int end,
                 int thread, std::byte* at) noexcept;

// Inputs [first, first + kSliceIn) of the products; those behind the first ones add to what is there.
// rows [n_rows][row_bytes]
void multiply_slice(const Compute& compute, const PanelKernels& panels, const std::byte* rows, int n_rows,
                    std::initializer_list<Product> products, int first) noexcept;

}  // namespace shrike
