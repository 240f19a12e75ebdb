// Models of real shapes with numbers at random, for measuring speed and memory where nothing can be downloaded:
//
//   shrike-random-model --shape smolvlm-256m --type q8_0 -o DIR
//
// writes DIR/<shape>-<type>.gguf and DIR/mmproj-<shape>-<type>.gguf. They load and run like the real ones and
// say nothing sensible.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/support/gguf_writer.hpp"
#include "tests/support/random_qblocks.hpp"
#include "tests/support/vocabulary.hpp"

namespace shrike::test {
namespace {

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
constexpr Shape kShapes[] = {
    {"smolvlm-256m", {30, 576, 9, 3, 1536, 49280, 16384}, {12, 768, 12, 3072, 512, 16, 4}},
    {"smolvlm-500m", {32, 960, 15, 5, 2560, 49280, 16384}, {12, 768, 12, 3072, 512, 16, 4}},
    {"tiny", {2, 64, 4, 2, 128, 512, 1024}, {2, 64, 4, 128, 64, 16, 2}},
};

// Every matrix in the wanted type, or in the one that quantisers take for rows that it does not divide.
void matrix(GgufWriter& w, const std::string& name, const std::vector<std::uint64_t>& ne, DType wanted) {
  const DType type = type_for_width(wanted, ne.size() == 4 ? ne[0] * ne[1] * ne[2] : ne[0]);
  std::size_t n = 1;
  std::uint32_t seed = 1;
  for (const std::uint64_t d : ne) n *= static_cast<std::size_t>(d);
  for (const char c : name) seed = seed * 31 + static_cast<unsigned char>(c);
  w.tensor_raw(name, ne, static_cast<std::uint32_t>(type), random_qblocks(type, n, seed));
}

void vector(GgufWriter& w, const std::string& name, std::uint64_t n, float value) {
  w.tensor(name, {n}, DType::f32, std::vector<float>(static_cast<std::size_t>(n), value));
}

// The bytes, SmolVLM's marks at the end as in the original, and between them words made of pairs of tokens that
// are already there, each with the merge that makes it.
Vocabulary vocabulary(std::size_t n_tokens) {
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

GgufWriter text_model(const Shape& shape, DType type) {
  const TextShape& s = shape.text;
  GgufWriter w;
  w.set("general.architecture", "llama").set("general.name", std::string(shape.name) + ", random numbers");
  w.set("llama.block_count", s.n_layers).set("llama.embedding_length", s.dim);
  w.set("llama.feed_forward_length", s.n_ff).set("llama.context_length", s.n_ctx);
  w.set("llama.attention.head_count", s.n_heads).set("llama.attention.head_count_kv", s.n_kv_heads);
  w.set("llama.rope.dimension_count", s.head_dim()).set("llama.rope.freq_base", 100000.0f);
  w.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  Vocabulary words = vocabulary(s.n_vocab);
  words.pre = "smollm";
  words.write(w);
  w.set("tokenizer.ggml.eos_token_id", s.n_vocab - 1);
  matrix(w, "token_embd.weight", {s.dim, s.n_vocab}, type);
  vector(w, "output_norm.weight", s.dim, 1.0f);
  matrix(w, "output.weight", {s.dim, s.n_vocab}, type);
  for (std::uint32_t layer = 0; layer < s.n_layers; ++layer) {
    const auto name = [&](const char* part) {
      return "blk." + std::to_string(layer) + "." + part + ".weight";
    };
    vector(w, name("attn_norm"), s.dim, 1.0f);
    matrix(w, name("attn_q"), {s.dim, s.dim}, type);
    matrix(w, name("attn_k"), {s.dim, s.n_kv_heads * s.head_dim()}, type);
    matrix(w, name("attn_v"), {s.dim, s.n_kv_heads * s.head_dim()}, type);
    matrix(w, name("attn_output"), {s.dim, s.dim}, type);
    vector(w, name("ffn_norm"), s.dim, 1.0f);
    matrix(w, name("ffn_gate"), {s.dim, s.n_ff}, type);
    matrix(w, name("ffn_up"), {s.dim, s.n_ff}, type);
    matrix(w, name("ffn_down"), {s.n_ff, s.dim}, type);
  }
  return w;
}

GgufWriter vision_model(const Shape& shape, DType type) {
  const VisionShape& s = shape.vision;
  GgufWriter w;
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
    matrix(w, stem + ".weight", ne, t);
    vector(w, stem + ".bias", ne.back(), 0.01f);
  };
  const auto norm = [&](const std::string& stem) {
    vector(w, stem + ".weight", s.dim, 1.0f);
    vector(w, stem + ".bias", s.dim, 0.0f);
  };
  // As converters write them: patches and positions stay in floats.
  const DType floats = type == DType::f32 ? DType::f32 : DType::f16;
  affine("v.patch_embd", {s.patch_size, s.patch_size, 3, s.dim}, floats);
  matrix(w, "v.position_embd.weight", {s.dim, s.n_patches()}, floats);
  norm("v.post_ln");
  matrix(w, "mm.model.fc.weight", {s.shuffle * s.shuffle * s.dim, shape.text.dim}, type);
  for (std::uint32_t layer = 0; layer < s.n_layers; ++layer) {
    const std::string stem = "v.blk." + std::to_string(layer) + ".";
    norm(stem + "ln1");
    norm(stem + "ln2");
    for (const char* name : {"q", "k", "v", "out"}) affine(stem + "attn_" + name, {s.dim, s.dim}, type);
    affine(stem + "ffn_up", {s.dim, s.n_ff}, type);
    affine(stem + "ffn_down", {s.n_ff, s.dim}, type);
  }
  return w;
}

bool write(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) {
    std::fprintf(stderr, "shrike-random-model: %s: cannot be written\n", path.c_str());
    return false;
  }
  std::printf("%s\n", path.c_str());
  return true;
}

int refuse(const std::string& what, const std::string& there_are) {
  std::fprintf(stderr, "shrike-random-model: %s is not known; there are %s\n", what.c_str(),
               there_are.c_str());
  return 64;
}

int run(const std::string& shape_name, const std::string& type_name, const std::string& folder) {
  std::string names;
  const Shape* shape = nullptr;
  for (const Shape& s : kShapes) {
    names += (names.empty() ? "" : ", ") + std::string(s.name);
    if (shape_name == s.name) shape = &s;
  }
  if (shape == nullptr) return refuse("--shape " + shape_name, names);
  const std::optional<DType> type = random_type(type_name);
  if (!type) return refuse("--type " + type_name, random_type_names());
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::string file = shape_name + "-" + type_name + ".gguf";
  const std::filesystem::path to = folder;
  const bool good = write(to / file, text_model(*shape, *type).bytes()) &&
                    write(to / ("mmproj-" + file), vision_model(*shape, *type).bytes());
  return good ? 0 : 74;
}

}  // namespace
}  // namespace shrike::test

int main(int argc, char** argv) {
  CLI::App app("Writes a GGUF pair of a real model's shape with numbers at random.", "shrike-random-model");
  std::string shape = "smolvlm-256m", type = "q8_0", folder;
  app.add_option("--shape", shape, "smolvlm-256m, smolvlm-500m or tiny")->capture_default_str();
  app.add_option("--type", type, "Of the matrices: " + shrike::test::random_type_names())
      ->capture_default_str();
  app.add_option("-o,--out", folder, "Folder to write to")->required();
  CLI11_PARSE(app, argc, argv);
  return shrike::test::run(shape, type, folder);
}
