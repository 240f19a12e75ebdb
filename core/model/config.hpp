#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/gguf/reader.hpp"
#include "core/kv/rope_table.hpp"
#include "core/model/tiles.hpp"
#include "platform/result.hpp"

namespace shrike {

// Which two numbers of a head rotary positions turn together.
enum class RopePairing : std::uint8_t { neighbours, halves };

enum class Activation : std::uint8_t { gelu, gelu_quick, silu };

// The decoder's shape, read from a text file and proven to be consistent and within limits. What every
// architecture has comes first; what only some have is off unless its family says so (families/).
struct TextConfig {
  std::string_view architecture;
  int n_vocab = 0;
  int n_layers = 0;
  int dim = 0;
  int n_heads = 0;
  int n_kv_heads = 0;  // divides n_heads
  int head_dim = 0;
  int n_ff = 0;
  int n_ctx = 0;  // positions the model was trained for
  float rms_eps = 0;
  kv::Rotation rotation;  // of the leading numbers of a head; sections: three positions, see kv::Place
  RopePairing pairing = RopePairing::halves;

  // Parts that an architecture has or has not.
  bool qkv_bias = false;      // added to queries, keys and values
  bool head_norms = false;    // RMS over each head of queries and of keys, before they are turned
  int n_deepstack = 0;        // first layers behind which an image token gets more of its picture
  int conv_length = 0;        // rows that a layer without attention mixes, its own included
  bool branch_norms = false;  // RMS over what attention and feed-forward give, before it is added
  Activation activation = Activation::silu;  // of the gate: silu or gelu
  float embedding_scale = 1;                 // of text tokens
  bool both_ways = false;                    // the rows of a picture see each other
  int sight = 0;                             // see kv::Memory::Shape, as is far_every
  int far_every = 1;
  kv::Rotation near_rotation;  // of layers that see what is near
  std::vector<int> kv_layers;  // which layer of the KV memory a layer has; -1: none; empty: each its own

  // What the model was taught to read around a stream; ours, absent in files of others.
  std::string_view prompt_intro;  // shrike.prompt.intro
  std::string_view prompt_frame;  // shrike.prompt.frame, with {time} and {image} in it
  float video_fps = 1.0f;         // shrike.video.fps

  int group() const noexcept { return n_heads / n_kv_heads; }
  int kv_layer(int layer) const noexcept {
    return kv_layers.empty() ? layer : kv_layers[static_cast<std::size_t>(layer)];
  }
  int n_kv_layers() const noexcept {
    int n = 0;
    for (int layer = 0; layer < n_layers; ++layer) n += kv_layer(layer) >= 0 ? 1 : 0;
    return n;
  }
  int n_conv_layers() const noexcept { return n_layers - n_kv_layers(); }
};
[[nodiscard]] Result<TextConfig> read_text_config(const gguf::File& file);

enum class NormKind : std::uint8_t { layer, rms };

// What a tower adds to a patch for where it lies.
enum class PlaceTable : std::uint8_t {
  none,
  fixed,        // a row for each patch of the one grid there is
  aligned,      // rows of a square grid, resized to the picture's with aligned corners
  antialiased,  // ... or with aligned edges, by a triangle as wide as what shrinks
};

// How a square of patches becomes one token: its rows one behind the other, or their mean.
enum class Join : std::uint8_t { concatenate, mean };

// The vision tower's and projector's shape, from a file of architecture `clip`. What every tower has comes
// first, what only some have is off unless the projector's family says so (families/).
struct VisionConfig {
  std::string_view projector;
  int image_size = 0;  // side of a tile, pixels; of a picture of its own size, of a square one
  int patch_size = 0;  // divides image_size
  int dim = 0;
  int n_layers = 0;
  int n_heads = 0;
  int n_ff = 0;
  float eps = 0;
  Activation activation = Activation::gelu_quick;
  float mean[3] = {};  // for pixels in 0..1
  float std[3] = {};
  int shuffle = 0;         // side of the square of patches that is joined to a token, divides grid()
  int projection_dim = 0;  // the decoder's dim

  Picturing picturing;  // how a picture becomes tiles

  // Parts that a tower has or has not.
  NormKind norm = NormKind::layer;
  PlaceTable places = PlaceTable::fixed;
  int table_side = 0;        // of the square grid that is resized
  bool rotary = false;       // queries and keys are turned by row and column
  bool class_token = false;  // one more row before the patches
  bool patch_bias = true;
  bool two_frames = false;  // a kernel for each of two frames; a still picture is both
  bool pre_norm = false;
  bool post_norm = true;
  bool joined_qkv = false;    // one tensor
  bool gated = false;         // down(act(gate x) * up x)
  bool layer_scale = false;   // a factor for each number of a branch
  int window = 0;             // patches; side of the squares that attention stays in; 0: it does not
  int window_free_every = 0;  // layers of which the last is free
  Join join = Join::concatenate;
  // How a joined row becomes the decoder's: a norm, a product, and mostly GELU and a second product.
  struct Projection {
    const char* norm = nullptr;  // names of tensors; null: there is none
    NormKind norm_kind = NormKind::layer;
    float eps = 0;
    const char* first = nullptr;
    bool first_bias = true;
    const char* second = nullptr;
    bool turned = false;  // the first one's file has its columns as rows
  } projection;
  std::vector<int> deepstack;  // layers that also give rows to the decoder

  int grid() const noexcept { return image_size / patch_size; }
  int n_patches() const noexcept { return grid() * grid(); }
  int n_rows() const noexcept { return n_patches() + (class_token ? 1 : 0); }
  int n_image_tokens() const noexcept { return n_patches() / (shuffle * shuffle); }
  int n_deepstack() const noexcept { return static_cast<int>(deepstack.size()); }
  // What an image token is: the decoder's row, and one for each tapped layer.
  int row_numbers() const noexcept { return projection_dim * (1 + n_deepstack()); }
  int head_dim() const noexcept { return dim / n_heads; }
  bool sees_windows(int layer) const noexcept { return window > 0 && (layer + 1) % window_free_every != 0; }
  int patch_numbers() const noexcept { return 3 * patch_size * patch_size; }
};
[[nodiscard]] Result<VisionConfig> read_vision_config(const gguf::File& file);

}  // namespace shrike
