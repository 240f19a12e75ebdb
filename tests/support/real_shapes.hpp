#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/tensor.hpp"
#include "platform/numeric.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/random_qblocks.hpp"
#include "tests/support/vocabulary.hpp"

// Pairs of real models' shapes. They load and run like the real ones and say nothing sensible.
namespace shrike::test {

struct TextShape {
  std::uint32_t n_layers, dim, n_heads, n_kv_heads, n_ff, n_vocab, n_ctx;
  std::uint32_t head_dim() const { return dim / n_heads; }
};
struct VisionShape {
  std::uint32_t n_layers, dim, n_heads, n_ff, image_size, patch_size, shuffle;
  std::uint32_t n_patches() const { return image_size / patch_size * (image_size / patch_size); }
};
struct Shape {
  const char* name;
  TextShape text;
  VisionShape vision;
};
// Context is twice that of the originals, so that a memory of 8192 tokens leaves positions to decode at.
inline constexpr Shape kRealShapes[] = {
    {"smolvlm-256m", {30, 576, 9, 3, 1536, 49280, 16384}, {12, 768, 12, 3072, 512, 16, 4}},
    {"smolvlm-500m", {32, 960, 15, 5, 2560, 49280, 16384}, {12, 768, 12, 3072, 512, 16, 4}},
    {"tiny", {2, 64, 4, 2, 128, 512, 1024}, {2, 64, 4, 128, 64, 16, 2}},
};

// A file in the making: with numbers at random, or with none: then the file is that long and empty, which is enough
// for a plan and takes no room on a disk.
class ShapedFile {
 public:
  explicit ShapedFile(bool empty) : empty_(empty) {}
  GgufWriter w;

  // Every matrix in the wanted type, or in the one that quantisers take for rows that it does not divide.
  void matrix(const std::string& name, const std::vector<std::uint64_t>& ne, DType wanted) {
    const DType type = type_for_width(wanted, ne.size() == 4 ? ne[0] * ne[1] * ne[2] : ne[0]);
    std::size_t n = 1;
    std::uint32_t seed = 1;
    for (const std::uint64_t d : ne) n *= static_cast<std::size_t>(d);
    for (const char c : name) seed = seed * 31 + static_cast<unsigned char>(c);
    const DTypeInfo info = dtype_info(type);
    add(name, ne, type, n / static_cast<std::size_t>(info.weights) * static_cast<std::size_t>(info.bytes),
        [&] { return random_qblocks(type, n, seed); });
  }
  void vector(const std::string& name, std::uint64_t n, float value) {
    add(name, {n}, DType::f32, static_cast<std::size_t>(n) * sizeof(float),
        [&] { return encode(DType::f32, std::vector<float>(static_cast<std::size_t>(n), value)); });
  }
  [[nodiscard]] bool write(const std::filesystem::path& path) const {
    const Bytes bytes = w.bytes();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    std::error_code error;
    if (file && empty_)
      std::filesystem::resize_file(path, align_up(bytes.size(), w.alignment) + n_bytes_, error);
    return file && !error;
  }

 private:
  template <class Data>
  void add(const std::string& name, const std::vector<std::uint64_t>& ne, DType type, std::size_t bytes,
           Data data) {
    w.tensor_raw(name, ne, static_cast<std::uint32_t>(type), empty_ ? Bytes{} : data());
    if (empty_) w.tensor(name).offset = n_bytes_;
    n_bytes_ += align_up(bytes, static_cast<std::size_t>(w.alignment));
  }

  bool empty_;
  std::size_t n_bytes_ = 0;
};

// The bytes, SmolVLM's marks at the end as in the original, and between them words made of pairs of tokens that
// are already there, each with the merge that makes it.
inline Vocabulary made_vocabulary(std::size_t n_tokens) {
  Vocabulary v;
  const std::vector<std::string> marks = {"<|endoftext|>", "<|im_start|>", "<fake_token_around_image>",
                                          "<global-img>",  "<image>",      "<end_of_utterance>"};
  for (int byte = 0; byte < 256; ++byte) v.add(spelled_byte(byte));
  const std::string letters = "etaoinshrdlucmfwypvbgkqjxz";
  std::vector<std::string> stems = {spelled_byte(' ')};
  for (const char c : letters) stems.push_back(std::string(1, c));
  for (std::size_t stem = 0; v.tokens.size() + marks.size() < n_tokens; ++stem)
    for (std::size_t i = 0; i < letters.size() && v.tokens.size() + marks.size() < n_tokens; ++i) {
      const std::string word = stems[stem] + letters[i];
      v.merges.push_back(stems[stem] + " " + letters[i]);
      v.add(word);
      stems.push_back(word);
    }
  for (const std::string& mark : marks) v.add(mark, Vocabulary::kControl);
  return v;
}

inline ShapedFile text_model(const Shape& shape, DType type, bool empty = false) {
  const TextShape& s = shape.text;
  ShapedFile file(empty);
  GgufWriter& w = file.w;
  w.set("general.architecture", "llama").set("general.name", std::string(shape.name) + ", random numbers");
  w.set("llama.block_count", s.n_layers).set("llama.embedding_length", s.dim);
  w.set("llama.feed_forward_length", s.n_ff).set("llama.context_length", s.n_ctx);
  w.set("llama.attention.head_count", s.n_heads).set("llama.attention.head_count_kv", s.n_kv_heads);
  w.set("llama.rope.dimension_count", s.head_dim()).set("llama.rope.freq_base", 100000.0f);
  w.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  Vocabulary words = made_vocabulary(s.n_vocab);
  words.pre = "smollm";
  words.write(w);
  w.set("tokenizer.ggml.eos_token_id", s.n_vocab - 1);
  file.matrix("token_embd.weight", {s.dim, s.n_vocab}, type);
  file.vector("output_norm.weight", s.dim, 1.0f);
  file.matrix("output.weight", {s.dim, s.n_vocab}, type);
  for (std::uint32_t layer = 0; layer < s.n_layers; ++layer) {
    const auto name = [&](const char* part) {
      return "blk." + std::to_string(layer) + "." + part + ".weight";
    };
    file.vector(name("attn_norm"), s.dim, 1.0f);
    file.matrix(name("attn_q"), {s.dim, s.dim}, type);
    file.matrix(name("attn_k"), {s.dim, s.n_kv_heads * s.head_dim()}, type);
    file.matrix(name("attn_v"), {s.dim, s.n_kv_heads * s.head_dim()}, type);
    file.matrix(name("attn_output"), {s.dim, s.dim}, type);
    file.vector(name("ffn_norm"), s.dim, 1.0f);
    file.matrix(name("ffn_gate"), {s.dim, s.n_ff}, type);
    file.matrix(name("ffn_up"), {s.dim, s.n_ff}, type);
    file.matrix(name("ffn_down"), {s.n_ff, s.dim}, type);
  }
  return file;
}

inline ShapedFile vision_model(const Shape& shape, DType type, bool empty = false) {
  const VisionShape& s = shape.vision;
  ShapedFile file(empty);
  GgufWriter& w = file.w;
  w.set("general.architecture", "clip").set("clip.has_vision_encoder", true);
  w.set("clip.projector_type", "idefics3").set("clip.use_gelu", true);
  w.set("clip.vision.image_size", s.image_size).set("clip.vision.patch_size", s.patch_size);
  w.set("clip.vision.embedding_length", s.dim).set("clip.vision.feed_forward_length", s.n_ff);
  w.set("clip.vision.block_count", s.n_layers).set("clip.vision.attention.head_count", s.n_heads);
  w.set("clip.vision.attention.layer_norm_epsilon", 1e-6f);
  w.set_array("clip.vision.image_mean", std::vector<float>{0.5f, 0.5f, 0.5f});
  w.set_array("clip.vision.image_std", std::vector<float>{0.5f, 0.5f, 0.5f});
  w.set("clip.vision.projector.scale_factor", s.shuffle);
  w.set("clip.vision.projection_dim", shape.text.dim);
  const auto affine = [&](const std::string& stem, const std::vector<std::uint64_t>& ne, DType t) {
    file.matrix(stem + ".weight", ne, t);
    file.vector(stem + ".bias", ne.back(), 0.01f);
  };
  const auto norm = [&](const std::string& stem) {
    file.vector(stem + ".weight", s.dim, 1.0f);
    file.vector(stem + ".bias", s.dim, 0.0f);
  };
  // As converters write them: patches and positions stay in floats.
  const DType floats = type == DType::f32 ? DType::f32 : DType::f16;
  affine("v.patch_embd", {s.patch_size, s.patch_size, 3, s.dim}, floats);
  file.matrix("v.position_embd.weight", {s.dim, s.n_patches()}, floats);
  norm("v.post_ln");
  file.matrix("mm.model.fc.weight", {s.shuffle * s.shuffle * s.dim, shape.text.dim}, type);
  for (std::uint32_t layer = 0; layer < s.n_layers; ++layer) {
    const std::string stem = "v.blk." + std::to_string(layer) + ".";
    norm(stem + "ln1");
    norm(stem + "ln2");
    for (const char* name : {"q", "k", "v", "out"}) affine(stem + "attn_" + name, {s.dim, s.dim}, type);
    affine(stem + "ffn_up", {s.dim, s.n_ff}, type);
    affine(stem + "ffn_down", {s.n_ff, s.dim}, type);
  }
  return file;
}

}  // namespace shrike::test
