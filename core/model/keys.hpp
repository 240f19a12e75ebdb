#pragma once

#include <string>
#include <string_view>

#include "core/gguf/reader.hpp"
#include "core/limits.hpp"

// Reading keys of a model file: what config.cpp and the families have in common.
namespace shrike::keys {

// "qwen2.block_count": text files have the architecture in front of a key.
inline std::string of(std::string_view architecture, const char* key) {
  return std::string(architecture) + "." + key;
}

inline Result<int> count(const gguf::File& file, std::string_view key, int max) {
  SHRIKE_TRY(const std::int64_t value, file.integer(key, 1, max));
  return static_cast<int>(value);
}

inline Result<int> count_or(const gguf::File& file, std::string_view key, int fallback, int max) {
  SHRIKE_TRY(const std::int64_t value, file.integer_or(key, fallback, 1, max));
  return static_cast<int>(value);
}

inline Status expect_positive(const gguf::File& file, std::string_view key, float value) {
  if (!(value > 0.0f)) return file.error(Code::malformed, "must be positive", key);
  return ok();
}

}  // namespace shrike::keys
