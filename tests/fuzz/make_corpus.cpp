// make_corpus FOLDER: the corpus of every fuzzer, from the fixtures of the tests.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/vocabulary.hpp"

namespace {

using namespace shrike;
using test::GgufWriter;
using test::Vocabulary;

std::string root;

void write(const std::string& name, const char* bytes, std::size_t n) {
  const std::filesystem::path path = std::filesystem::path(root) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(bytes, static_cast<std::streamsize>(n));
}
void write(const std::string& name, const GgufWriter& w) {
  const test::Bytes bytes = w.bytes();
  write(name, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
void write(const std::string& name, const std::string& text) { write(name, text.data(), text.size()); }

// Fewer tokens than a byte-level vocabulary needs: what is missing is left out of text.
Vocabulary scant(const std::string& pre) {
  Vocabulary v;
  v.pre = pre;
  for (const char* token : {"h", "e", "l", "o", "he", "ll", "hell", "hello"}) v.add(token);
  v.add("<|im_start|>", Vocabulary::kControl);
  v.add("  ", Vocabulary::kUserDefined);
  v.merges = {"h e", "l l", "he ll", "hell o"};
  return v;
}

GgufWriter of(const Vocabulary& v) {
  GgufWriter w;
  v.write(w);
  return w;
}

void write_gguf() {
  GgufWriter all;
  all.set("a.u32", 7u).set("a.f32", 1.5f).set("a.bool", true).set("a.text", "text");
  all.set_array("a.texts", std::vector<std::string>{"one", "", "three"});
  all.set_array("a.numbers", std::vector<std::int32_t>{1, -1});
  all.tensor("f32", {2, 3}, DType::f32, std::vector<float>(6, 1.0f));
  all.tensor("q8_0", {32}, DType::q8_0, std::vector<float>(32, 1.0f));
  write("fuzz_gguf/values_and_tensors", all);

  GgufWriter text = of(scant("gpt-2"));
  text.set("general.architecture", "llama").set("llama.block_count", 1u);
  for (const char* key : {"embedding_length", "feed_forward_length", "context_length"})
    text.set(std::string("llama.") + key, 32u);
  text.set("llama.attention.head_count", 4u).set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  text.tensor("token_embd.weight", {32, 10}, DType::q8_0, std::vector<float>(320, 1.0f));
  write("fuzz_gguf/text_model", text);

  GgufWriter vision;
  vision.set("general.architecture", "clip").set("clip.projector_type", "idefics3");
  for (const char* key : {"image_size", "embedding_length", "feed_forward_length", "projection_dim"})
    vision.set(std::string("clip.vision.") + key, 32u);
  vision.set("clip.vision.patch_size", 8u).set("clip.vision.block_count", 1u);
  vision.set("clip.vision.attention.head_count", 4u).set("clip.vision.attention.layer_norm_epsilon", 1e-6f);
  vision.set_array("clip.vision.image_mean", std::vector<float>{0.5f, 0.5f, 0.5f});
  vision.set_array("clip.vision.image_std", std::vector<float>{0.5f, 0.5f, 0.5f});
  vision.set("clip.vision.projector.scale_factor", 2u).set("clip.vision.preproc_image_size", 128u);
  write("fuzz_gguf/vision_model", vision);
}

void write_vocabularies() {
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-coder"})
    write(std::string("fuzz_vocabulary/") + pre, of(scant(pre)));
  Vocabulary pieces;
  pieces.model = "llama";
  for (const char* token : {"<unk>", "<s>", "\u2581", "h", "e", "l", "he", "ll", "\u2581he", "\u2581hell"})
    pieces.add(token, token[0] == '<' ? Vocabulary::kControl : Vocabulary::kNormal,
               -static_cast<float>(pieces.tokens.size()));
  pieces.add("<0x0A>", Vocabulary::kByte);
  write("fuzz_vocabulary/pieces", of(pieces));
}

void write_texts() {
  const std::string text =
      "hello  hell's 007 \u4E2D\u6587\u3002 \u00BD\u0301\r\n\t<|im_start|>\u2581\u2581he \xFF\xE2\x82";
  for (char kind = 0; kind < 6; ++kind)
    write("fuzz_text/kind_" + std::to_string(kind), std::string(1, kind) + text);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "make_corpus: name the folder, tests/fuzz/corpus\n");
    return 64;
  }
  root = argv[1];
  write_gguf();
  write_vocabularies();
  write_texts();
  return 0;
}
