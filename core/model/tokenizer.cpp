#include "core/model/tokenizer.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/limits.hpp"
#include "core/model/unicode.hpp"
#include "platform/check.hpp"
#include "platform/numeric.hpp"

namespace shrike {
namespace {

enum TokenType : std::uint8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

// Bytes are spelled as printable characters: 33-126, 161-172 and 174-255 as themselves, the other 68, in
// order, as U+0100 and up. Each is one or two bytes of UTF-8.
struct ByteSpelling {
  char text[2];
  int size;
};
bool is_printable(int byte) noexcept {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}
int code_point_of(int byte) noexcept {
  if (is_printable(byte)) return byte;
  int rank = 0;
  for (int b = 0; b < byte; ++b) rank += is_printable(b) ? 0 : 1;
  return 256 + rank;
}
ByteSpelling spelling_of(int byte) noexcept {
  const int c = code_point_of(byte);
  if (c < 0x80) return {{static_cast<char>(c), 0}, 1};
  return {{static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))}, 2};
}
// The byte that a character stands for, or -1. Built once, at start.
struct ByteOfCodePoint {
  std::int16_t byte[324];
  ByteOfCodePoint() noexcept {
    std::fill(std::begin(byte), std::end(byte), std::int16_t{-1});
    for (int b = 0; b < 256; ++b) byte[code_point_of(b)] = static_cast<std::int16_t>(b);
  }
};
const ByteOfCodePoint byte_of_code_point;

std::uint32_t mix(std::uint64_t h) noexcept {
  h ^= h >> 32;
  h *= 0x9E3779B97F4A7C15u;
  return static_cast<std::uint32_t>(h >> 32);
}
std::uint32_t hash_text(std::string_view text) noexcept {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return mix(h);
}
std::uint32_t hash_pair(TokenId left, TokenId right) noexcept {
  return mix(static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
             static_cast<std::uint32_t>(right));
}

struct Sizes {
  std::uint64_t n_vocab = 0, n_merges = 0, n_specials = 0;
  const gguf::Value* tokens = nullptr;
  const gguf::Value* types = nullptr;
  const gguf::Value* merges = nullptr;
};

std::int32_t type_at(const gguf::Value* types, std::uint64_t i) noexcept {
  std::int32_t type = kNormal;
  if (types != nullptr) std::memcpy(&type, types->bytes.data() + i * sizeof(type), sizeof(type));
  return type;
}
// Neither spelled by text nor shown as text.
bool is_hidden(std::int32_t type) noexcept { return type == kUnknown || type == kControl; }
bool is_special(std::int32_t type) noexcept { return is_hidden(type) || type == kUserDefined; }

Result<Sizes> read_sizes(const gguf::File& file) {
  using gguf::ValueType;
  Sizes sizes;
  SHRIKE_TRY(const std::string_view model, file.string("tokenizer.ggml.model"));
  if (model != "gpt2")
    return file.error(Code::unsupported, "tokenizer is not byte-level BPE (gpt2)", model.substr(0, 40));
  SHRIKE_TRY(sizes.tokens, file.array("tokenizer.ggml.tokens", ValueType::string, 1, limits::kVocabMax));
  SHRIKE_TRY(sizes.merges, file.array("tokenizer.ggml.merges", ValueType::string, 0, limits::kMergesMax));
  sizes.n_vocab = sizes.tokens->count;
  sizes.n_merges = sizes.merges->count;
  if (sizes.tokens->bytes.size() > std::size_t{0xFFFFFFFF})
    return file.error(Code::malformed, "vocabulary is larger than 4 GiB", "tokenizer.ggml.tokens");
  if (file.find("tokenizer.ggml.token_type") != nullptr) {
    SHRIKE_TRY(sizes.types,
               file.array("tokenizer.ggml.token_type", ValueType::i32, sizes.n_vocab, sizes.n_vocab));
    for (std::uint64_t i = 0; i < sizes.n_vocab; ++i)
      sizes.n_specials += is_special(type_at(sizes.types, i)) ? 1 : 0;
  }
  if (sizes.n_specials > static_cast<std::uint64_t>(limits::kSpecialTokensMax))
    return file.error(Code::malformed, "too many special tokens", "tokenizer.ggml.token_type",
                      static_cast<std::int64_t>(sizes.n_specials), limits::kSpecialTokensMax);
  return sizes;
}

}  // namespace

// Places every table behind the other, each on 64 bytes; with no memory it only counts.
struct Tokenizer::Tables {
  static std::size_t place(Tokenizer& t, const Sizes& sizes, std::byte* memory) noexcept {
    std::size_t at = 0;
    const auto table = [&](auto*& view, std::size_t n) {
      using T = std::remove_reference_t<decltype(*view)>;
      if (memory != nullptr) view = reinterpret_cast<T*>(memory + at);
      at = align_up(at + n * sizeof(T), std::size_t{64});
    };
    t.n_vocab_ = static_cast<int>(sizes.n_vocab);
    t.n_merges_ = static_cast<int>(sizes.n_merges);
    t.n_specials_ = static_cast<int>(sizes.n_specials);
    t.vocab_mask_ = static_cast<std::uint32_t>(std::bit_ceil(2 * sizes.n_vocab) - 1);
    t.merge_mask_ = static_cast<std::uint32_t>(std::bit_ceil(2 * sizes.n_merges + 2) - 1);
    table(t.token_text_, sizes.n_vocab);
    table(t.token_type_, sizes.n_vocab);
    table(t.vocab_hash_, std::size_t{t.vocab_mask_} + 1);
    table(t.merges_, sizes.n_merges);
    table(t.merge_hash_, std::size_t{t.merge_mask_} + 1);
    table(t.specials_, sizes.n_specials);
    table(t.symbols_, kWordBytesMax);
    table(t.candidates_, 3 * kWordBytesMax);
    return at;
  }
};

Result<std::size_t> Tokenizer::bytes_needed(const gguf::File& file) {
  SHRIKE_TRY(const Sizes sizes, read_sizes(file));
  Tokenizer tokenizer;
  return Tables::place(tokenizer, sizes, nullptr);
}

Result<Tokenizer> Tokenizer::build(const gguf::File& file, std::span<std::byte> memory) {
  SHRIKE_TRY(const Sizes sizes, read_sizes(file));
  Tokenizer t;
  const std::size_t n_bytes = Tables::place(t, sizes, memory.data());
  SHRIKE_CHECK(n_bytes <= memory.size(), static_cast<std::int64_t>(n_bytes),
               static_cast<std::int64_t>(memory.size()));
  SHRIKE_TRY_VOID(t.fill(file));
  return t;
}

Status Tokenizer::fill(const gguf::File& file) {
  SHRIKE_TRY(const Sizes sizes, read_sizes(file));
  SHRIKE_TRY(const std::string_view pre, file.string_or("tokenizer.ggml.pre", "gpt-2"));
  next_word_ = pre_tokenizer(pre);
  if (next_word_ == nullptr)
    return file.error(Code::unsupported, "pre-tokenizer is not known here; there are smollm and gpt-2",
                      pre.substr(0, 40));

  texts_ = reinterpret_cast<const char*>(sizes.tokens->bytes.data());
  std::fill(vocab_hash_, vocab_hash_ + vocab_mask_ + 1, 0u);
  std::fill(merge_hash_, merge_hash_ + merge_mask_ + 1, 0u);
  gguf::StringArray tokens(*sizes.tokens);
  std::string_view text;
  int n_specials = 0;
  for (int token = 0; tokens.next(text); ++token) {
    if (text.size() > limits::kTokenBytesMax)
      return file.error(Code::malformed, "token is too long", "tokenizer.ggml.tokens",
                        static_cast<std::int64_t>(text.size()),
                        static_cast<std::int64_t>(limits::kTokenBytesMax));
    token_text_[token] = {static_cast<std::uint32_t>(text.data() - texts_),
                          static_cast<std::uint32_t>(text.size())};
    const std::int32_t type = type_at(sizes.types, static_cast<std::uint64_t>(token));
    token_type_[token] = static_cast<std::uint8_t>(type >= kNormal && type <= 6 ? type : kNormal);
    if (is_special(type)) specials_[n_specials++] = token;
    if (find(text) >= 0) continue;  // the first of equal texts counts
    std::uint32_t slot = hash_text(text) & vocab_mask_;
    while (vocab_hash_[slot] != 0) slot = (slot + 1) & vocab_mask_;
    vocab_hash_[slot] = static_cast<std::uint32_t>(token) + 1;
  }
  std::stable_sort(specials_, specials_ + n_specials,
                   [&](TokenId a, TokenId b) { return token_text_[a].size > token_text_[b].size; });
  for (int byte = 0; byte < 256; ++byte) {
    const ByteSpelling spelling = spelling_of(byte);
    const TokenId token = find({spelling.text, static_cast<std::size_t>(spelling.size)});
    byte_token_[byte] = token >= 0 && is_hidden(token_type_[token]) ? -1 : token;
  }

  gguf::StringArray merges(*sizes.merges);
  char joined[2 * limits::kTokenBytesMax];
  for (int rank = 0; merges.next(text); ++rank) {
    const std::size_t space = text.find(' ', 1);
    if (space == std::string_view::npos || text.size() > 2 * limits::kTokenBytesMax)
      return file.error(Code::malformed, "merge is not two tokens with a space between",
                        "tokenizer.ggml.merges", rank, n_merges_);
    const std::string_view left = text.substr(0, space), right = text.substr(space + 1);
    std::copy(right.begin(), right.end(), std::copy(left.begin(), left.end(), joined));
    const Merge merge{find(left), find(right), find({joined, left.size() + right.size()})};
    merges_[rank] = merge;
    if (merge.left < 0 || merge.right < 0 || merge.joined < 0) continue;  // can never happen to text
    if (is_hidden(token_type_[merge.joined])) continue;                   // must never happen to text
    if (rank_of(merge.left, merge.right) >= 0) continue;                  // the better rank counts
    std::uint32_t slot = hash_pair(merge.left, merge.right) & merge_mask_;
    while (merge_hash_[slot] != 0) slot = (slot + 1) & merge_mask_;
    merge_hash_[slot] = static_cast<std::uint32_t>(rank) + 1;
  }

  const auto id_of = [&](std::string_view key, TokenId fallback) -> Result<TokenId> {
    SHRIKE_TRY(const std::int64_t id,
               file.integer_or(key, fallback < n_vocab_ ? fallback : -1, -1, n_vocab_ - 1));
    return static_cast<TokenId>(id);
  };
  SHRIKE_TRY(bos_, id_of("tokenizer.ggml.bos_token_id", 11));
  SHRIKE_TRY(eos_, id_of("tokenizer.ggml.eos_token_id", 11));
  SHRIKE_TRY(const TokenId eot, id_of("tokenizer.ggml.eot_token_id", -1));
  SHRIKE_TRY(const TokenId eom, id_of("tokenizer.ggml.eom_token_id", -1));
  SHRIKE_TRY(add_bos_, file.boolean_or("tokenizer.ggml.add_bos_token", false));
  const auto add_end = [&](TokenId token) {
    if (token >= 0 && !ends_generation(token) && n_ends_ < 16) ends_[n_ends_++] = token;
  };
  for (const TokenId token : {eos_, eot, eom}) add_end(token);
  for (const std::string_view end :
       {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>",
        "<|end_of_text|>", "<end_of_utterance>", "<eos>", "</s>"})
    add_end(find(end));
  return ok();
}

// --- encoding ----------------------------------------------------------------------------------------------

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

int Tokenizer::encode(std::string_view text, Special special, std::span<TokenId> out) const noexcept {
  Output output(out);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && !output.failed();) {
    TokenId token = -1;
    const std::size_t n = special_at(text.substr(at), special, token);
    if (n == 0) {
      ++at;
      continue;
    }
    encode_raw(text.substr(begin, at - begin), output);
    output.put(token);
    begin = at += n;
  }
  encode_raw(text.substr(begin), output);
  return output.n();
}

// The longest special token that `text` begins with, and its size; 0: none. User-defined ones are cut out of
// any text.
std::size_t Tokenizer::special_at(std::string_view rest, Special special, TokenId& token) const noexcept {
  for (int i = 0; i < n_specials_; ++i) {
    const TokenId candidate = specials_[i];
    if (special == Special::as_text && token_type_[candidate] != kUserDefined) continue;
    const std::string_view spelled = text(candidate);
    if (!spelled.empty() && rest.starts_with(spelled)) {
      token = candidate;
      return spelled.size();
    }
  }
  return 0;
}

void Tokenizer::encode_raw(std::string_view rest, Output& out) const noexcept {
  while (!rest.empty() && !out.failed()) {
    const std::size_t n = next_word_(rest);
    encode_word(rest.substr(0, n), out);
    rest.remove_prefix(n);
  }
}

// Starts from bytes and joins the pair of lowest rank, leftmost first, until none is listed. Candidates wait
// in a heap; one whose pair has changed since is passed over, so the whole costs n log n.
void Tokenizer::encode_word(std::string_view word, Output& out) const noexcept {
  if (word.size() > static_cast<std::size_t>(kWordBytesMax)) return out.fail();
  const int n = static_cast<int>(word.size());
  for (int i = 0; i < n; ++i)
    symbols_[i] = {byte_token_[static_cast<unsigned char>(word[static_cast<std::size_t>(i)])],
                   static_cast<std::int16_t>(i - 1), static_cast<std::int16_t>(i + 1 < n ? i + 1 : -1)};
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  int n_candidates = 0;
  const auto push = [&](int left) {
    if (left >= 0 && push_candidate(left, n_candidates))
      std::push_heap(candidates_, candidates_ + n_candidates, later);
  };
  for (int i = 0; i + 1 < n; ++i) push(i);
  while (n_candidates > 0) {
    std::pop_heap(candidates_, candidates_ + n_candidates, later);
    const Candidate best = candidates_[--n_candidates];
    Symbol& left = symbols_[best.left];
    if (left.token < 0 || left.next < 0 || rank_of(left.token, symbols_[left.next].token) != best.rank)
      continue;
    Symbol& right = symbols_[left.next];
    left.token = merges_[best.rank].joined;
    left.next = right.next;
    right.token = -1;  // dead: no candidate that names it is true any more
    right.next = -1;
    if (left.next >= 0) symbols_[left.next].previous = static_cast<std::int16_t>(best.left);
    push(left.previous);
    push(best.left);
  }
  for (int i = 0; i >= 0 && i < n; i = symbols_[i].next) out.put(symbols_[i].token);
}

bool Tokenizer::push_candidate(int left, int& n_candidates) const noexcept {
  const Symbol& symbol = symbols_[left];
  if (symbol.next < 0) return false;
  const std::int64_t rank = rank_of(symbol.token, symbols_[symbol.next].token);
  if (rank < 0) return false;
  SHRIKE_CHECK(n_candidates < 3 * kWordBytesMax, n_candidates, 3 * kWordBytesMax);
  candidates_[n_candidates++] = {static_cast<std::uint32_t>(rank), left};
  return true;
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

// --- decoding and looking up -------------------------------------------------------------------------------

std::string_view Tokenizer::text(TokenId token) const noexcept {
  if (token < 0 || token >= n_vocab_) return {};
  return {texts_ + token_text_[token].offset, token_text_[token].size};
}

int Tokenizer::decode(TokenId token, std::span<char> out) const noexcept {
  if (token < 0 || token >= n_vocab_ || is_hidden(token_type_[token])) return 0;
  const bool literal = token_type_[token] == kUserDefined;
  std::string_view rest = text(token);
  std::size_t n = 0;
  while (!rest.empty()) {
    const unicode::Char c = unicode::front(rest);
    const int byte = !literal && c.code_point < std::size(byte_of_code_point.byte)
                         ? byte_of_code_point.byte[c.code_point]
                         : -1;
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

TokenId Tokenizer::find(std::string_view wanted) const noexcept {
  for (std::uint32_t slot = hash_text(wanted) & vocab_mask_; vocab_hash_[slot] != 0;
       slot = (slot + 1) & vocab_mask_) {
    const TokenId token = static_cast<TokenId>(vocab_hash_[slot] - 1);
    if (text(token) == wanted) return token;
  }
  return -1;
}

bool Tokenizer::ends_generation(TokenId token) const noexcept {
  return std::find(ends_, ends_ + n_ends_, token) != ends_ + n_ends_;
}

}  // namespace shrike
