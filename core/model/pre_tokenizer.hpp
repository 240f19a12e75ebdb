#pragma once

#include <cstddef>
#include <string_view>

namespace shrike {

// How a pre-tokenizer cuts text into words that byte pairs never cross: the number of bytes of the word at
// the front of `text`, which is not empty; `text` ends where the piece ends. Looks no further than the word
// and the spaces behind it, so that cutting a text costs what the text is long.
using NextWord = std::size_t (*)(std::string_view text) noexcept;

struct PreTokenizer {
  NextWord next_word = nullptr;
  bool whole_words = false;  // a word that is a token is that token, whatever the merges say
  bool add_bos = false;      // what a file means that does not say
};

// By the name in tokenizer.ggml.pre, aliases included; null where it is not known here. A new one is a
// function and a row in the .cpp.
[[nodiscard]] const PreTokenizer* pre_tokenizer(std::string_view name) noexcept;

}  // namespace shrike
