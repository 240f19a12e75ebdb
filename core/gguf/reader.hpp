#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.hpp"
#include "platform/result.hpp"

// The GGUF container, read as if written by an enemy: every count is compared with the bytes that remain
// before anything is sized by it, every product is checked, every limit has a name in core/limits.hpp.
//
//   char[4] "GGUF"  u32 version (2, 3)  u64 n_tensors  u64 n_kv
//   n_kv     string key, u32 type, value                     string = u64 length, bytes
//   n_tensors string name, u32 n_dims, u64 ne[n_dims], u32 type, u64 offset (from the data section)
//   padding to general.alignment, then the data section
namespace shrike::gguf {

enum class ValueType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// One metadata value. Points into the file's bytes; scalars are decoded.
struct Value {
  std::string_view key;
  ValueType type = ValueType::u32;
  std::uint64_t bits = 0;  // integer or bool value, or the bit pattern of an f32 / f64
  std::string_view text;   // string
  ValueType element =
      ValueType::u32;  // array: element type, count, and its bytes, proven to hold `count` elements
  std::uint64_t count = 0;
  std::span<const std::byte> bytes;
};

// Walks an array of strings in file order; the reader has proven that all of them lie inside `bytes`.
class StringArray {
 public:
  explicit StringArray(const Value& array) noexcept : bytes_(array.bytes), left_(array.count) {}
  bool next(std::string_view& out) noexcept;

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t left_ = 0;
};

struct TensorInfo {
  std::string_view name;
  DType type = DType::f32;
  int n_dims = 0;
  std::uint64_t ne[4] = {1, 1, 1, 1};  // ne[0] contiguous
  const std::byte* data = nullptr;     // proven to hold `bytes` bytes inside the file
  std::uint64_t bytes = 0;
};

// A parsed header. Views point into the bytes given to parse(), which must outlive it.
// Memory   the directory (keys and tensors) on the heap, at start only
// Errors   malformed (which rule, which key or tensor), unsupported (version 1, unknown tensor type,
//          byte-swapped, split file); every Error's subject starts with `name`
class File {
 public:
  [[nodiscard]] static Result<File> parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const noexcept { return name_; }
  std::uint32_t version() const noexcept { return version_; }
  std::size_t size_bytes() const noexcept { return size_bytes_; }
  std::span<const Value> values() const noexcept { return values_; }
  std::span<const TensorInfo> tensors() const noexcept { return tensors_; }

  const Value* find(std::string_view key) const noexcept;
  const TensorInfo* tensor(std::string_view tensor_name) const noexcept;

  // Typed access. Any integer type serves for a count; a present key of another type, or out of [min, max],
  // is malformed; an absent key is `missing`, or the fallback where one is given.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max) const;
  [[nodiscard]] Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                                std::int64_t max) const;
  [[nodiscard]] Result<float> real(std::string_view key) const;  // f32 or f64, finite
  [[nodiscard]] Result<float> real_or(std::string_view key, float fallback) const;
  [[nodiscard]] Result<bool> boolean_or(std::string_view key, bool fallback) const;
  [[nodiscard]] Result<std::string_view> string(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> string_or(std::string_view key, std::string_view fallback) const;
  // An array of exactly `n` f32 (or f64) numbers, all finite.
  [[nodiscard]] Status reals(std::string_view key, std::span<float> out) const;
  // An array with elements of that type; its count within [min, max].
  [[nodiscard]] Result<const Value*> array(std::string_view key, ValueType element, std::uint64_t min,
                                           std::uint64_t max) const;

  [[nodiscard]] Error error(Code code, const char* rule,
                            std::string_view what) const;  // subject "file: what"
  [[nodiscard]] Error error(Code code, const char* rule, std::string_view what, std::int64_t got,
                            std::int64_t allowed) const;

 private:
  std::string name_;
  std::uint32_t version_ = 0;
  std::size_t size_bytes_ = 0;
  std::vector<Value> values_;           // sorted by key
  std::vector<TensorInfo> tensors_;     // file order
  std::vector<std::uint32_t> by_name_;  // tensors_ sorted by name
};

}  // namespace shrike::gguf
