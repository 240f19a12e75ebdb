#pragma once

#include <cstddef>
#include <cstdint>

namespace shrike {

// Numbers as GGUF stores them; the values are ggml's type ids, so a file's id casts to one after a range
// check.
enum class DType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  bf16 = 30,
};

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
};

}  // namespace shrike
