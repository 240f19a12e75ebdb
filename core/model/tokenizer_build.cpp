// From a file's keys to a tokenizer's tables. The file may be hostile: counts are compared with each other
// and with limits before anything is sized by them, and what can never happen to text is left out.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/model/byte_spelling.hpp"
#include "core/model/token_hash.hpp"
#include "core/model/tokenizer.hpp"
#include "platform/check.hpp"
#include "platform/numeric.hpp"

namespace shrike {

struct Tokenizer::Sizes {
  Kind kind = Kind::byte_pairs;
  std::uint64_t n_vocab = 0, n_merges = 0, n_specials = 0;
  const gguf::Value* tokens = nullptr;
  const gguf::Value* types = nullptr;
  const gguf::Value* merges = nullptr;  // of byte pairs
  const gguf::Value* scores = nullptr;  // of pieces
};

namespace {

std::int32_t type_at(const gguf::Value* types, std::uint64_t i) noexcept {
  std::int32_t type = 1;
  if (types != nullptr) std::memcpy(&type, types->bytes.data() + i * sizeof(type), sizeof(type));
  return type;
}

// Finds `text` in a table of tokens + 1, or writes `token` there. True: it is new.
template <class TextOf>
bool insert(std::uint32_t* table, std::uint32_t mask, std::string_view text, TokenId token,
            const TextOf& text_of) noexcept {
  std::uint32_t slot = hash_text(text) & mask;
  for (; table[slot] != 0; slot = (slot + 1) & mask)
    if (text_of(static_cast<TokenId>(table[slot] - 1)) == text) return false;
  table[slot] = static_cast<std::uint32_t>(token) + 1;
  return true;
}

// A key that sorts as scores do, the highest first.
std::uint32_t rank_of_score(float score) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 is 0
  return bits & 0x80000000u ? bits : 0x7FFFFFFFu - bits;
}

}  // namespace

Result<Tokenizer::Sizes> Tokenizer::read_sizes(const gguf::File& file) {
  using gguf::ValueType;
  Sizes sizes;
  SHRIKE_TRY(const std::string_view model, file.string("tokenizer.ggml.model"));
  if (model != "gpt2" && model != "llama")
    return file.error(Code::unsupported,
                      "tokenizer is neither byte-level BPE (gpt2) nor SentencePiece (llama)",
                      model.substr(0, 40));
  sizes.kind = model == "llama" ? Kind::pieces : Kind::byte_pairs;
  SHRIKE_TRY(sizes.tokens, file.array("tokenizer.ggml.tokens", ValueType::string, 1, limits::kVocabMax));
  sizes.n_vocab = sizes.tokens->count;
  if (sizes.kind == Kind::byte_pairs) {
    SHRIKE_TRY(sizes.merges, file.array("tokenizer.ggml.merges", ValueType::string, 0, limits::kMergesMax));
    sizes.n_merges = sizes.merges->count;
  } else {
    SHRIKE_TRY(sizes.scores,
               file.array("tokenizer.ggml.scores", ValueType::f32, sizes.n_vocab, sizes.n_vocab));
  }
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

// Places every table behind the other, each on 64 bytes; with no memory it only counts.
struct Tokenizer::Tables {
  static std::size_t place(Tokenizer& t, const Sizes& sizes, std::byte* memory) noexcept {
    std::size_t at = 0;
    const auto table = [&](auto*& view, std::size_t n) {
      using T = std::remove_reference_t<decltype(*view)>;
      if (memory != nullptr) view = reinterpret_cast<T*>(memory + at);
      at = align_up(at + n * sizeof(T), std::size_t{64});
    };
    const auto mask_of = [](std::uint64_t n) {  // at most half full, never quite full
      return static_cast<std::uint32_t>(std::bit_ceil(2 * n + 2) - 1);
    };
    t.kind_ = sizes.kind;
    t.n_vocab_ = static_cast<int>(sizes.n_vocab);
    t.n_merges_ = static_cast<int>(sizes.n_merges);
    t.vocab_mask_ = mask_of(sizes.n_vocab);
    t.merge_mask_ = mask_of(sizes.n_merges);
    t.special_mask_ = mask_of(sizes.n_specials);
    table(t.token_text_, sizes.n_vocab);
    table(t.token_type_, sizes.n_vocab);
    table(t.vocab_hash_, std::size_t{t.vocab_mask_} + 1);
    table(t.special_hash_, std::size_t{t.special_mask_} + 1);
    table(t.merges_, sizes.n_merges);
    table(t.merge_hash_, std::size_t{t.merge_mask_} + 1);
    table(t.score_rank_, sizes.kind == Kind::pieces ? sizes.n_vocab : 0);
    table(t.symbols_, kWordBytesMax);
    table(t.candidates_, 3 * kWordBytesMax);
    table(t.word_, kWordBytesMax);
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
  SHRIKE_TRY_VOID(t.fill_tokens(file, sizes));
  SHRIKE_TRY_VOID(sizes.kind == Kind::pieces ? t.fill_scores(file, sizes) : t.fill_merges(file, sizes));
  SHRIKE_TRY_VOID(t.fill_ids(file));
  return t;
}

Status Tokenizer::fill_tokens(const gguf::File& file, const Sizes& sizes) {
  const auto text_of = [&](TokenId token) { return text(token); };
  texts_ = reinterpret_cast<const char*>(sizes.tokens->bytes.data());
  std::fill(vocab_hash_, vocab_hash_ + vocab_mask_ + 1, 0u);
  std::fill(special_hash_, special_hash_ + special_mask_ + 1, 0u);
  gguf::StringArray tokens(*sizes.tokens);
  std::string_view text;
  for (int token = 0; tokens.next(text); ++token) {
    if (text.size() > limits::kTokenBytesMax)
      return file.error(Code::malformed, "token is too long", "tokenizer.ggml.tokens",
                        static_cast<std::int64_t>(text.size()),
                        static_cast<std::int64_t>(limits::kTokenBytesMax));
    token_text_[token] = {static_cast<std::uint32_t>(text.data() - texts_),
                          static_cast<std::uint32_t>(text.size())};
    token_bytes_max_ = std::max(token_bytes_max_, text.size());
    const std::int32_t type = type_at(sizes.types, static_cast<std::uint64_t>(token));
    token_type_[token] = static_cast<std::uint8_t>(type >= kNormal && type <= kByte ? type : kNormal);
    insert(vocab_hash_, vocab_mask_, text, token, text_of);  // the first of equal texts counts
    if (!is_special(type) || text.empty()) continue;
    insert(special_hash_, special_mask_, text, token, text_of);
    special_sizes_.set(text.size());
    special_bytes_max_ = std::max(special_bytes_max_, text.size());
    special_begins_.set(static_cast<unsigned char>(text[0]));
    if (type == kUserDefined) user_defined_begins_.set(static_cast<unsigned char>(text[0]));
  }
  return ok();
}

Status Tokenizer::fill_merges(const gguf::File& file, const Sizes& sizes) {
  SHRIKE_TRY(const std::string_view pre, file.string_or("tokenizer.ggml.pre", "gpt-2"));
  const PreTokenizer* how = pre_tokenizer(pre);
  if (how == nullptr)
    return file.error(Code::unsupported,
                      "pre-tokenizer is not known here; there are smollm, gpt-2, llama-bpe, qwen2, "
                      "deepseek-coder, starcoder and their kin",
                      pre.substr(0, 40));
  next_word_ = how->next_word;
  whole_words_ = how->whole_words;
  add_bos_ = how->add_bos;
  for (int byte = 0; byte < 256; ++byte) {
    const TokenId token = find(kByteSpelling.of(byte));
    byte_token_[byte] = token >= 0 && is_hidden(token_type_[token]) ? -1 : token;
  }

  std::fill(merge_hash_, merge_hash_ + merge_mask_ + 1, 0u);
  gguf::StringArray merges(*sizes.merges);
  std::string_view text;
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
  return ok();
}

Status Tokenizer::fill_scores(const gguf::File& file, const Sizes& sizes) {
  constexpr std::string_view kBlank = "\u2581";
  add_bos_ = true;
  SHRIKE_TRY(space_prefix_, file.boolean_or("tokenizer.ggml.add_space_prefix", true));
  words_apart_ = true;
  for (TokenId token = 0; token < n_vocab_; ++token) {
    float score = 0;
    std::memcpy(&score, sizes.scores->bytes.data() + static_cast<std::size_t>(token) * sizeof(score),
                sizeof(score));
    if (!std::isfinite(score)) return file.error(Code::malformed, "must be finite", "tokenizer.ggml.scores");
    score_rank_[token] = rank_of_score(score);
    std::string_view spelled = text(token);
    while (spelled.starts_with(kBlank)) spelled.remove_prefix(kBlank.size());
    if (spelled.find(kBlank) != spelled.npos && !is_special(token_type_[token])) words_apart_ = false;
  }
  constexpr char kHex[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    const char name[] = {'<', '0', 'x', kHex[byte / 16], kHex[byte % 16], '>'};
    const TokenId token = find({name, sizeof(name)});
    byte_token_[byte] = token >= 0 && token_type_[token] == kByte ? token : -1;
  }
  return ok();
}

Status Tokenizer::fill_ids(const gguf::File& file) {
  const auto id_of = [&](std::string_view key, TokenId fallback) -> Result<TokenId> {
    SHRIKE_TRY(const std::int64_t id,
               file.integer_or(key, fallback < n_vocab_ ? fallback : -1, -1, n_vocab_ - 1));
    return static_cast<TokenId>(id);
  };
  const bool pieces = kind_ == Kind::pieces;
  SHRIKE_TRY(bos_, id_of("tokenizer.ggml.bos_token_id", pieces ? 1 : 11));
  SHRIKE_TRY(eos_, id_of("tokenizer.ggml.eos_token_id", pieces ? 2 : 11));
  SHRIKE_TRY(const TokenId unknown, id_of("tokenizer.ggml.unknown_token_id", pieces ? 0 : -1));
  SHRIKE_TRY(const TokenId eot, id_of("tokenizer.ggml.eot_token_id", -1));
  SHRIKE_TRY(const TokenId eom, id_of("tokenizer.ggml.eom_token_id", -1));
  SHRIKE_TRY(add_bos_, file.boolean_or("tokenizer.ggml.add_bos_token", add_bos_));
  if (pieces)
    for (TokenId& token : byte_token_)
      if (token < 0) token = unknown;
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

}  // namespace shrike
