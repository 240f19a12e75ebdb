#pragma once

#include <vector>

#include "core/gguf/reader.hpp"
#include "core/model/config.hpp"
#include "core/tensor.hpp"

namespace shrike {

// Named views into the mapped files. Every shape is proven against the config, every type is one that there
// are kernels for; a tensor that is missing or of another shape refuses the file. Nothing is copied.
//
// Matrices   any type of kMatrixTypes, [n_out][n_in], where it lies in the file;   vectors   f32
// What a family does not have is null.
struct AffineView {  // a matrix and its bias
  MatrixView weight;
  const float* bias = nullptr;  // [n_out]

  AffineView outputs(int first, int n) const noexcept {
    return {weight.outputs(first, n), bias != nullptr ? bias + first : nullptr};
  }
};
struct NormView {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

struct TextLayer {
  const float* attn_norm = nullptr;      // [dim]
  const float* attn_out_norm = nullptr;  // [dim]
  AffineView q;                          // [n_heads * head_dim][dim]
  AffineView k, v;                       // [n_kv_heads * head_dim][dim]
  const float* q_norm = nullptr;         // [head_dim]
  const float* k_norm = nullptr;         // [head_dim]
  MatrixView o;                          // [dim][n_heads * head_dim]
  MatrixView conv_in;                    // [3 * dim][dim], of a layer without attention, and
  MatrixView conv;                       // [dim][conv_length], oldest first
  MatrixView conv_out;                   // [dim][dim]
  const float* ffn_norm = nullptr;       // [dim]
  const float* ffn_out_norm = nullptr;   // [dim]
  MatrixView gate, up;                   // [n_ff][dim]
  MatrixView down;                       // [dim][n_ff]
};
struct TextWeights {
  MatrixView token_embd;               // [n_vocab][dim]
  const float* output_norm = nullptr;  // [dim]
  MatrixView output;                   // [n_vocab][dim]; the embedding itself where the file has none
  std::vector<TextLayer> layers;
};
[[nodiscard]] Result<TextWeights> read_text_weights(const gguf::File& file, const TextConfig& config);

struct VisionLayer {
  NormView ln1, ln2;
  AffineView q, k, v, o;       // [dim][dim]
  const float* ls1 = nullptr;  // [dim]
  const float* ls2 = nullptr;
  AffineView gate, up;  // [n_ff][dim]
  AffineView down;      // [dim][n_ff]
};
struct Projection {
  NormView norm;      // [n_in]
  AffineView first;   // [n_hidden][n_in]; turned: [n_in][n_out]
  AffineView second;  // [n_out][n_hidden]
};
struct VisionWeights {
  AffineView patch;                    // [dim][3 * patch * patch], channel slowest
  MatrixView second_frame;             // likewise
  const float* class_token = nullptr;  // [dim]
  MatrixView position;                 // [rows of the table][dim]
  NormView pre_ln, post_ln;
  std::vector<VisionLayer> layers;
  Projection projector;  // of joined rows, [shuffle^2 * dim]
  std::vector<Projection> deepstack;
};
[[nodiscard]] Result<VisionWeights> read_vision_weights(const gguf::File& file, const VisionConfig& config);

}  // namespace shrike
