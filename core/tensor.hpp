#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/kernels/dtype.hpp"

namespace shrike {

// How a row of one type is laid out: qblocks of `weights` numbers in `bytes` bytes. weights = 0: unknown id.
struct DTypeInfo {
  const char* name = nullptr;
  int weights = 0;
  int bytes = 0;
};
[[nodiscard]] DTypeInfo dtype_info(std::uint32_t type_id) noexcept;
[[nodiscard]] inline DTypeInfo dtype_info(DType type) noexcept {
  return dtype_info(static_cast<std::uint32_t>(type));
}

// The types of matrices that there are kernels for; the quantised ones are multiplied with int8 activations.
inline constexpr const char* kMatrixTypes =
    "f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, iq4_nl";
[[nodiscard]] bool is_quantised(DType type) noexcept;
[[nodiscard]] inline bool is_matrix_type(DType type) noexcept {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16 || is_quantised(type);
}

// A matrix in the file's own layout: n_rows rows of n_cols numbers (ne[1], ne[0] in ggml's words). Owns
// nothing.
struct MatrixView {
  const std::byte* data = nullptr;
  DType type = DType::f32;
  int n_rows = 0;  // outputs
  int n_cols = 0;  // inputs
  std::size_t row_bytes = 0;

  explicit operator bool() const noexcept { return data != nullptr; }
  const std::byte* row(int r) const noexcept { return data + static_cast<std::size_t>(r) * row_bytes; }
  // A part of it, of n outputs or of n inputs; inputs begin where a qblock does.
  MatrixView outputs(int first, int n) const noexcept { return {row(first), type, n, n_cols, row_bytes}; }
  MatrixView inputs(int first, int n) const noexcept {
    const DTypeInfo info = dtype_info(type);
    return {data + static_cast<std::size_t>(first / info.weights * info.bytes), type, n_rows, n, row_bytes};
  }
};

}  // namespace shrike
