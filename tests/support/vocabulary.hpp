#pragma once

#include <string>
#include <vector>

#include "tests/support/gguf_writer.hpp"

namespace shrike::test {

// A byte as vocabularies of byte-level BPE spell it: the printable ones of Latin-1 as themselves, the others,
// in order, from U+0100 on.
inline std::string spelled_byte(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 255 && b != 173); };
  int c = byte;
  if (!printable(byte)) {
    c = 256;
    for (int b = 0; b < byte; ++b) c += printable(b) ? 0 : 1;
  }
  if (c < 128) return std::string(1, static_cast<char>(c));
  return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
}

inline std::string spelled(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += spelled_byte(static_cast<unsigned char>(c));
  return text;
}

// The keys of a tokenizer, to be changed before they are written.
struct Vocabulary {
  static constexpr std::int32_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kByte = 6;

  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<std::string> merges;  // of gpt2
  std::vector<float> scores;        // of llama

  int add(const std::string& token, std::int32_t type = kNormal, float score = 0) {
    tokens.push_back(token);
    types.push_back(type);
    scores.push_back(score);
    return static_cast<int>(tokens.size()) - 1;
  }
  void write(GgufWriter& w) const {
    w.set("tokenizer.ggml.model", model).set("tokenizer.ggml.pre", pre);
    w.set_array("tokenizer.ggml.tokens", tokens).set_array("tokenizer.ggml.token_type", types);
    if (model == "llama")
      w.set_array("tokenizer.ggml.scores", scores);
    else
      w.set_array("tokenizer.ggml.merges", merges);
  }
};

// Token b is byte b; then "he", "ll", "hell", "hello", " hello", and SmolVLM's marks.
inline Vocabulary small_vocabulary() {
  Vocabulary v;
  for (int byte = 0; byte < 256; ++byte) v.add(spelled_byte(byte));
  const std::string blank = spelled_byte(' ');
  for (const std::string& token :
       {std::string("he"), std::string("ll"), std::string("hell"), std::string("hello"), blank + "hello"})
    v.add(token);
  v.merges = {"h e", "l l", "he ll", "hell o", blank + " hello"};
  for (const char* mark :
       {"<|im_start|>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<|endoftext|>"})
    v.add(mark, Vocabulary::kControl);
  return v;
}

// SentencePiece as Llama 2 has it: <unk> <s> </s>, token 3 + b is byte b, then pieces, the best first.
inline Vocabulary small_pieces() {
  Vocabulary v;
  v.model = "llama";
  v.pre = "default";
  v.add("<unk>", Vocabulary::kUnknown);
  v.add("<s>", Vocabulary::kControl);
  v.add("</s>", Vocabulary::kControl);
  constexpr char kHex[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte)
    v.add(std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">", Vocabulary::kByte);
  const std::string blank = "\u2581";
  float score = 0;
  for (const std::string& piece :
       {blank + "h", std::string("ll"), std::string("he"), blank + "he", std::string("lo"), blank + "hell",
        blank + "hello", blank + blank, std::string("s>"), blank, std::string("e"), std::string("h"),
        std::string("l"), std::string("o"), std::string("s"), std::string(">")})
    v.add(piece, Vocabulary::kNormal, score -= 1);
  return v;
}

}  // namespace shrike::test
