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
const TileLimits kTiles{.side = 4, .cell = 1}, kOneToken{.side = 1, .cell = 1};

struct Words {
  explicit Words(const test::Vocabulary& vocabulary = test::small_vocabulary())
      : scratch(4096), out(20'000), tokenizer(vocabulary) {
    TextConfig config;
    config.prompt_intro = "User: hello";
    prompt = make(config).value();
  }
  Result<Prompt> make(const TextConfig& config, std::string_view format = "shrike", bool pictures = false) {
    return Prompt::make(tokenizer.file, tokenizer.tokenizer, config,
                        {kTiles, false, chat_format(format).value(), pictures}, scratch);
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

// --- the formats of others ---------------------------------------------------------------------------------

// All that is said of one picture and one question, and what goes on behind an answer that was kept.
struct Said {
  std::string first, again;
};
Said said_in(const char* format, bool pictures, std::initializer_list<const char*> marks = {}) {
  test::Vocabulary v = test::small_vocabulary();
  for (const char* mark : marks) v.add(mark, test::Vocabulary::kControl);
  Words w(v);
  const Prompt prompt = w.make({}, format, pictures).value();
  Said said;
  said.first = w.said(prompt.opening(w.out)) + "|";
  said.first += w.said(prompt.frame(67, 0, w.out)) + "|" + w.said(prompt.question("Q", w.out));
  said.again = w.said(prompt.frame(67, 0, w.out, {}, true)) + "|" + w.said(prompt.question("Q", w.out, true));
  return said;
}
const std::string kRows(kImageTokens, '*');

TEST(ChatFormat, smolvlm_is_said_as_it_was_taught) {
  const std::string image = "<fake_token_around_image><global-img>" + kRows + "<fake_token_around_image>";
  const std::string answer = "Q<end_of_utterance>\nAssistant:";
  for (const char* format : {"smolvlm", "smolvlm2"})
    EXPECT_EQ(said_in(format, true).first, "<|im_start|>User:|" + image + "|" + answer);
  const Said stream = said_in("smolvlm2", false);
  EXPECT_EQ(stream.first,
            "<|im_start|>User: You are provided the following series of frames from a video.\n|\nFrame from "
            "01:07:" +
                image + "|\n\n" + answer);
  EXPECT_EQ(stream.again, "<end_of_utterance>\nUser:\nFrame from 01:07:" + image +
                              "|<end_of_utterance>\nUser: \n\n" + answer);
}

TEST(ChatFormat, every_other_family_is_said_as_its_template_says) {
  const auto chatml = [](const std::string& opening, const std::string& image) {
    return opening + "<|im_start|>user\n|" + image + "|Q<|im_end|>\n<|im_start|>assistant\n";
  };
  EXPECT_EQ(said_in("chatml", true, {"<|im_end|>"}).first, chatml("", kRows + "\n"));
  EXPECT_EQ(said_in("qwen2-vl", true, {"<|im_end|>", "<|vision_start|>", "<|vision_end|>"}).first,
            chatml("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
                   "<|vision_start|>" + kRows + "<|vision_end|>"));
  EXPECT_EQ(said_in("internvl", true, {"<|im_end|>", "<img>", "</img>"}).first,
            chatml("", "<img>" + kRows + "</img>\n"));
  EXPECT_EQ(said_in("lfm2-vl", true, {"<|im_end|>", "<|image_start|>", "<|image_end|>"}).first,
            chatml("", "<|image_start|>" + kRows + "<|image_end|>"));
  EXPECT_EQ(said_in("llava-1.5", true, {"</s>"}).first, "USER: |" + kRows + "|\nQ ASSISTANT:");
  EXPECT_EQ(said_in("vicuna", true, {"</s>"}).first, "USER: |" + kRows + "|Q\nASSISTANT:");
  EXPECT_EQ(said_in("gemma", true, {"<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"})
                .first,
            "<start_of_turn>user\n|\n\n<start_of_image>" + kRows +
                "<end_of_image>\n\n|Q<end_of_turn>\n<start_of_turn>model\n");
  EXPECT_EQ(said_in("plain", true).first, "|" + kRows + "\n|Q\n");
  EXPECT_EQ(said_in("plain", false).first, "|01:07 " + kRows + "\n|Q\n");
}

TEST(ChatFormat, a_turn_that_was_kept_is_closed_before_the_next) {
  EXPECT_EQ(said_in("chatml", true, {"<|im_end|>"}).again,
            "<|im_end|>\n<|im_start|>user\n" + kRows +
                "\n|<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(said_in("shrike", false).again,
            said_in("shrike", false).first.substr(said_in("shrike", false).first.find('|', 13) + 1))
      << "the shipped model's question closes it";
}

TEST(ChatFormat, an_unknown_name_is_answered_with_the_nearest) {
  const Result<const ChatFormat*> format = chat_format("smolvm");
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().subject, "--chat-format smolvm");
  EXPECT_EQ(format.error().hint.find("there are smolvlm, "), 0u) << format.error().hint;
  for (const ChatFormat& known : chat_formats()) {
    EXPECT_EQ(chat_format(known.name).value(), &known);
    EXPECT_NE(format.error().hint.find(known.name), std::string::npos);
  }
}

TEST(ChatFormat, is_recognised_by_what_a_file_holds) {
  const auto recognised = [](const char* key, const char* value, const char* projector = "",
                             std::initializer_list<const char*> marks = {}) {
    test::Vocabulary v;
    for (int byte = 0; byte < 256; ++byte) v.add(test::spelled_byte(byte));
    for (const char* mark : marks) v.add(mark, test::Vocabulary::kControl);
    test::GgufWriter w = BuiltTokenizer::file_of(v);
    w.set(key, value);
    const BuiltTokenizer built(w);
    return std::string(recognised_format(built.file, built.tokenizer, projector).name);
  };
  constexpr const char* kTemplate = "tokenizer.chat_template";
  EXPECT_EQ(recognised("shrike.prompt.intro", "Look."), "shrike");
  EXPECT_EQ(recognised("shrike.prompt.frame", "{image}"), "shrike");
  EXPECT_EQ(recognised(kTemplate, "<|im_start|>{% for %}<end_of_utterance>", "idefics3"), "smolvlm2");
  EXPECT_EQ(recognised(kTemplate, "<|im_start|>{% for %}<|im_end|>"), "chatml");
  EXPECT_EQ(recognised(kTemplate, "<|im_start|> <|vision_start|>"), "qwen2-vl");
  EXPECT_EQ(recognised(kTemplate, "<|im_start|>", "qwen2.5vl_merger"), "qwen2-vl");
  EXPECT_EQ(recognised(kTemplate, "<|im_start|>", "internvl"), "internvl");
  EXPECT_EQ(recognised(kTemplate, "<|im_start|>", "lfm2"), "lfm2-vl");
  EXPECT_EQ(recognised(kTemplate, "<start_of_turn>user"), "gemma");
  EXPECT_EQ(recognised(kTemplate, "USER: {{ }} ASSISTANT: "), "vicuna");
  EXPECT_EQ(recognised(kTemplate, "USER: {{ }} ASSISTANT: ", "mlp"), "llava-1.5");
  EXPECT_EQ(recognised(kTemplate, "[INST] {{ }}", "mlp"), "plain");
  EXPECT_EQ(recognised("general.name", "", "mlp"), "llava-1.5") << "whose files have no template";
  EXPECT_EQ(recognised("general.name", ""), "plain");
  EXPECT_EQ(recognised("general.name", "x", "", {"<|im_start|>", "<end_of_utterance>"}), "smolvlm2");
  EXPECT_EQ(recognised("general.name", "SmolVLM 256M", "", {"<|im_start|>", "<end_of_utterance>"}),
            "smolvlm");
  EXPECT_EQ(recognised("general.name", "SmolVLM2 256M", "", {"<|im_start|>", "<end_of_utterance>"}),
            "smolvlm2");
}

TEST(ChatFormat, begins_with_bos_where_the_tokenizer_adds_one) {
  test::Vocabulary v = test::small_vocabulary();
  const int bos = v.add("<|startoftext|>", test::Vocabulary::kControl);
  v.add("<|im_end|>", test::Vocabulary::kControl);
  test::GgufWriter file = BuiltTokenizer::file_of(v);
  file.set("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(bos));
  file.set("tokenizer.ggml.add_bos_token", true);
  const BuiltTokenizer built(file);
  std::vector<TokenId> scratch(64);
  std::vector<PromptToken> out(64);
  const Prompt prompt = Prompt::make(built.file, built.tokenizer, {},
                                     {kOneToken, false, chat_format("chatml").value(), true}, scratch)
                            .value();
  ASSERT_GT(prompt.opening(out), 1);
  EXPECT_EQ(out[0].token, bos);
  EXPECT_EQ(out[1].token, built.tokenizer.find("<|im_start|>"));
}

// --- tiles -------------------------------------------------------------------------------------------------

TEST(Tiles, are_as_many_as_the_longer_side_asks_for) {
  const auto grid = [](int width, int height, int edge, int n_max = 1000) {
    const TileGrid g = tiles_of(width, height, {64, edge, 16, n_max});
    return std::pair(g.rows, g.columns);
  };
  EXPECT_EQ(grid(200, 120, 192), std::pair(2, 3));
  EXPECT_EQ(grid(90, 170, 192), std::pair(4, 2)) << "in single precision 170 pixels become more than 192";
  EXPECT_EQ(tiles_across(64, 192), 4);
  EXPECT_EQ(tiles_across(512, 2048), 4) << "powers of two are exact";
  EXPECT_EQ(grid(64, 64, 192), std::pair(3, 3));
  EXPECT_EQ(grid(1920, 1080, 256), std::pair(3, 4));
  EXPECT_EQ(grid(1, 8000, 256), std::pair(4, 1)) << "never less than a tile";
  EXPECT_EQ(grid(1920, 1080, 64), std::pair(0, 0)) << "not cut";
  EXPECT_EQ(grid(1920, 1080, 256, 12), std::pair(2, 3))
      << "the longer side shrinks until they are few enough";
  EXPECT_EQ(grid(1920, 1080, 256, 6), std::pair(2, 2));
  EXPECT_EQ(grid(1920, 1080, 256, 1), std::pair(0, 0));
  for (int width = 1; width < 5000; width += 7)
    EXPECT_LE(tiles_of(width, 1, {384, 1536, 16, 1000}).columns, tiles_across(384, 1536)) << width;
}

TEST(Tiles, stand_in_rows_and_the_whole_comes_last) {
  test::Vocabulary v = test::small_vocabulary();
  for (const char* mark : {"<row_1_col_1>", "<row_1_col_2>", "<row_2_col_1>", "<row_2_col_2>"})
    v.add(mark, test::Vocabulary::kControl);
  Words w(v);
  const Prompt prompt = w.make({}, "smolvlm2", true).value();
  EXPECT_EQ(prompt.tiles_across_max(), 2);
  EXPECT_EQ(w.prompt.tiles_across_max(), 0) << "a format without tiles";
  const std::string f = "<fake_token_around_image>";
  const int n = prompt.frame(0, 3, w.out, {2, 2});
  EXPECT_EQ(w.said(n), f + "<row_1_col_1>" + kRows + f + "<row_1_col_2>" + kRows + "\n" + f +
                           "<row_2_col_1>" + kRows + f + "<row_2_col_2>" + kRows + "\n\n" + f +
                           "<global-img>" + kRows + f);
  int row = 0;
  for (int i = 0; i < n; ++i) {
    const PromptToken& token = w.out[static_cast<std::size_t>(i)];
    EXPECT_EQ(token.facts.frame, 3);
    if (token.token >= 0) continue;
    EXPECT_EQ(token.token, image_row(row)) << "rows of the tiles follow one another";
    const int tile = row / kImageTokens, k = row % kImageTokens;
    EXPECT_EQ(token.facts.i, (tile == 4 ? 8 : tile / 2 * 4) + k / 4);
    EXPECT_EQ(token.facts.j, (tile == 4 ? 0 : tile % 2 * 4) + k % 4);
    ++row;
  }
  EXPECT_EQ(row, 5 * kImageTokens);
}

// --- the form of a file's own ------------------------------------------------------------------------------

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
    EXPECT_EQ(test::verdict(Prompt::make(built.file, built.tokenizer, {},
                                         {kOneToken, false, chat_format("shrike").value()}, {})),
              std::string("unsupported | the vocabulary lacks a mark of the chat format | file: ") + mark);
  }
}

}  // namespace
}  // namespace shrike
