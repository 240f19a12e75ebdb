#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/gguf/reader.hpp"
#include "core/model/tokenizer.hpp"

namespace shrike {

// What a model was taught to read around pictures and questions. In each text {image} stands for a picture's
// rows with the family's marks around them, {time} for minutes and seconds, {question} for the user's words,
// {intro} for a file's own opening; whatever else stands in angle brackets is a mark, a token of the
// vocabulary. Nothing of a file is executed: its template is only looked at for marks.
struct ChatFormat {
  struct Form {
    std::string_view opening;   // once, before everything
    std::string_view frame;     // each picture; empty: the file's own form, marks of the picture included
    std::string_view question;  // what is asked, up to where the answer begins
  };
  struct Again {
    std::string_view frame, question;  // what comes first where an answer that was kept stands before
  };
  // A picture in tiles, in place of `image` around one: what comes before the first tile, before each, behind a
  // row of them, and before the whole picture; behind that comes what stands behind {image}.
  struct Tiles {
    std::string_view begin, tile, row_end, whole;  // tile with {row} and {column}, counted from 1
  };
  std::string_view name;
  Form pictures;           // pictures without a time
  Form stream;             // frames of a stream
  std::string_view image;  // one tile: {image} and the marks around it
  Again again;
  const Tiles* tiles = nullptr;  // null: the model was taught none
};

[[nodiscard]] std::span<const ChatFormat> chat_formats() noexcept;

// By name; unknown ones are a usage error whose hint lists those that there are, the nearest first.
[[nodiscard]] Result<const ChatFormat*> chat_format(std::string_view name);

// The one a text model was made for: by its own prompt keys (shrike.prompt.*), the projector of its vision
// file ("" where there is none), and the marks in its template, or in its vocabulary where it has no template.
[[nodiscard]] const ChatFormat& recognised_format(const gguf::File& file, const Tokenizer& tokenizer,
                                                  std::string_view projector) noexcept;

}  // namespace shrike
