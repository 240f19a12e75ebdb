#pragma once

#include <span>
#include <string_view>

#include "core/kv/block.hpp"
#include "core/model/config.hpp"
#include "core/model/tokenizer.hpp"

namespace shrike {

// One position of a prompt. A token below 0 is no text: -1 - k stands for row k of the picture's image
// tokens.
struct PromptToken {
  TokenId token = 0;
  kv::TokenFacts facts;
};
constexpr TokenId image_row(int k) noexcept { return -1 - k; }

// The model's own words around a stream and a question (SmolVLM):
//
//   opening   <|im_start|>User: Watch the camera.
//   frame     \nFrame from 00:07:<fake_token_around_image><global-img>[image rows]<fake_token_around_image>
//   question  <end_of_utterance>\nUser: QUESTION<end_of_utterance>\nAssistant:
//
// A file may bring an opening and a form of frame of its own: `shrike.prompt.intro`, and `shrike.prompt.frame` with
// {image} once and {time} at most once, where marks of the vocabulary count as such. The opening is pinned: it is
// where attention sinks lie. Times are whole seconds, minutes are not wrapped into hours.
//
// Units    every call returns the number of tokens written, or -1 when `out` is too small
// Memory   `out` is the caller's; `scratch` as well, it bounds the tokens of one text; nothing is allocated
// Errors   make: unsupported, when the vocabulary lacks one of the marks above; malformed, a form of frame that is
//          none
class Prompt {
 public:
  Prompt() = default;
  [[nodiscard]] static Result<Prompt> make(const gguf::File& file, const Tokenizer& tokenizer,
                                           const TextConfig& config, int n_image_tokens,
                                           std::span<TokenId> scratch);

  int opening(std::span<PromptToken> out) const noexcept;
  int frame(double seconds, int number, std::span<PromptToken> out) const noexcept;
  int question(std::string_view text, std::span<PromptToken> out) const noexcept;

  static constexpr std::size_t kQuestionBytesMax = 16 * 1024;
  static constexpr std::size_t kFrameBytesMax = 512;  // of the form of a frame
  static constexpr double kSecondsMax =
      5'999'999;  // 99,999:59, seventy days: after that the clock stands still

 private:
  class Writer;
  Status read_frame_form(const gguf::File& file, std::string_view form);

  const Tokenizer* tokenizer_ = nullptr;
  std::string_view opening_;
  std::string_view before_time_, after_time_, after_image_;  // of a frame
  bool has_time_ = false;
  std::span<TokenId> scratch_;
  int n_image_tokens_ = 0;
  TokenId im_start_ = -1, end_of_utterance_ = -1;
};

}  // namespace shrike
