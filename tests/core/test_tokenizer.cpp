// Text to ids and back: the shipped model's vocabulary, recorded cases where they are at hand, and an obvious
// byte-pair encoder beside the quick one. Vocabularies that mean harm are in test_tokenizer_hostile.cpp.
#include "core/model/tokenizer.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "platform/memory.hpp"
#include "tests/core/tokenizer_fixture.hpp"
#include "tests/support/alloc_guard.hpp"

namespace shrike {
namespace {

using test::BuiltTokenizer;
using test::ObviousBpe;
using Ids = std::vector<TokenId>;

std::vector<std::byte> read_file(const std::string& path) {
  const Result<MappedFile> file = MappedFile::open(path);
  EXPECT_TRUE(file) << path;
  return {file->bytes().begin(), file->bytes().end()};
}

const BuiltTokenizer& perch() {
  static const BuiltTokenizer built(read_file(SHRIKE_SOURCE_DIR "/models/perch/perch-f16.gguf"));
  return built;
}

// --- the shipped model -------------------------------------------------------------------------------------

TEST(TokenizerPerch, knows_its_own_facts) {
  const Tokenizer& t = perch().tokenizer;
  ASSERT_EQ(perch().why, "accepted");
  EXPECT_EQ(t.n_vocab(), 517);
  EXPECT_EQ(t.text(t.bos()), "<|im_start|>");
  EXPECT_EQ(t.text(t.eos()), "<end_of_utterance>");
  EXPECT_FALSE(t.add_bos());
  for (const char* end : {"<end_of_utterance>", "<|im_end|>", "<|endoftext|>"})
    EXPECT_TRUE(t.ends_generation(t.find(end))) << end;
  EXPECT_FALSE(t.ends_generation(t.find("<image>")));
  EXPECT_FALSE(t.ends_generation(-1));
  for (TokenId token = 0; token < t.n_vocab(); ++token) EXPECT_EQ(t.find(t.text(token)), token);
}

TEST(TokenizerPerch, empty_text_is_no_tokens) {
  EXPECT_EQ(perch().encode(""), Ids());
  EXPECT_EQ(perch().encode("", Special::parse), Ids());
  EXPECT_EQ(perch().tokenizer.encode("", Special::parse, {}), 0) << "which fit into nothing";
}

TEST(TokenizerPerch, every_byte_and_every_pair_of_bytes_comes_back) {
  for (int a = 0; a < 256; ++a) {
    const std::string one(1, static_cast<char>(a));
    const Ids ids = perch().encode(one);
    ASSERT_EQ(ids.size(), 1u) << a;
    EXPECT_EQ(perch().tokenizer.text(ids[0]), test::spelled_byte(a));
    EXPECT_EQ(perch().decode(ids), one);
    for (int b = 0; b < 256; ++b) {
      const std::string two = one + static_cast<char>(b);
      EXPECT_EQ(perch().decode(perch().encode(two)), two) << a << " " << b;
    }
  }
}

TEST(TokenizerPerch, invalid_utf8_comes_back_byte_for_byte) {
  for (const std::string text :
       {"\x80", "\xBF\xBF", "a\xC3", "\xC0\xAF", "\xE2\x82", "\xED\xA0\x80", "\xF0\x9F\x9A",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF\xFE", "caf\xE9 au lait", "\xE2\x28\xA1 7 \xC3\x28"})
    for (const Special special : {Special::as_text, Special::parse})
      EXPECT_EQ(perch().decode(perch().encode(text, special)), text);
  const std::string zero("a\0b \0", 5);
  EXPECT_EQ(perch().decode(perch().encode(zero)), zero);
}

TEST(TokenizerPerch, words_of_the_vocabulary_are_one_token) {
  for (const char* word : {" squares", " triangles", " crosses"})
    EXPECT_EQ(perch().encode(word).size(), 1u) << word;
  EXPECT_EQ(perch().encode("07").size(), 2u) << "each digit is a word of its own";
}

TEST(TokenizerPerch, agrees_with_the_obvious_encoder_and_comes_back) {
  const ObviousBpe obvious(perch());
  test::Numbers numbers(5);
  for (int n = 0; n < 3000; ++n) {
    const std::string text = test::random_text(numbers, 1 + n % 40);
    const Ids ids = perch().encode(text);
    ASSERT_EQ(ids, obvious.encode(text)) << n << ": " << text;
    ASSERT_EQ(perch().decode(ids), text) << n;
  }
}

TEST(TokenizerPerch, special_tokens_are_parsed_only_where_asked) {
  const Tokenizer& t = perch().tokenizer;
  for (TokenId token = 0; token < 7; ++token) {
    const std::string text(t.text(token));
    EXPECT_EQ(perch().encode(text, Special::parse), Ids{token}) << text;
    const Ids as_text = perch().encode(text);
    EXPECT_GT(as_text.size(), 3u) << text;
    for (const TokenId id : as_text) EXPECT_GE(id, 7) << text;
    EXPECT_EQ(perch().decode(as_text), text);
    EXPECT_EQ(perch().decode({token}), "") << "a special token is never shown";
  }
}

TEST(TokenizerPerch, special_tokens_cut_the_text_around_them) {
  const Tokenizer& t = perch().tokenizer;
  const TokenId image = t.find("<image>"), start = t.find("<|im_start|>");
  EXPECT_EQ(perch().encode("<image><image>", Special::parse), (Ids{image, image}));
  Ids expected = {start};
  for (const TokenId id : perch().encode("User: red")) expected.push_back(id);
  expected.push_back(image);
  for (const TokenId id : perch().encode(" squares")) expected.push_back(id);
  EXPECT_EQ(perch().encode("<|im_start|>User: red<image> squares", Special::parse), expected);
  for (const char* text : {"<image", "<|im_start|", "<<<|im_", "image>", "< image>", "<IMAGE>"})
    EXPECT_EQ(perch().encode(text, Special::parse), perch().encode(text)) << text;
  EXPECT_EQ(perch().encode("<<image>>", Special::parse).size(), 3u);
}

TEST(TokenizerPerch, what_does_not_fit_is_minus_one) {
  for (const std::string text : {"How many red squares?", "<image><image>x", "7", "  \n  "}) {
    const int n = static_cast<int>(perch().encode(text, Special::parse).size());
    for (int size = 0; size < n + 2; ++size) {
      Ids out(static_cast<std::size_t>(size));
      EXPECT_EQ(perch().tokenizer.encode(text, Special::parse, out), size < n ? -1 : n)
          << text << " " << size;
    }
  }
}

TEST(TokenizerPerch, a_word_may_have_4096_bytes) {
  constexpr int kMax = Tokenizer::kWordBytesMax;
  const auto n_tokens = [](const std::string& text) {
    Ids out(text.size());
    return perch().tokenizer.encode(text, Special::as_text, out);
  };
  const std::string longest(kMax, 'a');
  EXPECT_EQ(perch().decode(perch().encode(longest)), longest);
  EXPECT_EQ(n_tokens(longest + "a"), -1);
  EXPECT_EQ(n_tokens(" " + longest), -1) << "the blank before a word is part of it";
  EXPECT_EQ(n_tokens("red squares " + longest), -1) << "wherever it stands";
  EXPECT_EQ(n_tokens(std::string(1 << 20, 'x')), -1);
  const std::string many = longest + "7" + longest + "7" + std::string(kMax - 1, '\xFF') + "\n" + longest;
  EXPECT_EQ(perch().decode(perch().encode(many)), many);
}

TEST(TokenizerPerch, long_words_agree_with_the_obvious_encoder) {
  const ObviousBpe obvious(perch());
  test::Numbers numbers(6);
  std::string letters;  // words full of pairs that can be joined
  for (int i = 0; i < 700; ++i) letters += "aeinorstngle"[numbers.below(12)];
  for (const std::string& text : {std::string(1200, 'e'), std::string(1201, 's'), letters})
    EXPECT_EQ(perch().encode(text), obvious.encode(text));
}

TEST(TokenizerPerch, decode_writes_no_further_than_it_may) {
  const Tokenizer& t = perch().tokenizer;
  const TokenId squares = t.find(test::spelled(" squares"));
  ASSERT_GE(squares, 0);
  for (std::size_t size = 0; size <= 10; ++size) {
    std::vector<char> out(size);  // exactly
    EXPECT_EQ(t.decode(squares, out), static_cast<int>(std::min<std::size_t>(size, 8)));
    EXPECT_EQ(std::string(out.data(), std::min<std::size_t>(size, 8)),
              std::string(" squares").substr(0, size));
  }
  char out[8];
  for (const TokenId token : {-1, -1000, 517, 1 << 30}) {
    EXPECT_EQ(t.decode(token, out), 0) << token;
    EXPECT_EQ(t.text(token), "") << token;
  }
}

TEST(TokenizerPerch, find_wants_the_whole_text) {
  const Tokenizer& t = perch().tokenizer;
  for (const char* text : {"", "<image", "<image>>", "no such token", " squares"})
    EXPECT_EQ(t.find(text), -1) << text;
}

TEST(TokenizerPerch, bytes_needed_are_exactly_enough) {
  // The fixture's memory is exactly as large, and a sanitizer watches its end. What lies before it and behind
  // it is watched here.
  const std::size_t n = perch().n_bytes;
  ASSERT_EQ(n % 64, 0u);
  const test::TokenizerMemory memory = test::tokenizer_memory(n + 128);
  std::fill(memory.get(), memory.get() + n + 128, std::byte{0xA5});
  const Tokenizer t = Tokenizer::build(perch().file, {memory.get() + 64, n}).value();
  Ids ids(5000);
  EXPECT_EQ(t.encode(std::string(Tokenizer::kWordBytesMax, 'e'), Special::as_text, ids),
            static_cast<int>(perch().encode(std::string(Tokenizer::kWordBytesMax, 'e')).size()));
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(memory.get()[i], std::byte{0xA5});
    EXPECT_EQ(memory.get()[64 + n + i], std::byte{0xA5});
  }
}

TEST(TokenizerDeathTest, one_byte_less_than_needed_stops) {
  const std::size_t n = perch().n_bytes;
  const test::TokenizerMemory memory = test::tokenizer_memory(n);
  EXPECT_DEATH((void)Tokenizer::build(perch().file, {memory.get(), n - 1}), "n_bytes <= memory.size");
  EXPECT_DEATH((void)Tokenizer::build(perch().file, {}), "n_bytes <= memory.size");
}

TEST(TokenizerPerch, encoding_and_decoding_allocate_nothing) {
  if (!test::alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  test::Numbers numbers(7);
  const std::string text = test::random_text(numbers, 500) + "<|im_start|>" + std::string(4096, 'e');
  Ids ids(text.size());
  char piece[limits::kTokenBytesMax];
  int n = 0, n_bytes = 0;
  const Tokenizer& tokenizer = perch().tokenizer;  // made here, when nobody counts
  {
    const test::AllocGuard guard;
    for (const Special special : {Special::parse, Special::as_text}) n = tokenizer.encode(text, special, ids);
    for (int i = 0; i < n; ++i) n_bytes += tokenizer.decode(ids[static_cast<std::size_t>(i)], piece);
    n += tokenizer.encode(std::string_view(text).substr(0, 100), Special::parse, {});
    EXPECT_EQ(guard.made(), 0u);
  }
  EXPECT_EQ(n_bytes, static_cast<int>(text.size()));
}

TEST(TokenizerPerch, what_is_verbatim_spells_no_mark) {
  const Tokenizer& t = perch().tokenizer;
  const std::string mark = "<image>", text = "a" + mark + "b" + mark + "c" + mark;
  Ids ids(64);
  const auto n_marks = [&](Verbatim users) {
    const int n = t.encode(text, Special::parse, ids, users);
    return std::count(ids.begin(), ids.begin() + n, t.find(mark));
  };
  EXPECT_EQ(n_marks({}), 3);
  EXPECT_EQ(n_marks({8, 16}), 2) << "the second one is the user's";
  EXPECT_EQ(n_marks({0, text.size()}), 0);
  EXPECT_EQ(n_marks({3, 4}), 2) << "not even a part of a mark";
  EXPECT_EQ(n_marks({8, 9}), 3);
}

// --- SentencePiece -----------------------------------------------------------------------------------------

TEST(TokenizerPieces, joins_by_score_and_falls_back_to_bytes) {
  const BuiltTokenizer built(test::small_pieces());
  ASSERT_EQ(built.why, "accepted");
  const Tokenizer& t = built.tokenizer;
  const auto id = [&](const char* piece) { return t.find(piece); };
  const auto byte = [](int b) { return static_cast<TokenId>(3 + b); };
  EXPECT_EQ(t.bos(), 1);
  EXPECT_EQ(t.eos(), 2);
  EXPECT_TRUE(t.add_bos());
  EXPECT_TRUE(t.ends_generation(2));
  EXPECT_EQ(built.encode(""), Ids());
  EXPECT_EQ(built.encode("h"), Ids{id("\u2581h")}) << "a blank comes first";
  EXPECT_EQ(built.encode("llo"), (Ids{id("\u2581"), id("ll"), id("o")}))
      << "the best score first, not the last";
  EXPECT_EQ(built.encode("lll"), (Ids{id("\u2581"), id("ll"), id("l")})) << "of equal ones the leftmost";
  EXPECT_EQ(built.encode("hell"), Ids{id("\u2581hell")});
  EXPECT_EQ(built.encode(" he"), (Ids{id("\u2581"), id("\u2581he")})) << "which takes the blank from two";
  EXPECT_EQ(built.encode("  "), (Ids{id("\u2581\u2581"), id("\u2581")}));
  EXPECT_EQ(built.encode("o\n"), (Ids{id("\u2581"), id("o"), byte('\n')}));
  EXPECT_EQ(built.encode("\u00FC\xFF"), (Ids{id("\u2581"), byte(0xC3), byte(0xBC), byte(0xFF)}));
  EXPECT_EQ(built.decode(built.encode("hello \u00FC\xFF\n")), " hello \u00FC\xFF\n");
}

TEST(TokenizerPieces, control_and_byte_tokens_are_never_spelled) {
  test::Vocabulary v = test::small_pieces();
  for (const char* piece : {"<", "</", "<s", "0", "x", "A", "<0", "<0x", "<0x0", "<0x0A"})
    v.add(piece, 1, -50);
  const BuiltTokenizer built(v);
  for (const char* text : {"<s>", "</s>", "<unk>", "<0x0A>"}) {
    for (const TokenId id : built.encode(text)) EXPECT_TRUE(id > 2 && id != 3 + '\n') << text;
    EXPECT_EQ(built.decode(built.encode(text)), std::string(" ") + text);
  }
  EXPECT_EQ(built.encode("<s>", Special::parse), Ids{1});
  EXPECT_EQ(built.encode("<s>h</s>", Special::parse), (Ids{1, built.tokenizer.find("\u2581h"), 2}))
      << "a blank comes first behind a mark, too";
  EXPECT_EQ(built.decode({1, 2, 0}), "");
}

TEST(TokenizerPieces, flags_of_the_file_count) {
  test::GgufWriter w = BuiltTokenizer::file_of(test::small_pieces());
  w.set("tokenizer.ggml.add_space_prefix", false).set("tokenizer.ggml.add_bos_token", false);
  w.set("tokenizer.ggml.bos_token_id", 2u).set("tokenizer.ggml.eos_token_id", 1u);
  const BuiltTokenizer built(w);
  EXPECT_EQ(built.encode("h"), Ids{built.tokenizer.find("h")});
  EXPECT_FALSE(built.tokenizer.add_bos());
  EXPECT_EQ(built.tokenizer.bos(), 2);
  EXPECT_TRUE(built.tokenizer.ends_generation(1));
}

TEST(TokenizerPieces, tokens_with_blanks_inside_join_across_words) {
  test::Vocabulary v = test::small_pieces();
  const TokenId two = v.add("o\u2581h", test::Vocabulary::kNormal, 5);
  const BuiltTokenizer built(v);
  EXPECT_EQ(built.encode("o h"), (Ids{built.tokenizer.find("\u2581"), two}));
}

// All pairs, the best one, leftmost first, again.
Ids obvious_pieces(const BuiltTokenizer& built, const test::Vocabulary& v, const std::string& text) {
  std::vector<std::string> symbols;
  std::string spelled = "\u2581";
  for (const char c : text) spelled += c == ' ' ? "\u2581" : std::string(1, c);
  for (std::size_t at = 0; at < spelled.size();) {
    const std::size_t n = spelled.compare(at, 3, "\u2581") == 0 ? 3 : 1;
    symbols.push_back(spelled.substr(at, n));
    at += n;
  }
  while (true) {
    std::size_t best = 0;
    float best_score = -1e30f;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const TokenId id = built.tokenizer.find(symbols[i] + symbols[i + 1]);
      if (id < 0 || v.scores[static_cast<std::size_t>(id)] <= best_score) continue;
      best_score = v.scores[static_cast<std::size_t>(id)];
      best = i;
    }
    if (best_score == -1e30f) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) {
    const TokenId id = built.tokenizer.find(symbol);
    if (id >= 0)
      ids.push_back(id);
    else
      for (const char c : symbol) ids.push_back(3 + static_cast<unsigned char>(c));
  }
  return ids;
}

TEST(TokenizerPieces, random_vocabularies_agree_with_the_obvious_encoder) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    test::Vocabulary v = test::small_pieces();
    std::vector<std::string> pool = {"\u2581", "a", "b", "c"};
    for (int n = 0; n < 60; ++n) {
      const auto any = [&] {
        return pool[static_cast<std::size_t>(numbers.below(static_cast<int>(pool.size())))];
      };
      const std::string piece = any() + any();
      if (piece.size() > 12 || std::find(pool.begin(), pool.end(), piece) != pool.end()) continue;
      if (std::find(v.tokens.begin(), v.tokens.end(), piece) != v.tokens.end()) continue;
      pool.push_back(piece);
      v.add(piece, test::Vocabulary::kNormal, static_cast<float>(numbers.below(9) - 4));  // with equal ones
    }
    const BuiltTokenizer built(v);
    for (int n = 0; n < 40; ++n) {
      std::string text;
      for (int i = 1 + numbers.below(40); i > 0; --i) text += "abc  "[numbers.below(5)];
      ASSERT_EQ(built.encode(text), obvious_pieces(built, v, text)) << text;
    }
  }
}

// --- words -------------------------------------------------------------------------------------------------

std::string words_of(const char* name, std::string_view text) {  // with a bar after each
  std::string out;
  while (!text.empty()) {
    const std::size_t n = pre_tokenizer(name)->next_word(text);
    out += std::string(text.substr(0, n)) + "|";
    text.remove_prefix(n);
  }
  return out;
}

TEST(PreTokenizer, gpt2_cuts_as_its_pattern_says) {
  const auto words = [](std::string_view text) { return words_of("gpt-2", text); };
  EXPECT_EQ(words("Hello world"), "Hello| world|");
  EXPECT_EQ(words("  Hello   world  "), " | Hello|  | world|  |");
  EXPECT_EQ(words("it's we'll I'd they've you're don't I'm"),
            "it|'s| we|'ll| I|'d| they|'ve| you|'re| don|'t| I|'m|");
  EXPECT_EQ(words("IT'S '' 's 'x"), "IT|'|S| ''| '|s| '|x|") << "the tails are small letters with no blank";
  EXPECT_EQ(words("a1b22 333"), "a|1|b|22| 333|");
  EXPECT_EQ(words("x=1;\ny  =\t2"), "x|=|1|;|\n|y| | =|\t|2|");
  EXPECT_EQ(words("a\n\n b \n"), "a|\n\n| b| \n|");
  EXPECT_EQ(words("\u00FCber \u00BD \u4E2D\u6587\u3002"), "\u00FCber| \u00BD| \u4E2D\u6587|\u3002|");
  EXPECT_EQ(words("a\u3000\u3000b"), "a|\u3000|\u3000|b|") << "only U+0020 goes before a word";
  EXPECT_EQ(words("e\u0301a"), "e|\u0301|a|") << "a combining mark is no letter";
  EXPECT_EQ(words("a\xFF\xFE b"), "a|\xFF\xFE| b|");
}

TEST(PreTokenizer, smollm_makes_every_number_a_word) {
  const auto words = [](std::string_view text) { return words_of("smollm", text); };
  EXPECT_EQ(words("a1b22 333"), "a|1|b|2|2| |3|3|3|");
  EXPECT_EQ(words("07:30"), "0|7|:|3|0|");
  EXPECT_EQ(words("at  7 o'clock"), "at|  |7| o|'|clock|");
  EXPECT_EQ(words("\u00BD\u0663x"), "\u00BD|\u0663|x|");
}

TEST(PreTokenizer, llama3_cuts_as_its_pattern_says) {
  const auto words = [](std::string_view text) { return words_of("llama-bpe", text); };
  EXPECT_EQ(words("Hello world  it's IT'S we'LL"), "Hello| world| | it|'s| IT|'S| we|'LL|");
  EXPECT_EQ(words("a1b22 333 4444"), "a|1|b|22| |333| |444|4|");
  EXPECT_EQ(words("x=1;\n\n  y \r\n\t z  "), "x|=|1|;\n\n| | y| \r\n|\t| z|  |");
  EXPECT_EQ(words("'tis 'quoted' _word $word"), "'t|is| '|quoted|'| _|word| $|word|");
  EXPECT_EQ(words("\u00FCber \u00BD \u4E2D\u6587\u3002\n e\u0301a"),
            "\u00FCber| |\u00BD| \u4E2D\u6587|\u3002\n| e|\u0301a|");
  EXPECT_EQ(words(" \t\n  7 ...\n\n"), " \t\n| | |7| ...\n\n|");
  EXPECT_EQ(words("\n\n\nx"), "\n\n\n|x|");
  EXPECT_EQ(words("I'm'x don't'"), "I|'m|'x| don|'t|'|");
}

TEST(PreTokenizer, qwen2_takes_numbers_one_by_one) {
  const auto words = [](std::string_view text) { return words_of("qwen2", text); };
  EXPECT_EQ(words("a1b22 333 4444"), "a|1|b|2|2| |3|3|3| |4|4|4|4|");
  EXPECT_EQ(words("Hello world  it's IT'S we'LL"), "Hello| world| | it|'s| IT|'S| we|'LL|");
}

TEST(PreTokenizer, deepseek_coder_cuts_five_times) {
  const auto words = [](std::string_view text) { return words_of("deepseek-coder", text); };
  EXPECT_EQ(words("Hello world 12 a!b\n"), "Hello| world| |1|2| a|!|b|\n|");
  EXPECT_EQ(words("  x  !! (y) $5 \u20AC"), " | x| | !!| (|y|)| $|5| |\u20AC|");
  EXPECT_EQ(words("\u4E2D\u6587abc \u4E2D\u3002\uAC00"), "\u4E2D\u6587|abc| |\u4E2D|\u3002|\uAC00|");
  EXPECT_EQ(words("a\r\n\r\n \t b"), "a|\r|\n|\r|\n| \t| b|");
  EXPECT_EQ(words(" \u3000x \u0966\u0967z \u2028!"), " |\u3000|x| |\u0966|\u0967|z| |\u2028|!|");
}

TEST(PreTokenizer, text_of_a_megabyte_costs_what_it_is_long) {
  // Quadratic would be minutes. One long word, blanks, many words, numbers far away.
  std::string texts[] = {std::string(1 << 20, 'x'), std::string(1 << 20, ' '), "", "", ""};
  while (texts[2].size() < 1 << 20) texts[2] += "ab cd'LL  ";
  while (texts[3].size() < 1 << 20) texts[3] += "\u4E2D!\n \t";
  while (texts[4].size() < 1 << 20) texts[4] += " .";
  for (const char* name : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-coder"})
    for (const std::string& text : texts) {
      std::size_t n = 0;
      for (std::string_view rest = text; !rest.empty(); ++n)
        rest.remove_prefix(pre_tokenizer(name)->next_word(rest));
      EXPECT_GT(n, 0u);
    }
}

TEST(PreTokenizer, every_word_has_bytes_and_words_lose_none) {
  test::Numbers numbers(8);
  for (const char* name : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-coder"})
    for (int n = 0; n < 2000; ++n) {
      const std::string text = test::random_text(numbers, 1 + n % 30);
      std::size_t at = 0;
      while (at < text.size()) {
        const std::string rest = text.substr(at);
        const std::size_t size = pre_tokenizer(name)->next_word(rest);
        ASSERT_GT(size, 0u);
        ASSERT_LE(size, rest.size());
        at += size;
      }
    }
}

TEST(PreTokenizer, others_are_not_known) {
  for (const char* name : {"", " ", "gpt2", "GPT-2", "llama", "smollm ", "gpt-2 phi-2", "bpe"})
    EXPECT_EQ(pre_tokenizer(name), nullptr) << name;
}

TEST(PreTokenizer, go_by_several_names) {
  const auto same = [](const char* name, const char* alias) {
    ASSERT_NE(pre_tokenizer(alias), nullptr) << alias;
    EXPECT_EQ(pre_tokenizer(name), pre_tokenizer(alias)) << alias;
  };
  for (const char* alias : {"starcoder", "refact", "command-r"}) same("smollm", alias);
  for (const char* alias : {"phi-2", "olmo", "jina-v2-de", "default"}) same("gpt-2", alias);
  for (const char* alias : {"llama3", "llama-v3", "lfm2", "pixtral"}) same("llama-bpe", alias);
  for (const char* alias : {"deepseek-r1-qwen", "stablelm2"}) same("qwen2", alias);
}

// --- recorded cases ----------------------------------------------------------------------------------------

const std::string kRecorded = SHRIKE_SOURCE_DIR "/../shared/data/tokenizers/";

struct RecordedCase {
  std::string text;
  Ids ids;
};
std::vector<RecordedCase> recorded_cases(const std::string& vocabulary) {
  constexpr std::string_view kEnd = "\n__ggml_vocab_test__\n";
  const std::vector<std::byte> bytes = read_file(vocabulary + ".inp");
  std::string_view texts(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::ifstream lines(vocabulary + ".out");
  std::vector<RecordedCase> cases;
  for (std::size_t end = 0; (end = texts.find(kEnd)) != std::string_view::npos;) {
    RecordedCase c;
    c.text = texts.substr(0, end);
    texts.remove_prefix(end + kEnd.size());
    std::string line;
    EXPECT_TRUE(std::getline(lines, line)) << "fewer answers than questions";
    std::istringstream ids(line);
    for (TokenId id; ids >> id;) c.ids.push_back(id);
    cases.push_back(std::move(c));
  }
  return cases;
}

class TokenizerRecorded : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kRecorded)) GTEST_SKIP() << "no recorded cases beside the tree";
    vocabulary_ = kRecorded + "ggml-vocab-" + GetParam() + ".gguf";
  }
  std::string vocabulary_;
};
std::string vocabulary_name(const testing::TestParamInfo<const char*>& vocabulary) {
  std::string name = vocabulary.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(vocabulary, TokenizerRecorded,
                         testing::Values("gpt-2", "deepseek-coder", "starcoder", "llama-spm"),
                         vocabulary_name);

TEST_P(TokenizerRecorded, cases_are_exact) {
  const BuiltTokenizer built(read_file(vocabulary_));
  ASSERT_EQ(built.why, "accepted");
  const bool spm = built.file.string("tokenizer.ggml.model").value() == "llama";
  const std::vector<RecordedCase> cases = recorded_cases(vocabulary_);
  EXPECT_EQ(cases.size(), 46u);
  for (const RecordedCase& c : cases) {
    EXPECT_EQ(built.encode(c.text), c.ids) << c.text;
    EXPECT_EQ(built.encode(c.text, Special::parse), c.ids) << c.text;
    EXPECT_EQ(built.decode(c.ids), spm && !c.text.empty() ? " " + c.text : c.text);
  }
}

}  // namespace
}  // namespace shrike
