#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gguf/reader.hpp"
#include "core/model/pre_tokenizer.hpp"
#include "platform/result.hpp"

namespace shrike {

using TokenId = std::int32_t;

// Text to token ids and back: byte-level BPE (tokenizer.ggml.model = "gpt2") with the pre-tokenizers of
// pre_tokenizer.cpp.
//
// Tables live in memory of the caller's (an arena section), token texts stay in the mapped file; encoding and
// decoding allocate nothing. Special tokens (control and unknown) are found in text only where `special` says
// so: a user's question can never spell one.
//
// Threads  one caller at a time: encode() works in scratch of the tokenizer's own
// Errors   malformed, unsupported (another tokenizer model or pre-tokenizer), all at build
// Source   byte-level BPE as in GPT-2; metadata keys tokenizer.ggml.*
enum class Special : std::uint8_t { as_text, parse };

class Tokenizer {
 public:
  // Longest word that byte pairs are sought in; text with a longer one (no space, no digit) does not fit.
  static constexpr int kWordBytesMax = 4096;

  // Bytes that build() needs for this file's vocabulary, 64-byte alignment assumed.
  [[nodiscard]] static Result<std::size_t> bytes_needed(const gguf::File& file);
  [[nodiscard]] static Result<Tokenizer> build(const gguf::File& file, std::span<std::byte> memory);

  Tokenizer() = default;

  // Writes the ids of `text` to `out`; returns how many, or -1 when they do not fit (out is then
  // unspecified).
  [[nodiscard]] int encode(std::string_view text, Special special, std::span<TokenId> out) const noexcept;

  // Writes the bytes of one token to `out` and returns how many; control tokens give none. A character may be
  // cut across tokens: what comes back is bytes, whole only when joined. out of limits::kTokenBytesMax always
  // suffices.
  [[nodiscard]] int decode(TokenId token, std::span<char> out) const noexcept;

  // The id whose vocabulary entry is exactly `text` ("<|im_start|>"), or -1.
  [[nodiscard]] TokenId find(std::string_view text) const noexcept;

  int n_vocab() const noexcept { return n_vocab_; }
  std::string_view text(TokenId token) const noexcept;  // as the vocabulary spells it
  TokenId bos() const noexcept { return bos_; }         // -1 where the file names none
  TokenId eos() const noexcept { return eos_; }
  bool add_bos() const noexcept { return add_bos_; }
  bool ends_generation(TokenId token) const noexcept;  // eos, eot, eom and the tokens known by their text

 private:
  struct TokenText {
    std::uint32_t offset, size;  // into texts_
  };
  struct Merge {
    TokenId left, right, joined;  // in order of rank
  };
  struct Symbol {
    TokenId token;
    std::int16_t previous, next;  // of the word; -1: none
  };
  struct Candidate {  // a pair that could be joined: the symbol at `left` and the next one
    std::uint32_t rank;
    std::int32_t left;
  };
  struct Tables;  // lays the views below out over one piece of memory
  class Output;

  Status fill(const gguf::File& file);
  void encode_raw(std::string_view text, Output& out) const noexcept;
  void encode_word(std::string_view word, Output& out) const noexcept;
  std::int64_t rank_of(TokenId left, TokenId right) const noexcept;
  bool push_candidate(int left, int& n_candidates) const noexcept;
  std::size_t special_at(std::string_view text, Special special, TokenId& token) const noexcept;

  int n_vocab_ = 0;
  int n_merges_ = 0;
  int n_specials_ = 0;
  std::uint32_t vocab_mask_ = 0;
  std::uint32_t merge_mask_ = 0;
  const char* texts_ = nullptr;          // the file's bytes of tokenizer.ggml.tokens
  TokenText* token_text_ = nullptr;      // [n_vocab]
  std::uint8_t* token_type_ = nullptr;   // [n_vocab]
  std::uint32_t* vocab_hash_ = nullptr;  // [vocab_mask + 1], token + 1; 0: empty
  Merge* merges_ = nullptr;              // [n_merges]
  std::uint32_t* merge_hash_ = nullptr;  // [merge_mask + 1], rank + 1; 0: empty
  TokenId* specials_ = nullptr;          // [n_specials], longest text first
  Symbol* symbols_ = nullptr;            // [kWordBytesMax]
  Candidate* candidates_ = nullptr;      // [3 * kWordBytesMax]
  TokenId byte_token_[256] = {};         // -1 where the vocabulary lacks that byte
  TokenId ends_[16] = {};
  int n_ends_ = 0;
  NextWord next_word_ = nullptr;
  TokenId bos_ = -1;
  TokenId eos_ = -1;
  bool add_bos_ = false;
};

}  // namespace shrike
