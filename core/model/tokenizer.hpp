#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gguf/reader.hpp"
#include "core/limits.hpp"
#include "core/model/pre_tokenizer.hpp"
#include "platform/result.hpp"

namespace shrike {

using TokenId = std::int32_t;

// Special tokens (control and unknown) are found in text only where `parse` says so, and never in the bytes
// that are `Verbatim`: a user's question can never spell one. User-defined tokens are cut out of any text.
enum class Special : std::uint8_t { as_text, parse };
struct Verbatim {
  std::size_t begin = 0, end = 0;  // of the text
};

// Text to token ids and back, in the way that tokenizer.ggml.model names:
//
//   gpt2    byte-level BPE: words by a pre-tokenizer (pre_tokenizer.cpp); in each, of all adjacent pairs that
//           the merges list, the one of lowest rank is joined first
//   llama   SentencePiece ("SPM"): blanks are U+2581; of all adjacent pairs whose joined text is a token, the
//           one of the highest score is joined first; a character that is no token gives its bytes' tokens
//
// Tables live in memory of the caller's (an arena section), token texts stay in the mapped file; encoding and
// decoding allocate nothing, and cost n log n.
//
// Threads  one caller at a time: encode() works in scratch of the tokenizer's own
// Errors   malformed, unsupported (another tokenizer model or pre-tokenizer), all at build
// Source   GPT-2's BPE; SentencePiece arXiv 1808.06226 with BPE scores; metadata keys tokenizer.ggml.*
class Tokenizer {
 public:
  // Longest word that pairs are sought in; text with a longer one (no space, no digit) does not fit.
  static constexpr int kWordBytesMax = 4096;

  // Bytes that build() needs for this file's vocabulary, 64-byte alignment assumed.
  [[nodiscard]] static Result<std::size_t> bytes_needed(const gguf::File& file);
  [[nodiscard]] static Result<Tokenizer> build(const gguf::File& file, std::span<std::byte> memory);

  Tokenizer() = default;

  // Writes the ids of `text` to `out`; returns how many, or -1 when they do not fit (out is then
  // unspecified).
  [[nodiscard]] int encode(std::string_view text, Special special, std::span<TokenId> out,
                           Verbatim verbatim = {}) const noexcept;

  // Writes the bytes of one token to `out` and returns how many; control tokens give none. A character may be
  // cut across tokens: what comes back is bytes, whole only when joined. out of limits::kTokenBytesMax always
  // suffices. A text that encode() put a blank in front of (add_space_prefix) comes back with it.
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
  enum class Kind : std::uint8_t { byte_pairs, pieces };
  enum Type : std::uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
  };
  struct TokenText {
    std::uint32_t offset, size;  // into texts_
  };
  struct Merge {
    TokenId left, right, joined;  // in order of rank
  };
  struct Symbol {
    TokenId token;                // -1: the text is no token
    std::int16_t previous, next;  // of the word; kNone at its ends
  };
  struct Candidate {  // a pair that could be joined: the symbol at `left` and the next one
    std::uint32_t rank;
    std::int32_t left;
  };
  struct Pair {
    std::uint32_t rank = 0;
    TokenId joined = -1;  // -1: cannot be joined
  };
  struct Sizes;
  struct Tables;  // lays the views below out over one piece of memory
  class Output;
  static constexpr std::int16_t kNone = -1, kDead = -2;

  // Neither spelled by text nor shown as text.
  static bool is_hidden(std::int32_t type) noexcept { return type == kUnknown || type == kControl; }
  static bool is_special(std::int32_t type) noexcept { return is_hidden(type) || type == kUserDefined; }

  static Result<Sizes> read_sizes(const gguf::File& file);
  Status fill_tokens(const gguf::File& file, const Sizes& sizes);
  Status fill_merges(const gguf::File& file, const Sizes& sizes);
  Status fill_scores(const gguf::File& file, const Sizes& sizes);
  Status fill_ids(const gguf::File& file);

  std::size_t special_at(std::string_view text, std::size_t at, Special special, Verbatim verbatim,
                         TokenId& token) const noexcept;
  void encode_stretch(std::string_view text, Output& out) const noexcept;
  void encode_byte_word(std::string_view word, Output& out) const noexcept;
  void encode_piece_word(std::string_view word, bool blank, Output& out) const noexcept;
  void join(int n) const noexcept;
  Pair pair_at(int left, int n) const noexcept;
  std::int64_t rank_of(TokenId left, TokenId right) const noexcept;
  TokenId piece(std::string_view text) const noexcept;
  TokenId find_hashed(std::uint32_t hash, std::string_view text, const std::uint32_t* table,
                      std::uint32_t mask) const noexcept;

  int n_vocab_ = 0;
  int n_merges_ = 0;
  std::uint32_t vocab_mask_ = 0;
  std::uint32_t merge_mask_ = 0;
  std::uint32_t special_mask_ = 0;
  const char* texts_ = nullptr;            // the file's bytes of tokenizer.ggml.tokens
  TokenText* token_text_ = nullptr;        // [n_vocab]
  std::uint8_t* token_type_ = nullptr;     // [n_vocab]
  std::uint32_t* vocab_hash_ = nullptr;    // [vocab_mask + 1], token + 1; 0: empty
  std::uint32_t* special_hash_ = nullptr;  // [special_mask + 1], likewise
  Merge* merges_ = nullptr;                // [n_merges]
  std::uint32_t* merge_hash_ = nullptr;    // [merge_mask + 1], rank + 1; 0: empty
  std::uint32_t* score_rank_ = nullptr;    // [n_vocab] of pieces: the higher the score, the lower
  Symbol* symbols_ = nullptr;              // [kWordBytesMax], at the first byte of each
  Candidate* candidates_ = nullptr;        // [3 * kWordBytesMax]
  char* word_ = nullptr;                   // [kWordBytesMax], as the vocabulary spells it
  TokenId byte_token_[256] = {};           // -1 where the vocabulary lacks that byte
  std::size_t token_bytes_max_ = 0;
  std::size_t special_bytes_max_ = 0;
  std::bitset<limits::kTokenBytesMax + 1> special_sizes_;
  std::bitset<256> special_begins_, user_defined_begins_;  // first bytes
  TokenId ends_[16] = {};
  int n_ends_ = 0;
  Kind kind_ = Kind::byte_pairs;
  NextWord next_word_ = nullptr;
  bool whole_words_ = false;   // as in PreTokenizer
  bool space_prefix_ = false;  // of pieces: a stretch of text begins with a blank
  bool words_apart_ = false;   // of pieces: no token has a blank behind something else
  TokenId bos_ = -1;
  TokenId eos_ = -1;
  bool add_bos_ = false;
};

}  // namespace shrike
