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
  EXPECT_EQ(t.n_vocab(), 435);
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
  for (const TokenId token : {-1, -1000, 435, 1 << 30}) {
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
  for (const char* name : {"", " ", "gpt2", "GPT-2", "llama", "smollm ", "default", "gpt-2 phi-2", "bpe"})
    EXPECT_EQ(pre_tokenizer(name), nullptr) << name;
}

TEST(PreTokenizer, go_by_several_names) {
  const auto same = [](const char* name, const char* alias) {
    ASSERT_NE(pre_tokenizer(alias), nullptr) << alias;
    EXPECT_EQ(pre_tokenizer(name), pre_tokenizer(alias)) << alias;
  };
  for (const char* alias : {"starcoder", "refact", "command-r"}) same("smollm", alias);
  for (const char* alias : {"phi-2", "olmo", "jina-v2-de"}) same("gpt-2", alias);
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
