// Text to tokens: special tokens are cut out, the rest becomes words, and words are joined from their
// smallest parts.
#include <algorithm>
#include <cstring>

#include "core/model/byte_spelling.hpp"
#include "core/model/token_hash.hpp"
#include "core/model/tokenizer.hpp"
#include "core/model/unicode.hpp"
#include "platform/check.hpp"

namespace shrike {
namespace {

constexpr std::string_view kBlank = "\u2581";  // what SentencePiece writes for a space

// The blank at the front of `text`, plain or written, in bytes; 0: none.
std::size_t blank_at(std::string_view text) noexcept {
  return text.starts_with(' ') ? 1 : text.starts_with(kBlank) ? kBlank.size() : 0;
}

// SentencePiece knows no words, but where no token has a blank behind something else nothing is ever joined
// across the place where a blank begins: a run of blanks with what follows it can be joined by itself.
std::size_t blank_word(std::string_view text) noexcept {
  std::size_t at = 0;
  while (const std::size_t n = blank_at(text.substr(at))) at += n;
  while (at < text.size() && blank_at(text.substr(at)) == 0) ++at;
  return at;
}

}  // namespace

class Tokenizer::Output {
 public:
  explicit Output(std::span<TokenId> out) : out_(out) {}
  void put(TokenId token) noexcept {
    if (n_ < 0 || token < 0) return;
    if (static_cast<std::size_t>(n_) == out_.size()) return fail();
    out_[static_cast<std::size_t>(n_++)] = token;
  }
  void fail() noexcept { n_ = -1; }
  bool failed() const noexcept { return n_ < 0; }
  int n() const noexcept { return n_; }

 private:
  std::span<TokenId> out_;
  int n_ = 0;
};

int Tokenizer::encode(std::string_view text, Special special, std::span<TokenId> out,
                      Verbatim verbatim) const noexcept {
  Output output(out);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && !output.failed();) {
    TokenId token = -1;
    const std::size_t n = special_at(text, at, special, verbatim, token);
    if (n == 0) {
      ++at;
      continue;
    }
    encode_stretch(text.substr(begin, at - begin), output);
    output.put(token);
    begin = at += n;
  }
  encode_stretch(text.substr(begin), output);
  return output.n();
}

// The longest special token that may be cut out at `at`, and its size; 0: none.
std::size_t Tokenizer::special_at(std::string_view text, std::size_t at, Special special, Verbatim verbatim,
                                  TokenId& token) const noexcept {
  const auto& begins = special == Special::parse ? special_begins_ : user_defined_begins_;
  if (!begins[static_cast<unsigned char>(text[at])]) return 0;
  const std::string_view rest = text.substr(at);
  std::size_t longest = 0;
  std::uint64_t hash = kHashBegin;
  for (std::size_t n = 1; n <= std::min(rest.size(), special_bytes_max_); ++n) {
    hash = hash_step(hash, rest[n - 1]);
    if (!special_sizes_[n]) continue;
    const TokenId candidate = find_hashed(hash_end(hash), rest.substr(0, n), special_hash_, special_mask_);
    if (candidate < 0) continue;
    const bool apart = at + n <= verbatim.begin || at >= verbatim.end;
    if (token_type_[candidate] != kUserDefined && (special == Special::as_text || !apart)) continue;
    longest = n;
    token = candidate;
  }
  return longest;
}

// What lies between special tokens.
void Tokenizer::encode_stretch(std::string_view rest, Output& out) const noexcept {
  bool blank = space_prefix_;
  while (!rest.empty() && !out.failed()) {
    const std::size_t n = next_word_ != nullptr ? next_word_(rest)
                          : words_apart_        ? blank_word(rest)
                                                : rest.size();
    if (kind_ == Kind::byte_pairs)
      encode_byte_word(rest.substr(0, n), out);
    else
      encode_piece_word(rest.substr(0, n), blank, out);
    blank = false;
    rest.remove_prefix(n);
  }
}

void Tokenizer::encode_byte_word(std::string_view word, Output& out) const noexcept {
  if (word.size() > static_cast<std::size_t>(kWordBytesMax)) return out.fail();
  if (whole_words_ && 2 * word.size() <= static_cast<std::size_t>(kWordBytesMax)) {
    char* to = word_;
    for (const char c : word) {
      const std::string_view spelled = kByteSpelling.of(static_cast<unsigned char>(c));
      to = std::copy(spelled.begin(), spelled.end(), to);
    }
    const TokenId token = find({word_, static_cast<std::size_t>(to - word_)});
    if (token >= 0 && !is_hidden(token_type_[token])) return out.put(token);
  }
  const int n = static_cast<int>(word.size());
  for (int i = 0; i < n; ++i)
    symbols_[i] = {byte_token_[static_cast<unsigned char>(word[static_cast<std::size_t>(i)])],
                   static_cast<std::int16_t>(i - 1), static_cast<std::int16_t>(i + 1 < n ? i + 1 : kNone)};
  join(n);
  for (int i = n > 0 ? 0 : kNone; i >= 0; i = symbols_[i].next) out.put(symbols_[i].token);
}

// blank: a space that is not in the text comes first.
void Tokenizer::encode_piece_word(std::string_view word, bool blank, Output& out) const noexcept {
  std::size_t n_bytes = 0;
  const auto write = [&](std::string_view bytes) {
    if (n_bytes + bytes.size() <= static_cast<std::size_t>(kWordBytesMax))
      std::copy(bytes.begin(), bytes.end(), word_ + n_bytes);
    n_bytes += bytes.size();
  };
  if (blank) write(kBlank);
  for (const char& c : word) write(c == ' ' ? kBlank : std::string_view(&c, 1));
  if (n_bytes > static_cast<std::size_t>(kWordBytesMax)) return out.fail();

  const int n = static_cast<int>(n_bytes);
  const std::string_view spelled(word_, n_bytes);
  for (int at = 0, previous = kNone; at < n;) {
    const std::string_view rest = spelled.substr(static_cast<std::size_t>(at));
    const int size = unicode::front(rest).n_bytes;
    symbols_[at] = {piece(rest.substr(0, static_cast<std::size_t>(size))),
                    static_cast<std::int16_t>(previous),
                    static_cast<std::int16_t>(at + size < n ? at + size : kNone)};
    previous = at;
    at += size;
  }
  join(n);
  for (int at = n > 0 ? 0 : kNone; at >= 0; at = symbols_[at].next) {
    if (symbols_[at].token >= 0) {
      out.put(symbols_[at].token);
      continue;
    }
    const int end = symbols_[at].next >= 0 ? symbols_[at].next : n;
    for (int i = at; i < end; ++i) out.put(byte_token_[static_cast<unsigned char>(word_[i])]);
  }
}

// Of all adjacent symbols the pair of lowest rank is joined, leftmost first, until none can be. Candidates
// wait in a heap; one whose pair has changed since is passed over, so the whole costs n log n.
void Tokenizer::join(int n) const noexcept {
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  int n_candidates = 0;
  const auto push = [&](int left) {
    const Pair pair = left >= 0 ? pair_at(left, n) : Pair{};
    if (pair.joined < 0) return;
    SHRIKE_CHECK(n_candidates < 3 * kWordBytesMax, n_candidates, 3 * kWordBytesMax);
    candidates_[n_candidates++] = {pair.rank, left};
    std::push_heap(candidates_, candidates_ + n_candidates, later);
  };
  for (int i = n > 0 ? 0 : kNone; i >= 0; i = symbols_[i].next) push(i);
  while (n_candidates > 0) {
    std::pop_heap(candidates_, candidates_ + n_candidates, later);
    const Candidate best = candidates_[--n_candidates];
    const Pair pair = pair_at(best.left, n);
    if (pair.joined < 0 || pair.rank != best.rank) continue;
    Symbol& left = symbols_[best.left];
    Symbol& right = symbols_[left.next];
    left.token = pair.joined;
    left.next = right.next;
    right.next = kDead;
    if (left.next >= 0) symbols_[left.next].previous = static_cast<std::int16_t>(best.left);
    push(left.previous);
    push(best.left);
  }
}

// What the symbol at `left` and the next one are joined to, in a word of n bytes.
Tokenizer::Pair Tokenizer::pair_at(int left, int n) const noexcept {
  const Symbol& symbol = symbols_[left];
  if (symbol.next < 0) return {};
  const Symbol& right = symbols_[symbol.next];
  if (kind_ == Kind::byte_pairs) {
    const std::int64_t rank = rank_of(symbol.token, right.token);
    if (rank < 0) return {};
    return {static_cast<std::uint32_t>(rank), merges_[rank].joined};
  }
  const int end = right.next >= 0 ? right.next : n;
  const TokenId joined = piece({word_ + left, static_cast<std::size_t>(end - left)});
  if (joined < 0) return {};
  return {score_rank_[joined], joined};
}

std::int64_t Tokenizer::rank_of(TokenId left, TokenId right) const noexcept {
  if (left < 0 || right < 0) return -1;
  for (std::uint32_t slot = hash_pair(left, right) & merge_mask_; merge_hash_[slot] != 0;
       slot = (slot + 1) & merge_mask_) {
    const std::uint32_t rank = merge_hash_[slot] - 1;
    if (merges_[rank].left == left && merges_[rank].right == right) return rank;
  }
  return -1;
}

// The token that text may be joined to, or -1: special ones and bytes are never spelled.
TokenId Tokenizer::piece(std::string_view text) const noexcept {
  if (text.size() > token_bytes_max_) return -1;
  const TokenId token = find(text);
  return token >= 0 && !is_hidden(token_type_[token]) && token_type_[token] != kByte ? token : -1;
}

}  // namespace shrike
