#include "core/model/tokenizer.hpp"

#include <algorithm>
#include <cstring>

#include "core/model/byte_spelling.hpp"
#include "core/model/token_hash.hpp"
#include "core/model/unicode.hpp"

namespace shrike {

std::string_view Tokenizer::text(TokenId token) const noexcept {
  if (token < 0 || token >= n_vocab_) return {};
  return {texts_ + token_text_[token].offset, token_text_[token].size};
}

TokenId Tokenizer::find_hashed(std::uint32_t hash, std::string_view wanted, const std::uint32_t* table,
                               std::uint32_t mask) const noexcept {
  for (std::uint32_t slot = hash & mask; table[slot] != 0; slot = (slot + 1) & mask) {
    const TokenId token = static_cast<TokenId>(table[slot] - 1);
    if (text(token) == wanted) return token;
  }
  return -1;
}

TokenId Tokenizer::find(std::string_view wanted) const noexcept {
  return find_hashed(hash_text(wanted), wanted, vocab_hash_, vocab_mask_);
}

bool Tokenizer::ends_generation(TokenId token) const noexcept {
  return std::find(ends_, ends_ + n_ends_, token) != ends_ + n_ends_;
}

int Tokenizer::decode(TokenId token, std::span<char> out) const noexcept {
  if (token < 0 || token >= n_vocab_ || is_hidden(token_type_[token])) return 0;
  const bool literal = token_type_[token] == kUserDefined;
  std::string_view rest = text(token);
  if (token_type_[token] == kByte && kind_ == Kind::pieces) {
    const TokenId* byte = std::find(byte_token_, byte_token_ + 256, token);
    if (byte == byte_token_ + 256 || out.empty()) return 0;
    out[0] = static_cast<char>(byte - byte_token_);
    return 1;
  }
  // The byte that a character of the vocabulary's spelling stands for, -1: itself.
  const auto byte_of = [&](std::uint32_t c) -> int {
    if (literal) return -1;
    if (kind_ == Kind::pieces) return c == 0x2581 ? ' ' : -1;
    return c < kSpellingsEnd ? kByteSpelling.byte_of[c] : -1;
  };
  std::size_t n = 0;
  while (!rest.empty()) {
    const unicode::Char c = unicode::front(rest);
    const int byte = byte_of(c.code_point);
    const std::size_t n_bytes = byte >= 0 ? 1 : static_cast<std::size_t>(c.n_bytes);
    if (n + n_bytes > out.size()) break;
    if (byte >= 0)
      out[n] = static_cast<char>(byte);
    else
      std::memcpy(out.data() + n, rest.data(), n_bytes);
    n += n_bytes;
    rest.remove_prefix(static_cast<std::size_t>(c.n_bytes));
  }
  return static_cast<int>(n);
}

}  // namespace shrike
