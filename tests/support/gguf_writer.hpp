#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/gguf/reader.hpp"
#include "core/tensor.hpp"
#include "platform/check.hpp"
#include "platform/numeric.hpp"
#include "tests/support/quantise.hpp"

namespace shrike::test {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& out, const T& number) {
  static_assert(std::is_arithmetic_v<T>);
  const auto* from = reinterpret_cast<const std::byte*>(&number);
  out.insert(out.end(), from, from + sizeof(T));
}
inline void append_text(Bytes& out, std::string_view text) {
  const auto* from = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), from, from + text.size());
}
// A string as GGUF has it; `length` is what it claims to be, where that is not what it is.
inline void append_string(Bytes& out, std::string_view text, std::optional<std::uint64_t> length = {}) {
  append(out, length.value_or(text.size()));
  append_text(out, text);
}
inline void pad(Bytes& out, std::uint64_t alignment) {
  while (alignment > 1 && out.size() % alignment != 0) out.push_back(std::byte{0});
}

// Numbers as a tensor of that type stores them; any type of matrices.
inline Bytes encode(DType type, const std::vector<float>& numbers) {
  if (is_quantised(type)) return quantise(type, numbers);
  Bytes out;
  for (const float v : numbers) {
    if (type == DType::f32)
      append(out, v);
    else if (type == DType::f16)
      append(out, f32_to_f16(v));
    else  // bf16 by cutting off, which is a rounding too
      append(out, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16));
  }
  SHRIKE_CHECK(is_matrix_type(type), static_cast<int>(type));
  return out;
}

template <class T>
constexpr gguf::ValueType value_type() noexcept {
  using gguf::ValueType;
  if constexpr (std::is_same_v<T, bool>) return ValueType::boolean;
  if constexpr (std::is_same_v<T, std::uint8_t>) return ValueType::u8;
  if constexpr (std::is_same_v<T, std::int8_t>) return ValueType::i8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return ValueType::u16;
  if constexpr (std::is_same_v<T, std::int16_t>) return ValueType::i16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return ValueType::u32;
  if constexpr (std::is_same_v<T, std::int32_t>) return ValueType::i32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return ValueType::u64;
  if constexpr (std::is_same_v<T, std::int64_t>) return ValueType::i64;
  if constexpr (std::is_same_v<T, float>) return ValueType::f32;
  if constexpr (std::is_same_v<T, double>) return ValueType::f64;
  return ValueType::string;
}

// Builds the bytes of a GGUF file. Honest unless told otherwise: whatever is counted or measured for the file
// can be replaced by a lie, whatever is encoded can be given raw.
//
//   GgufWriter w;
//   w.set("general.architecture", "llama");
//   w.set("llama.block_count", 2u);
//   w.tensor("output_norm.weight", {32}, DType::f32, numbers);
//   w.key("llama.block_count").name_bytes = ~0ull;              // a lie
//   gguf::File::parse(w.bytes(), "file");
class GgufWriter {
 public:
  struct Key {
    std::string name;
    std::uint32_t type = 0;
    Bytes value;
    std::optional<std::uint64_t> name_bytes;
  };
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> ne;  // ne[0] contiguous
    std::uint32_t type = 0;
    Bytes data;
    std::optional<std::uint64_t> name_bytes, offset;
    std::optional<std::uint32_t> n_dims;
  };

  std::uint32_t magic = 0x46554747;  // "GGUF"
  std::uint32_t version = 3;
  std::optional<std::uint64_t> n_tensors, n_keys;
  std::uint64_t alignment = 32;  // that the data keeps; the file says so only after align()

  // Sets a key to a number, a bool or a text; a key that is there is replaced in its place.
  template <class T>
  GgufWriter& set(std::string_view name, const T& value) {
    Bytes raw;
    if constexpr (std::is_arithmetic_v<T>)
      append(raw, value);
    else
      append_string(raw, value);
    return set_raw(name, static_cast<std::uint32_t>(value_type<T>()), std::move(raw));
  }
  template <class T>
  GgufWriter& set_array(std::string_view name, const std::vector<T>& values) {
    Bytes raw;
    for (const T& value : values) {
      if constexpr (std::is_arithmetic_v<T>)
        append(raw, value);
      else
        append_string(raw, value);
    }
    return set_array_raw(name, static_cast<std::uint32_t>(value_type<T>()), values.size(), raw);
  }
  GgufWriter& set_array_raw(std::string_view name, std::uint32_t element, std::uint64_t count,
                            const Bytes& elements) {
    Bytes raw;
    append(raw, element);
    append(raw, count);
    raw.insert(raw.end(), elements.begin(), elements.end());
    return set_raw(name, static_cast<std::uint32_t>(gguf::ValueType::array), std::move(raw));
  }
  GgufWriter& set_raw(std::string_view name, std::uint32_t type, Bytes value) {
    for (Key& key : keys_)
      if (key.name == name) {
        key.type = type;
        key.value = std::move(value);
        return *this;
      }
    return add_raw(name, type, std::move(value));
  }
  GgufWriter& add_raw(std::string_view name, std::uint32_t type, Bytes value) {  // also a second time
    keys_.push_back({std::string(name), type, std::move(value), {}});
    return *this;
  }
  GgufWriter& remove(std::string_view name) {
    std::erase_if(keys_, [&](const Key& key) { return key.name == name; });
    return *this;
  }
  GgufWriter& align(std::uint32_t n) {
    alignment = n;
    return set("general.alignment", n);
  }

  GgufWriter& tensor(std::string_view name, std::vector<std::uint64_t> ne, DType type,
                     const std::vector<float>& numbers) {
    return tensor_raw(name, std::move(ne), static_cast<std::uint32_t>(type), encode(type, numbers));
  }
  GgufWriter& tensor_raw(std::string_view name, std::vector<std::uint64_t> ne, std::uint32_t type,
                         Bytes data) {
    tensors_.push_back({std::string(name), std::move(ne), type, std::move(data), {}, {}, {}});
    return *this;
  }
  GgufWriter& remove_tensor(std::string_view name) {
    std::erase_if(tensors_, [&](const Tensor& tensor) { return tensor.name == name; });
    return *this;
  }

  // What was set, for lies; asking for one that was not is a mistake of the test.
  Key& key(std::string_view name) { return named(keys_, name); }
  Tensor& tensor(std::string_view name) { return named(tensors_, name); }

  Bytes bytes() const {
    Bytes out;
    append(out, magic);
    append(out, version);
    append(out, n_tensors.value_or(tensors_.size()));
    append(out, n_keys.value_or(keys_.size()));
    for (const Key& key : keys_) {
      append_string(out, key.name, key.name_bytes);
      append(out, key.type);
      out.insert(out.end(), key.value.begin(), key.value.end());
    }
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors_) {
      append_string(out, tensor.name, tensor.name_bytes);
      append(out, tensor.n_dims.value_or(static_cast<std::uint32_t>(tensor.ne.size())));
      for (const std::uint64_t n : tensor.ne) append(out, n);
      append(out, tensor.type);
      append(out, tensor.offset.value_or(offset));
      offset += align_up<std::uint64_t>(tensor.data.size(), alignment);
    }
    for (const Tensor& tensor : tensors_) {
      pad(out, alignment);
      out.insert(out.end(), tensor.data.begin(), tensor.data.end());
    }
    return out;
  }

 private:
  template <class Item>
  static Item& named(std::deque<Item>& list, std::string_view name) {
    for (Item& item : list)
      if (item.name == name) return item;
    SHRIKE_CHECK(false);
    return list.front();
  }

  std::deque<Key> keys_;  // a deque: what key() and tensor() gave out stays where it is
  std::deque<Tensor> tensors_;
};

}  // namespace shrike::test
