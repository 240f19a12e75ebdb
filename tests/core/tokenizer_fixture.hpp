#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.hpp"
#include "core/model/tokenizer.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/verdict.hpp"
#include "tests/support/vocabulary.hpp"

namespace shrike::test {

// Memory of exactly so many bytes, on 64, so that a sanitizer sees the first byte beyond.
using TokenizerMemory = std::unique_ptr<std::byte, decltype(&std::free)>;
inline TokenizerMemory tokenizer_memory(std::size_t n) {  // n: a multiple of 64
  return {static_cast<std::byte*>(std::aligned_alloc(64, n)), &std::free};
}

// A tokenizer with all it looks into. Where the file is refused, `why` says so and the rest is empty.
struct BuiltTokenizer {
  explicit BuiltTokenizer(std::vector<std::byte> file_bytes)
      : bytes(std::move(file_bytes)), file(gguf::File::parse(bytes, "file").value()) {
    const Result<std::size_t> n = Tokenizer::bytes_needed(file);
    why = verdict(n);
    if (!n) return;
    n_bytes = *n;
    memory = tokenizer_memory(n_bytes);
    Result<Tokenizer> built = Tokenizer::build(file, {memory.get(), n_bytes});
    why = verdict(built);
    if (built) tokenizer = *built;
  }
  explicit BuiltTokenizer(const GgufWriter& w) : BuiltTokenizer(w.bytes()) {}
  explicit BuiltTokenizer(const Vocabulary& v) : BuiltTokenizer(file_of(v)) {}
  BuiltTokenizer(const BuiltTokenizer&) = delete;

  std::vector<TokenId> encode(std::string_view text, Special special = Special::as_text) const {
    std::vector<TokenId> out(text.size() + 1);  // a byte is at most one token, and a blank may come first
    const int n = tokenizer.encode(text, special, out);
    EXPECT_GE(n, 0) << text.size();
    out.resize(static_cast<std::size_t>(std::max(n, 0)));
    return out;
  }
  std::string decode(const std::vector<TokenId>& tokens) const {
    std::string text;
    char piece[limits::kTokenBytesMax];
    for (const TokenId token : tokens)
      text.append(piece, static_cast<std::size_t>(tokenizer.decode(token, piece)));
    return text;
  }

  static GgufWriter file_of(const Vocabulary& v) {
    GgufWriter w;
    v.write(w);
    return w;
  }

  std::vector<std::byte> bytes;
  gguf::File file;
  std::string why;
  std::size_t n_bytes = 0;
  TokenizerMemory memory = {nullptr, &std::free};
  Tokenizer tokenizer;
};

// Byte pairs as the books describe them: look at all pairs, join the best one, leftmost first, look again.
class ObviousBpe {
 public:
  explicit ObviousBpe(const BuiltTokenizer& built) : built_(built) {
    next_word_ = pre_tokenizer(built.file.string("tokenizer.ggml.pre").value())->next_word;
    gguf::StringArray merges(*built.file.find("tokenizer.ggml.merges"));
    std::string_view merge;
    for (int rank = 0; merges.next(merge); ++rank) {
      const std::size_t space = merge.find(' ', 1);
      ranks_.try_emplace({std::string(merge.substr(0, space)), std::string(merge.substr(space + 1))}, rank);
    }
  }

  std::vector<TokenId> encode(std::string_view text) const {
    std::vector<TokenId> out;
    while (!text.empty()) {
      const std::size_t n = next_word_(text);
      for (const std::string& symbol : join(text.substr(0, n))) out.push_back(built_.tokenizer.find(symbol));
      text.remove_prefix(n);
    }
    return out;
  }

 private:
  std::vector<std::string> join(std::string_view word) const {
    std::vector<std::string> symbols;
    for (const char c : word) symbols.push_back(spelled_byte(static_cast<unsigned char>(c)));
    while (true) {
      int best_rank = -1;
      std::size_t best = 0;
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        const auto at = ranks_.find({symbols[i], symbols[i + 1]});
        if (at == ranks_.end() || (best_rank >= 0 && at->second >= best_rank)) continue;
        best_rank = at->second;
        best = i;
      }
      if (best_rank < 0) return symbols;
      symbols[best] += symbols[best + 1];
      symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
  }

  const BuiltTokenizer& built_;
  NextWord next_word_ = nullptr;
  std::map<std::pair<std::string, std::string>, int> ranks_;
};

// Text as nobody writes it: words, blanks, digits, many scripts and bytes that are no text at all.
inline std::string random_text(Numbers& numbers, int n_pieces) {
  constexpr const char* kPieces[] = {"the",    "camera",     " ",      "  ",     "\n",   "\t\r\n",  "'s",
                                     "'LL",    "'",          "7",      "2024",   "...",  "<|",      "|>",
                                     "red",    "triangle",   "ing",    "e",      "ü",    "\u00BD",  "中文",
                                     "\u3000", "\U0001F680", "\u0301", "\u2028", "\xFF", "\xE2\x82"};
  std::string text;
  for (int n = 0; n < n_pieces; ++n) {
    const int piece = numbers.below(static_cast<int>(std::size(kPieces)) + 4);
    if (piece < static_cast<int>(std::size(kPieces)))
      text += kPieces[piece];
    else
      text += static_cast<char>(numbers.byte());
  }
  return text;
}

}  // namespace shrike::test
