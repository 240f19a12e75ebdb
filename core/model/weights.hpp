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
struct TextLayer {
  const float* attn_norm = nullptr;  // [dim]
  MatrixView q;                      // [n_heads * head_dim][dim]
  MatrixView k, v;                   // [n_kv_heads * head_dim][dim]
  MatrixView o;                      // [dim][n_heads * head_dim]
  const float* ffn_norm = nullptr;   // [dim]
  MatrixView gate, up;               // [n_ff][dim]
  MatrixView down;                   // [dim][n_ff]
};
struct TextWeights {
  MatrixView token_embd;               // [n_vocab][dim]
  const float* output_norm = nullptr;  // [dim]
  MatrixView output;                   // [n_vocab][dim]; the embedding itself where the file has none
  std::vector<TextLayer> layers;
};
[[nodiscard]] Result<TextWeights> read_text_weights(const gguf::File& file, const TextConfig& config);

struct AffineView {  // a matrix and its bias
  MatrixView weight;
  const float* bias = nullptr;  // [n_out]
};
struct NormView {
  const float* weight = nullptr;
  const float* bias = nullptr;
};
struct VisionLayer {
  NormView ln1, ln2;
  AffineView q, k, v, o;  // [dim][dim]
  AffineView up;          // [n_ff][dim]
  AffineView down;        // [dim][n_ff]
};
struct VisionWeights {
  AffineView patch;     // [dim][3 * patch * patch], channel slowest
  MatrixView position;  // [n_patches][dim]
  NormView post_ln;
  std::vector<VisionLayer> layers;
  MatrixView projector;  // [projection_dim][shuffle^2 * dim]
};
[[nodiscard]] Result<VisionWeights> read_vision_weights(const gguf::File& file, const VisionConfig& config);

}  // namespace shrike
