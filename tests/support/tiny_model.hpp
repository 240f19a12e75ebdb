#pragma once

#include <cmath>
#include <string>

#include "tests/support/gguf_writer.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/vocabulary.hpp"

namespace shrike::test {

// The smallest SmolVLM pair with every part in it: numbers at random, shapes such that qblocks of 32 fit.
struct TinyShape {
  static constexpr int dim = 32, n_heads = 4, n_kv_heads = 2, head_dim = 8, n_ff = 64, n_layers = 2;
  static constexpr int n_ctx = 256;
  static constexpr int image_size = 32, patch_size = 8, n_patches = 16, shuffle = 2;
};

// Rows wide enough for super-blocks.
struct WideShape : TinyShape {
  static constexpr int dim = 256, head_dim = 64, n_ff = 256;
};

// A tensor of numbers at random, small enough that nothing on the way through a model grows beyond f16.
inline void random_tensor(GgufWriter& w, const std::string& name, const std::vector<std::uint64_t>& ne,
                          DType type) {
  std::size_t n = 1;
  std::uint32_t seed = 1;
  for (const std::uint64_t d : ne) n *= static_cast<std::size_t>(d);
  for (const char c : name) seed = seed * 31 + static_cast<unsigned char>(c);
  Numbers numbers(seed);
  w.tensor(name, ne, type, numbers.floats(n, -0.2f, 0.2f));
}

template <class S = TinyShape>
GgufWriter tiny_text(DType type = DType::f32) {
  const Vocabulary vocabulary = small_vocabulary();
  GgufWriter w;
  w.set("general.architecture", "llama");
  w.set("llama.block_count", static_cast<std::uint32_t>(S::n_layers));
  w.set("llama.embedding_length", static_cast<std::uint32_t>(S::dim));
  w.set("llama.feed_forward_length", static_cast<std::uint32_t>(S::n_ff));
  w.set("llama.attention.head_count", static_cast<std::uint32_t>(S::n_heads));
  w.set("llama.attention.head_count_kv", static_cast<std::uint32_t>(S::n_kv_heads));
  w.set("llama.context_length", static_cast<std::uint32_t>(S::n_ctx));
  w.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  vocabulary.write(w);
  random_tensor(w, "token_embd.weight", {S::dim, vocabulary.tokens.size()}, type);
  random_tensor(w, "output_norm.weight", {S::dim}, DType::f32);
  for (int layer = 0; layer < S::n_layers; ++layer) {
    const auto add = [&](const char* name, const std::vector<std::uint64_t>& ne, DType t) {
      random_tensor(w, "blk." + std::to_string(layer) + "." + name + ".weight", ne, t);
    };
    add("attn_norm", {S::dim}, DType::f32);
    add("attn_q", {S::dim, S::n_heads * S::head_dim}, type);
    add("attn_k", {S::dim, S::n_kv_heads * S::head_dim}, type);
    add("attn_v", {S::dim, S::n_kv_heads * S::head_dim}, type);
    add("attn_output", {S::n_heads * S::head_dim, S::dim}, type);
    add("ffn_norm", {S::dim}, DType::f32);
    add("ffn_gate", {S::dim, S::n_ff}, type);
    add("ffn_up", {S::dim, S::n_ff}, type);
    add("ffn_down", {S::n_ff, S::dim}, type);
  }
  return w;
}

// The rows of the patch kernel are 8 numbers, which no qblock can hold: there it is f16.
template <class S = TinyShape>
GgufWriter tiny_vision(DType type = DType::f32) {
  GgufWriter w;
  w.set("general.architecture", "clip").set("clip.has_vision_encoder", true);
  w.set("clip.projector_type", "idefics3").set("clip.use_gelu", true);
  w.set("clip.vision.image_size", static_cast<std::uint32_t>(S::image_size));
  w.set("clip.vision.patch_size", static_cast<std::uint32_t>(S::patch_size));
  w.set("clip.vision.embedding_length", static_cast<std::uint32_t>(S::dim));
  w.set("clip.vision.feed_forward_length", static_cast<std::uint32_t>(S::n_ff));
  w.set("clip.vision.block_count", 1u);
  w.set("clip.vision.attention.head_count", static_cast<std::uint32_t>(S::n_heads));
  w.set("clip.vision.attention.layer_norm_epsilon", 1e-6f);
  w.set_array("clip.vision.image_mean", std::vector<float>{0.5f, 0.25f, 0.75f});
  w.set_array("clip.vision.image_std", std::vector<float>{0.5f, 0.5f, 0.25f});
  w.set("clip.vision.projector.scale_factor", static_cast<std::uint32_t>(S::shuffle));
  w.set("clip.vision.projection_dim", static_cast<std::uint32_t>(S::dim));
  const auto affine = [&](const std::string& stem, const std::vector<std::uint64_t>& ne, DType t) {
    random_tensor(w, stem + ".weight", ne, t);
    random_tensor(w, stem + ".bias", {ne.back()}, DType::f32);
  };
  affine("v.patch_embd", {S::patch_size, S::patch_size, 3, S::dim}, is_quantised(type) ? DType::f16 : type);
  random_tensor(w, "v.position_embd.weight", {S::dim, S::n_patches}, type);
  affine("v.post_ln", {S::dim}, DType::f32);
  random_tensor(w, "mm.model.fc.weight", {S::shuffle * S::shuffle * S::dim, S::dim}, type);
  for (const char* norm : {"v.blk.0.ln1", "v.blk.0.ln2"}) affine(norm, {S::dim}, DType::f32);
  for (const char* name : {"q", "k", "v", "out"})
    affine(std::string("v.blk.0.attn_") + name, {S::dim, S::dim}, type);
  affine("v.blk.0.ffn_up", {S::dim, S::n_ff}, type);
  affine("v.blk.0.ffn_down", {S::n_ff, S::dim}, type);
  return w;
}

}  // namespace shrike::test
