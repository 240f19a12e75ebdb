#pragma once

#include <cstdint>
#include <string_view>

#include "core/gguf/reader.hpp"
#include "platform/result.hpp"

namespace shrike {

// Which two numbers of a head rotary positions turn together.
enum class RopePairing : std::uint8_t { neighbours, halves };

enum class Activation : std::uint8_t { gelu, gelu_quick };

// The decoder's shape, read from a text file of architecture `llama` and proven to be consistent and within
// limits.
struct TextConfig {
  int n_vocab = 0;
  int n_layers = 0;
  int dim = 0;
  int n_heads = 0;
  int n_kv_heads = 0;  // divides n_heads
  int head_dim = 0;
  int n_rope = 0;  // leading numbers of a head that are rotated; even
  int n_ff = 0;
  int n_ctx = 0;  // positions the model was trained for
  float rms_eps = 0;
  float rope_base = 0;
  RopePairing pairing = RopePairing::neighbours;

  // What the model was taught to read around a stream; ours, absent in files of others.
  std::string_view prompt_intro;  // shrike.prompt.intro
  std::string_view prompt_frame;  // shrike.prompt.frame, with {time} and {image} in it
  float video_fps = 1.0f;         // shrike.video.fps

  int group() const noexcept { return n_heads / n_kv_heads; }
};
[[nodiscard]] Result<TextConfig> read_text_config(const gguf::File& file);

// The vision tower's and projector's shape, from a file of architecture `clip` with projector `idefics3`.
struct VisionConfig {
  std::string_view projector;
  int image_size = 0;    // side of a tile, pixels
  int longest_edge = 0;  // of a picture that is cut into tiles, pixels; image_size: it is not
  int patch_size = 0;    // divides image_size
  int dim = 0;
  int n_layers = 0;
  int n_heads = 0;
  int n_ff = 0;
  float eps = 0;
  Activation activation = Activation::gelu_quick;
  float mean[3] = {};  // for pixels in 0..1
  float std[3] = {};
  int shuffle = 0;         // pixel-shuffle factor, divides grid()
  int projection_dim = 0;  // the decoder's dim

  int grid() const noexcept { return image_size / patch_size; }
  int n_patches() const noexcept { return grid() * grid(); }
  int n_image_tokens() const noexcept { return n_patches() / (shuffle * shuffle); }
  int head_dim() const noexcept { return dim / n_heads; }
  int patch_numbers() const noexcept { return 3 * patch_size * patch_size; }
};
[[nodiscard]] Result<VisionConfig> read_vision_config(const gguf::File& file);

}  // namespace shrike
