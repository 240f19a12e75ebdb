#pragma once

#include <span>
#include <string_view>

#include "core/kv/block.hpp"
#include "core/model/chat_format.hpp"
#include "core/model/config.hpp"
#include "core/model/tiles.hpp"
#include "core/model/tokenizer.hpp"

namespace shrike {

// One position of a prompt. A token below 0 is no text: -1 - k stands for row k of the picture's image
// tokens.
struct PromptToken {
  TokenId token = 0;
  kv::TokenFacts facts;
};
constexpr TokenId image_row(int k) noexcept { return -1 - k; }

// The model's own words around a stream and a question, as its chat format has them; for SmolVLM2:
//
//   opening   <|im_start|>User: You are provided the following series of frames from a video.\n
//   frame     \nFrame from 00:07:<fake_token_around_image><global-img>[rows]<fake_token_around_image>
//   question  \n\nQUESTION<end_of_utterance>\nAssistant:
//
// and a frame in 2 x 3 tiles, in place of the one between the marks (F):
//
//   F<row_1_col_1>[rows]F<row_1_col_2>[rows]F<row_1_col_3>[rows]\nF<row_2_col_1>[rows] ... [rows]\n
//   \nF<global-img>[rows]F
//
// A file may bring an opening and a form of frame of its own: `shrike.prompt.intro`, and `shrike.prompt.frame`
// with {image} once and {time} at most once, where marks of the vocabulary count as such. The opening is
// pinned: it is where attention sinks lie. Times are whole seconds, minutes are not wrapped into hours. A
// user's words are words, also where they are spelled like marks.
//
// Units    every call returns the number of tokens written, or -1 when `out` is too small
// Memory   `out` is the caller's; `scratch` as well, it bounds the tokens of one text; nothing is allocated
// Errors   make: unsupported, when the vocabulary lacks a mark of the format; malformed, a form of frame that
//          is none
// Source   SmolVLM arXiv 2504.05299 and the processors of the model families
class Prompt {
 public:
  struct Options {
    TileLimits tiles;                    // how pictures are cut
    bool grids = false;                  // an image token's place is its row and column, see kv::Place
    const ChatFormat* format = nullptr;  // outlives the prompt
    bool pictures = false;               // pictures without a time, no stream
  };
  Prompt() = default;
  [[nodiscard]] static Result<Prompt> make(const gguf::File& file, const Tokenizer& tokenizer,
                                           const TextConfig& config, const Options& options,
                                           std::span<TokenId> scratch);

  // again: what stands before is an answer that was kept, whose turn is yet to be closed.
  int opening(std::span<PromptToken> out) const noexcept;
  int frame(double seconds, int number, std::span<PromptToken> out, TileGrid grid = {},
            bool again = false) const noexcept;
  int question(std::string_view text, std::span<PromptToken> out, bool again = false) const noexcept;
  // A picture alone: its rows and the family's marks, none of the words around a frame.
  int image(int number, std::span<PromptToken> out, TileGrid grid = {}) const noexcept;

  // The most rows and columns of tiles that the vocabulary has marks for; 0: none.
  int tiles_across_max() const noexcept { return tiles_across_max_; }

  static constexpr std::size_t kQuestionBytesMax = 16 * 1024;
  static constexpr std::size_t kFrameBytesMax = 512;  // of the form of a frame
  static constexpr int kTilesAcrossMax = 16;
  static constexpr double kSecondsMax =
      5'999'999;  // 99,999:59, seventy days: after that the clock stands still

 private:
  class Words;
  class Writer;
  void put_image(Words& words, Writer& writer, TileGrid grid, bool marks) const noexcept;
  Status check_marks(const gguf::File& file, std::string_view form) const;
  Status read_frame_form(const gguf::File& file, std::string_view form);
  void count_tile_marks() noexcept;

  const Tokenizer* tokenizer_ = nullptr;
  std::string_view opening_, intro_;
  std::string_view before_time_, after_time_, after_image_;  // of a frame
  std::string_view image_begin_, image_end_;                 // around the rows of one tile
  std::string_view before_question_, after_question_;
  ChatFormat::Again again_;
  bool has_time_ = false;
  bool own_frame_ = false;  // the form of a frame has the marks of its picture in it
  std::span<TokenId> scratch_;
  TileLimits tiles_;
  bool grids_ = false;
  const ChatFormat* format_ = nullptr;
  int tiles_across_max_ = 0;
};

}  // namespace shrike
