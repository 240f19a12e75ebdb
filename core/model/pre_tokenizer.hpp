#pragma once

#include <cstddef>
#include <string_view>

namespace shrike {

// How a pre-tokenizer cuts text into words that byte pairs never cross: the number of bytes of the word at
// the front of `text`, which is not empty; `text` ends where the piece ends.
using NextWord = std::size_t (*)(std::string_view text) noexcept;

// By the name in tokenizer.ggml.pre; null where it is not known here. A new one is a function and a row in
// the .cpp.
[[nodiscard]] NextWord pre_tokenizer(std::string_view name) noexcept;
}  // namespace shrike
