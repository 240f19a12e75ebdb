// The words around a stream, in the shipped model's tokens.
#include "core/model/prompt.hpp"

#include <cmath>
#include <limits>

#include "platform/memory.hpp"
#include "tests/core/tokenizer_fixture.hpp"

namespace shrike {
namespace {

using test::BuiltTokenizer;

constexpr int kImageTokens = 16;

struct Words {
  Words() : scratch(4096), out(20'000), tokenizer(test::small_vocabulary()) {
    TextConfig config;
    config.prompt_intro = "User: hello";
    prompt = make(config).value();
  }
  Result<Prompt> make(const TextConfig& config) {
    return Prompt::make(tokenizer.file, tokenizer.tokenizer, config, kImageTokens, scratch);
  }
  // What the first n tokens of `out` say; a mark by its text, a row of the picture as a star.
  std::string said(int n) const {
    std::string text;
    for (int i = 0; i < n; ++i) {
      const TokenId token = out[static_cast<std::size_t>(i)].token;
      const std::string piece = token < 0 ? "*" : tokenizer.decode({token});
      text += piece.empty() ? std::string(tokenizer.tokenizer.text(token)) : piece;
    }
    return text;
  }
  std::string frame(double seconds) { return said(prompt.frame(seconds, 0, out)); }

  std::vector<TokenId> scratch;
  std::vector<PromptToken> out;
  BuiltTokenizer tokenizer;
  Prompt prompt;
};

std::string frame_at(const std::string& time) {
  return "\nFrame from " + time + ":<fake_token_around_image><global-img>" + std::string(kImageTokens, '*') +
         "<fake_token_around_image>";
}

TEST(Prompt, says_what_the_model_was_taught) {
  Words w;
  EXPECT_EQ(w.said(w.prompt.opening(w.out)), "<|im_start|>User: hello");
  EXPECT_EQ(w.frame(7), frame_at("00:07"));
  EXPECT_EQ(w.said(w.prompt.question("What?", w.out)),
            "<end_of_utterance>\nUser: What?<end_of_utterance>\nAssistant:");
  EXPECT_EQ(w.said(w.prompt.question("", w.out)), "<end_of_utterance>\nUser: <end_of_utterance>\nAssistant:");
}

TEST(Prompt, without_words_of_the_files_own_the_opening_is_smolvlms) {
  Words w;
  const Prompt prompt = w.make({}).value();
  EXPECT_EQ(w.said(prompt.opening(w.out)),
            "<|im_start|>User: You are provided the following series of frames from a video.\n");
}

TEST(Prompt, a_file_may_bring_its_own_form_of_frame) {
  Words w;
  const auto frame = [&](std::string_view form) {
    TextConfig config;
    config.prompt_frame = form;
    const Prompt prompt = w.make(config).value();
    return w.said(prompt.frame(67, 0, w.out));
  };
  const std::string rows(kImageTokens, '*');
  EXPECT_EQ(frame("\n{time}{image}"), "\n01:07" + rows);
  EXPECT_EQ(frame("{image}"), rows);
  EXPECT_EQ(frame("<global-img>{image}hello {time"), "<global-img>" + rows + "hello {time");
  EXPECT_EQ(frame("at {time}, {image}."), "at 01:07, " + rows + ".");
}

TEST(Prompt, a_form_of_frame_that_is_none_is_refused) {
  Words w;
  const auto verdict = [&](std::string_view form) {
    TextConfig config;
    config.prompt_frame = form;
    return test::verdict(w.make(config));
  };
  const std::string at = " | file: shrike.prompt.frame";
  EXPECT_EQ(verdict("{time}"), "malformed | {image} must stand in it once" + at);
  EXPECT_EQ(verdict("{image}{image}"), "malformed | {image} must stand in it once" + at);
  EXPECT_EQ(verdict("{time}{time}{image}"),
            "malformed | {time} must stand in it at most once, before {image}" + at);
  EXPECT_EQ(verdict("{image}{time}"),
            "malformed | {time} must stand in it at most once, before {image}" + at);
  EXPECT_EQ(verdict(std::string(Prompt::kFrameBytesMax, ' ') + "{image}"),
            "malformed | the form of a frame is too long" + at);
}

TEST(Prompt, tells_whole_seconds_and_a_clock_that_stands_still_at_its_end) {
  Words w;
  EXPECT_EQ(w.frame(0), frame_at("00:00"));
  EXPECT_EQ(w.frame(59.999), frame_at("00:59"));
  EXPECT_EQ(w.frame(60), frame_at("01:00"));
  EXPECT_EQ(w.frame(3600), frame_at("60:00"));
  EXPECT_EQ(w.frame(Prompt::kSecondsMax), frame_at("99999:59"));
  EXPECT_EQ(w.frame(1e300), frame_at("99999:59"));
  EXPECT_EQ(w.frame(std::numeric_limits<double>::infinity()), frame_at("99999:59"));
  for (const double none : {-0.5, -1e300, -std::numeric_limits<double>::infinity(), std::nan("")})
    EXPECT_EQ(w.frame(none), frame_at("00:00")) << none;
}

TEST(Prompt, rows_of_the_picture_know_their_place) {
  Words w;
  const int n = w.prompt.frame(0, 5, w.out);
  int row = 0;
  for (int i = 0; i < n; ++i) {
    const PromptToken& token = w.out[static_cast<std::size_t>(i)];
    EXPECT_EQ(token.facts.frame, 5);
    EXPECT_EQ(token.facts.modality == kv::Modality::image, token.token < 0);
    if (token.token >= 0) continue;
    EXPECT_EQ(token.token, image_row(row));
    EXPECT_EQ(token.facts.i, row / 4);
    EXPECT_EQ(token.facts.j, row % 4);
    ++row;
  }
  EXPECT_EQ(row, kImageTokens);
}

TEST(Prompt, only_the_opening_is_pinned) {
  Words w;
  const auto pinned = [&](int n) {
    int n_pinned = 0;
    for (int i = 0; i < n; ++i)
      n_pinned += (w.out[static_cast<std::size_t>(i)].facts.flags & kv::kPinned) != 0 ? 1 : 0;
    return n_pinned;
  };
  const int n_opening = w.prompt.opening(w.out);
  EXPECT_EQ(pinned(n_opening), n_opening);
  EXPECT_EQ(pinned(w.prompt.frame(0, 0, w.out)), 0);
  EXPECT_EQ(pinned(w.prompt.question("What?", w.out)), 0);
}

TEST(Prompt, what_does_not_fit_is_minus_one) {
  Words w;
  const auto fits_from = [&](auto&& write) {
    int n = 0;
    while (write(std::span(w.out).first(static_cast<std::size_t>(n))) < 0) ++n;
    return n;
  };
  EXPECT_EQ(fits_from([&](auto out) { return w.prompt.opening(out); }), w.prompt.opening(w.out));
  EXPECT_EQ(fits_from([&](auto out) { return w.prompt.frame(7, 0, out); }), w.prompt.frame(7, 0, w.out));
  EXPECT_EQ(fits_from([&](auto out) { return w.prompt.question("What?", out); }),
            w.prompt.question("What?", w.out));
  const std::string long_text(3000, '?');
  EXPECT_GT(w.prompt.question(long_text, w.out), 3000);
  EXPECT_EQ(w.prompt.question(long_text + "\n" + long_text, w.out), -1) << "beyond the scratch";
  EXPECT_EQ(w.prompt.question(std::string(Prompt::kQuestionBytesMax + 1, ' '), w.out), -1);
}

TEST(Prompt, marks_in_a_question_are_words) {
  Words w;
  const int n = w.prompt.question("<|im_start|><end_of_utterance>", w.out);
  int n_marks = 0;
  for (int i = 0; i < n; ++i) n_marks += w.out[static_cast<std::size_t>(i)].token > 260 ? 1 : 0;
  EXPECT_EQ(n_marks, 2) << "those around it";
}

TEST(Prompt, every_mark_is_needed) {
  for (const char* mark :
       {"<|im_start|>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"}) {
    test::Vocabulary v = test::small_vocabulary();
    for (std::string& token : v.tokens)
      if (token == mark) token += "?";
    const BuiltTokenizer built(v);
    EXPECT_EQ(test::verdict(Prompt::make(built.file, built.tokenizer, {}, 1, {})),
              std::string("unsupported | the vocabulary lacks a mark of the SmolVLM prompt | file: ") + mark);
  }
}

}  // namespace
}  // namespace shrike
