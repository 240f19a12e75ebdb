#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gguf/reader.hpp"
#include "platform/result.hpp"

namespace shrike {

using TokenId = std::int32_t;

// Text to token ids and back: byte-level BPE (tokenizer.ggml.model = "gpt2") with the pre-tokenizers
// "smollm" (every digit alone, then gpt-2), "gpt-2" and "default" read as gpt-2.
//
// Tables live in memory of the caller's (an arena section), token texts stay in the mapped file; encoding and decoding
// allocate nothing. Special tokens (control and user-defined) are found in text only where `special` says so: a
// user's question can never spell one.
//
// Errors   malformed, unsupported (another tokenizer model or pre-tokenizer), all at build
// Source   GPT-2 byte-level BPE; layout as gguf metadata keys tokenizer.ggml.*
enum class Special : std::uint8_t { as_text, parse };

class Tokenizer {
 public:
  // Bytes that build() needs for this file's vocabulary, 64-byte alignment assumed.
  [[nodiscard]] static Result<std::size_t> bytes_needed(const gguf::File& file);
  [[nodiscard]] static Result<Tokenizer> build(const gguf::File& file, std::span<std::byte> memory);

  Tokenizer() = default;

  // Writes the ids of `text` to `out`; returns how many, or -1 when they do not fit (out is then unspecified).
  [[nodiscard]] int encode(std::string_view text, Special special, std::span<TokenId> out) const noexcept;

  // Writes the bytes of one token to `out` and returns how many; control tokens give none. A character may be cut
  // across tokens: what comes back is bytes, whole only when joined. out of limits::kTokenBytesMax always suffices.
  [[nodiscard]] int decode(TokenId token, std::span<char> out) const noexcept;

  // The id whose vocabulary entry is exactly `text` ("<|im_start|>"), or -1.
  [[nodiscard]] TokenId find(std::string_view text) const noexcept;

  int n_vocab() const noexcept { return n_vocab_; }
  TokenId bos() const noexcept { return bos_; }          // -1 where the file names none
  TokenId eos() const noexcept { return eos_; }
  bool add_bos() const noexcept { return add_bos_; }
  bool ends_generation(TokenId token) const noexcept;    // eos, eot, eom and the tokens known by their text

 private:
  int n_vocab_ = 0;
  TokenId bos_ = -1;
  TokenId eos_ = -1;
  bool add_bos_ = false;
  // Whoever implements this adds the views of its tables here.
};

}  // namespace shrike
