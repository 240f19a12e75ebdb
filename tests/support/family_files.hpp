#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "platform/check.hpp"
#include "tests/support/gguf_writer.hpp"

namespace shrike::test {

// The tiny pairs of tests/data/families, made by tests/reference/families.py.
inline constexpr const char* kFamilies[] = {"qwen2vl",     "qwen2.5vl", "qwen3vl", "internvl",
                                            "internvl3.5", "lfm2",      "llava",   "gemma3"};

inline std::string family_path(const std::string& family, bool vision = false) {
  return SHRIKE_SOURCE_DIR "/tests/data/families/" + std::string(vision ? "mmproj-" : "") + family + ".gguf";
}

// One of them to be spoiled: what the file holds, in a writer.
inline GgufWriter writer_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto* from = reinterpret_cast<const std::byte*>(text.data());
  const Bytes bytes(from, from + text.size());
  const Result<gguf::File> file = gguf::File::parse(bytes, path);
  SHRIKE_CHECK(file);
  GgufWriter w;
  for (const gguf::Value& value : file->values()) {
    if (value.type == gguf::ValueType::array) {
      w.set_array_raw(value.key, static_cast<std::uint32_t>(value.element), value.count,
                      Bytes(value.bytes.begin(), value.bytes.end()));
    } else if (value.type == gguf::ValueType::string) {
      w.set(value.key, std::string(value.text));
    } else {
      SHRIKE_CHECK(value.type == gguf::ValueType::u32 || value.type == gguf::ValueType::f32 ||
                   value.type == gguf::ValueType::boolean);
      Bytes raw;
      append(raw, value.bits);
      raw.resize(value.type == gguf::ValueType::boolean ? 1 : 4);
      w.set_raw(value.key, static_cast<std::uint32_t>(value.type), raw);
    }
  }
  for (const gguf::TensorInfo& t : file->tensors())
    w.tensor_raw(t.name, std::vector<std::uint64_t>(t.ne, t.ne + t.n_dims),
                 static_cast<std::uint32_t>(t.type), Bytes(t.data, t.data + t.bytes));
  return w;
}

}  // namespace shrike::test
