// Vocabularies that are wrong, careless or mean harm: refused with a rule, or read so that no text can break
// what reads it.
#include <cmath>
#include <ostream>

#include "tests/core/tokenizer_fixture.hpp"
#include "tests/support/mutation.hpp"

namespace shrike {
namespace {

using test::BuiltTokenizer;
using test::Bytes;
using test::GgufWriter;
using test::small_vocabulary;
using test::Vocabulary;
using Ids = std::vector<TokenId>;

TEST(TokenizerVocabulary, a_small_one_joins_by_rank) {
  const BuiltTokenizer built(small_vocabulary());
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("hello"), Ids{259});
  EXPECT_EQ(built.encode(" hello"), Ids{260});
  EXPECT_EQ(built.encode("hell"), Ids{258});
  EXPECT_EQ(built.encode("llo"), (Ids{257, 'o'}));
  EXPECT_EQ(built.encode("hlelo"), (Ids{'h', 'l', 'e', 'l', 'o'}));
  EXPECT_EQ(built.encode("lll"), (Ids{257, 'l'})) << "of equal pairs the leftmost";
  EXPECT_EQ(built.encode("llll"), (Ids{257, 257}));
  EXPECT_EQ(built.decode({260, 258, 257, 'o'}), " hellohellllo");
}

// A change to a good vocabulary, and what is said of it.
struct Change {
  const char* name;
  void (*change)(GgufWriter& w);
  const char* verdict;
  friend void PrintTo(const Change& c, std::ostream* out) { *out << c.name; }
};

template <class T>
void resize(GgufWriter& w, const char* key, std::vector<T> values, std::size_t n) {
  values.resize(n);
  w.set_array(key, values);
}

const Change kChanges[] = {
    {"none", [](GgufWriter&) {}, "accepted"},
    {"no_model", [](GgufWriter& w) { w.remove("tokenizer.ggml.model"); },
     "missing | key is missing | file: tokenizer.ggml.model"},
    {"another_model", [](GgufWriter& w) { w.set("tokenizer.ggml.model", "bert"); },
     "unsupported | tokenizer is neither byte-level BPE (gpt2) nor SentencePiece (llama) | file: bert"},
    {"no_pre_tokenizer_is_gpt2", [](GgufWriter& w) { w.remove("tokenizer.ggml.pre"); }, "accepted"},
    {"another_pre_tokenizer", [](GgufWriter& w) { w.set("tokenizer.ggml.pre", "tekken"); },
     "unsupported | pre-tokenizer is not known here; there are smollm, gpt-2, llama-bpe, qwen2, "
     "deepseek-coder, starcoder and their kin | file: tekken"},
    {"pre_tokenizer_number", [](GgufWriter& w) { w.set("tokenizer.ggml.pre", 2u); },
     "malformed | must be a string | file: tokenizer.ggml.pre"},
    {"no_tokens", [](GgufWriter& w) { w.remove("tokenizer.ggml.tokens"); },
     "missing | key is missing | file: tokenizer.ggml.tokens"},
    {"tokens_of_numbers",
     [](GgufWriter& w) {
       w.set_array("tokenizer.ggml.tokens", std::vector<std::uint32_t>{1, 2});
     },
     "malformed | array of the wrong type | file: tokenizer.ggml.tokens"},
    {"tokens_no_array", [](GgufWriter& w) { w.set("tokenizer.ggml.tokens", "hello"); },
     "malformed | must be an array | file: tokenizer.ggml.tokens"},
    {"tokens_empty", [](GgufWriter& w) { w.set_array("tokenizer.ggml.tokens", std::vector<std::string>{}); },
     "malformed | array is too short | file: tokenizer.ggml.tokens | got 0, allowed 1"},
    {"too_many_tokens",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.tokens", std::vector<std::string>((1u << 20) + 1)); },
     "malformed | array is too long | file: tokenizer.ggml.tokens | got 1048577, allowed 1048576"},
    {"token_too_long",
     [](GgufWriter& w) {
       Vocabulary v = small_vocabulary();
       v.tokens[5] = std::string(1025, 'x');
       v.write(w);
     },
     "malformed | token is too long | file: tokenizer.ggml.tokens | got 1025, allowed 1024"},
    {"no_types_are_all_normal", [](GgufWriter& w) { w.remove("tokenizer.ggml.token_type"); }, "accepted"},
    {"one_type_too_few",
     [](GgufWriter& w) { resize(w, "tokenizer.ggml.token_type", small_vocabulary().types, 265); },
     "malformed | array is too short | file: tokenizer.ggml.token_type | got 265, allowed 266"},
    {"one_type_too_many",
     [](GgufWriter& w) { resize(w, "tokenizer.ggml.token_type", small_vocabulary().types, 267); },
     "malformed | array is too long | file: tokenizer.ggml.token_type | got 267, allowed 266"},
    {"types_of_another_type",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.token_type", std::vector<std::uint8_t>(266, 1)); },
     "malformed | array of the wrong type | file: tokenizer.ggml.token_type"},
    {"types_nobody_knows",
     [](GgufWriter& w) {
       Vocabulary v = small_vocabulary();
       v.types[0] = -1;
       v.types[1] = 7;
       v.types[2] = 256 + Vocabulary::kControl;
       v.write(w);
     },
     "accepted"},
    {"too_many_special_tokens",
     [](GgufWriter& w) {
       Vocabulary v = small_vocabulary();
       while (v.tokens.size() < 17000) v.add("mark" + std::to_string(v.tokens.size()), Vocabulary::kControl);
       v.write(w);
     },
     "malformed | too many special tokens | file: tokenizer.ggml.token_type | got 16739, allowed 16384"},
    {"no_merges", [](GgufWriter& w) { w.remove("tokenizer.ggml.merges"); },
     "missing | key is missing | file: tokenizer.ggml.merges"},
    {"merges_empty", [](GgufWriter& w) { w.set_array("tokenizer.ggml.merges", std::vector<std::string>{}); },
     "accepted"},
    {"merges_of_numbers",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.merges", std::vector<std::int32_t>{1}); },
     "malformed | array of the wrong type | file: tokenizer.ggml.merges"},
    {"merge_of_nothing",
     [](GgufWriter& w) {
       w.set_array("tokenizer.ggml.merges", std::vector<std::string>{"h e", ""});
     },
     "malformed | merge is not two tokens with a space between | file: tokenizer.ggml.merges | got 1, "
     "allowed 2"},
    {"merge_without_a_space",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.merges", std::vector<std::string>{"he"}); },
     "malformed | merge is not two tokens with a space between | file: tokenizer.ggml.merges | got 0, "
     "allowed 1"},
    {"merge_with_nothing_before_its_space",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.merges", std::vector<std::string>{" he"}); },
     "malformed | merge is not two tokens with a space between | file: tokenizer.ggml.merges | got 0, "
     "allowed 1"},
    {"merge_too_long",
     [](GgufWriter& w) {
       w.set_array("tokenizer.ggml.merges",
                   std::vector<std::string>{std::string(1024, 'x') + " " + std::string(1024, 'y')});
     },
     "malformed | merge is not two tokens with a space between | file: tokenizer.ggml.merges | got 0, "
     "allowed 1"},
    {"merge_as_long_as_may_be",
     [](GgufWriter& w) {
       w.set_array("tokenizer.ggml.merges",
                   std::vector<std::string>{std::string(1024, 'x') + " " + std::string(1023, 'y')});
     },
     "accepted"},
    {"bos_outside", [](GgufWriter& w) { w.set("tokenizer.ggml.bos_token_id", 266u); },
     "malformed | is too large | file: tokenizer.ggml.bos_token_id | got 266, allowed 265"},
    {"eos_below_none", [](GgufWriter& w) { w.set("tokenizer.ggml.eos_token_id", -2); },
     "malformed | is too small | file: tokenizer.ggml.eos_token_id | got -2, allowed -1"},
    {"eos_none", [](GgufWriter& w) { w.set("tokenizer.ggml.eos_token_id", -1); }, "accepted"},
    {"eot_of_all_bits", [](GgufWriter& w) { w.set("tokenizer.ggml.eot_token_id", ~0u); },
     "malformed | is too large | file: tokenizer.ggml.eot_token_id | got 4294967295, allowed 265"},
    {"eom_text", [](GgufWriter& w) { w.set("tokenizer.ggml.eom_token_id", "</s>"); },
     "malformed | must be an integer | file: tokenizer.ggml.eom_token_id"},
    {"add_bos_number", [](GgufWriter& w) { w.set("tokenizer.ggml.add_bos_token", 1u); },
     "malformed | must be a bool | file: tokenizer.ggml.add_bos_token"},
};

std::string change_name(const testing::TestParamInfo<Change>& change) { return change.param.name; }

class TokenizerChanges : public testing::TestWithParam<Change> {};
TEST_P(TokenizerChanges, are_judged) {
  GgufWriter w = BuiltTokenizer::file_of(small_vocabulary());
  GetParam().change(w);
  const BuiltTokenizer built(w);
  EXPECT_EQ(built.why, GetParam().verdict);
  if (built.why == "accepted") {
    EXPECT_EQ(built.decode(built.encode("some text, 7")), "some text, 7");
  }
}
INSTANTIATE_TEST_SUITE_P(vocabulary, TokenizerChanges, testing::ValuesIn(kChanges), change_name);

const Change kPieceChanges[] = {
    {"none", [](GgufWriter&) {}, "accepted"},
    {"no_scores", [](GgufWriter& w) { w.remove("tokenizer.ggml.scores"); },
     "missing | key is missing | file: tokenizer.ggml.scores"},
    {"one_score_too_few",
     [](GgufWriter& w) { resize(w, "tokenizer.ggml.scores", test::small_pieces().scores, 274); },
     "malformed | array is too short | file: tokenizer.ggml.scores | got 274, allowed 275"},
    {"one_score_too_many",
     [](GgufWriter& w) { resize(w, "tokenizer.ggml.scores", test::small_pieces().scores, 276); },
     "malformed | array is too long | file: tokenizer.ggml.scores | got 276, allowed 275"},
    {"scores_of_another_type",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.scores", std::vector<std::int32_t>(275, 1)); },
     "malformed | array of the wrong type | file: tokenizer.ggml.scores"},
    {"score_that_is_no_number",
     [](GgufWriter& w) {
       std::vector<float> scores = test::small_pieces().scores;
       scores[270] = std::nanf("");
       w.set_array("tokenizer.ggml.scores", scores);
     },
     "malformed | must be finite | file: tokenizer.ggml.scores"},
    {"merges_and_pre_tokenizer_do_not_matter",
     [](GgufWriter& w) {
       w.set("tokenizer.ggml.merges", 1u);
       w.set("tokenizer.ggml.pre", "nobody");
     },
     "accepted"},
    {"space_prefix_number", [](GgufWriter& w) { w.set("tokenizer.ggml.add_space_prefix", 1u); },
     "malformed | must be a bool | file: tokenizer.ggml.add_space_prefix"},
    {"unknown_outside", [](GgufWriter& w) { w.set("tokenizer.ggml.unknown_token_id", 275u); },
     "malformed | is too large | file: tokenizer.ggml.unknown_token_id | got 275, allowed 274"},
};
class TokenizerPieceChanges : public testing::TestWithParam<Change> {};
TEST_P(TokenizerPieceChanges, are_judged) {
  GgufWriter w = BuiltTokenizer::file_of(test::small_pieces());
  GetParam().change(w);
  const BuiltTokenizer built(w);
  EXPECT_EQ(built.why, GetParam().verdict);
  if (built.why == "accepted") {
    EXPECT_EQ(built.decode(built.encode("some text, 7")), " some text, 7");
  }
}
INSTANTIATE_TEST_SUITE_P(vocabulary, TokenizerPieceChanges, testing::ValuesIn(kPieceChanges), change_name);

TEST(TokenizerVocabulary, words_that_are_tokens_are_those_where_the_pre_tokenizer_says_so) {
  Vocabulary v = small_vocabulary();
  v.merges = {"h e"};  // nothing leads to hello
  EXPECT_EQ(BuiltTokenizer(v).encode("hello"), (Ids{256, 'l', 'l', 'o'}));
  v.pre = "llama-bpe";
  EXPECT_EQ(BuiltTokenizer(v).encode("hello hello"), (Ids{259, 260}));
  v.types[259] = Vocabulary::kControl;
  EXPECT_EQ(BuiltTokenizer(v).encode("hello"), (Ids{256, 'l', 'l', 'o'})) << "never a special one";
}

TEST(TokenizerVocabulary, marks_by_the_thousand_do_not_make_text_slow) {
  Vocabulary v = small_vocabulary();
  for (int i = 0; i < 4000; ++i)
    v.add(std::string(static_cast<std::size_t>(i % 60 + 1), '<') + std::to_string(i), 3);
  const BuiltTokenizer built(v);
  const std::string text(1 << 20, '<');
  std::vector<TokenId> ids(text.size());
  EXPECT_EQ(built.tokenizer.encode(text, Special::parse, ids), -1) << "a word that is too long, told at once";
}

TEST(TokenizerVocabulary, without_ids_the_ends_are_known_by_their_text) {
  const BuiltTokenizer built(small_vocabulary());
  EXPECT_EQ(built.tokenizer.bos(), 11) << "what GPT-2 files without the key mean";
  EXPECT_TRUE(built.tokenizer.ends_generation(built.tokenizer.find("<|endoftext|>")));
  EXPECT_TRUE(built.tokenizer.ends_generation(built.tokenizer.find("<end_of_utterance>")));
  GgufWriter w = BuiltTokenizer::file_of(small_vocabulary());
  w.set("tokenizer.ggml.eot_token_id", 7u).set("tokenizer.ggml.eom_token_id", 8u);
  w.set("tokenizer.ggml.bos_token_id", -1).set("tokenizer.ggml.add_bos_token", true);
  const BuiltTokenizer other(w);
  EXPECT_TRUE(other.tokenizer.ends_generation(7));
  EXPECT_TRUE(other.tokenizer.ends_generation(8));
  EXPECT_EQ(other.tokenizer.bos(), -1);
  EXPECT_TRUE(other.tokenizer.add_bos());
}

TEST(TokenizerVocabulary, of_one_token_is_enough) {
  Vocabulary v;
  v.add("a");
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("banana"), (Ids{0, 0, 0}));
  EXPECT_EQ(built.tokenizer.bos(), -1);
  EXPECT_EQ(built.tokenizer.eos(), -1);
  EXPECT_FALSE(built.tokenizer.ends_generation(-1));
}

TEST(TokenizerVocabulary, without_byte_tokens_text_is_nothing) {
  Vocabulary v;
  for (const char* token : {"hello", "he", "<mark>"}) v.add(token);
  v.merges = {"h e", "he llo"};
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("hello \xFF\n"), Ids());
  EXPECT_EQ(built.encode(std::string(4096, 'h')), Ids());
}

TEST(TokenizerVocabulary, merges_of_unknown_tokens_never_happen) {
  Vocabulary v = small_vocabulary();
  v.merges.insert(v.merges.begin(), {"q q", "h unknown", "unknown e", "x y", "l l l", "e l", "o "});
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("hello"), Ids{259});
  EXPECT_EQ(built.encode("qqxy"), (Ids{'q', 'q', 'x', 'y'}));
}

TEST(TokenizerVocabulary, of_equal_tokens_the_first_counts) {
  Vocabulary v = small_vocabulary();
  const int again = v.add("hello");
  const int byte = v.add("h");
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.tokenizer.find("hello"), 259);
  EXPECT_EQ(built.encode("hello"), Ids{259});
  EXPECT_EQ(built.encode("h"), Ids{'h'});
  EXPECT_EQ(built.decode({again, byte}), "helloh") << "the others can still be shown";
}

TEST(TokenizerVocabulary, of_equal_merges_the_first_counts) {
  Vocabulary v = small_vocabulary();
  v.add("el");
  v.merges = {"h e", "e l", "h e", "e l", "l l", "h e"};
  const BuiltTokenizer built(v);
  EXPECT_EQ(built.encode("hel"), (Ids{256, 'l'}));
}

TEST(TokenizerVocabulary, equal_tokens_and_merges_by_the_hundred_thousand_are_read_at_once) {
  Vocabulary v;
  for (int i = 0; i < 100'000; ++i) v.add("a");
  v.add("aa");
  v.merges.assign(100'000, "a a");
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("aaaaa"), (Ids{100'000, 100'000, 0}));
}

TEST(TokenizerVocabulary, empty_tokens_are_never_found_in_text) {
  Vocabulary v = small_vocabulary();
  for (const std::int32_t type :
       {Vocabulary::kNormal, Vocabulary::kControl, Vocabulary::kUserDefined, Vocabulary::kUnknown})
    v.add("", type);
  v.merges.insert(v.merges.begin(), "h ");
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("hello h", Special::parse), (Ids{259, ' ', 'h'}));
  EXPECT_EQ(built.tokenizer.find(""), 266);
  EXPECT_EQ(built.decode({266, 267, 268, 269}), "");
}

TEST(TokenizerVocabulary, no_merges_spell_a_special_token) {
  for (const std::int32_t type : {Vocabulary::kControl, Vocabulary::kUnknown}) {
    Vocabulary v = small_vocabulary();
    const int mark = v.add("<>", type);
    v.add("<>!");
    v.merges.insert(v.merges.end(), {"< >", "<> !"});
    const BuiltTokenizer built(v);
    ASSERT_EQ(built.why, "accepted");
    EXPECT_EQ(built.encode("<>"), (Ids{'<', '>'}));
    EXPECT_EQ(built.encode("<>!"), (Ids{'<', '>', '!'})) << "nor is there a way through it";
    EXPECT_EQ(built.encode("<>", Special::parse), Ids{mark});
  }
}

TEST(TokenizerVocabulary, a_byte_that_is_a_control_token_is_left_out_of_text) {
  Vocabulary v = small_vocabulary();
  v.types['x'] = Vocabulary::kControl;
  v.types['y'] = Vocabulary::kUnknown;
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.encode("axbyc"), (Ids{'a', 'b', 'c'}));
  EXPECT_EQ(built.encode("axb", Special::parse), (Ids{'a', 'x', 'b'}));
}

TEST(TokenizerVocabulary, user_defined_tokens_are_cut_out_of_any_text) {
  Vocabulary v = small_vocabulary();
  const int blank = v.add("<blank word>", Vocabulary::kUserDefined);
  const int longer = v.add("<blank word>s", Vocabulary::kUserDefined);
  const BuiltTokenizer built(v);
  EXPECT_EQ(built.encode("h<blank word>o"), (Ids{'h', blank, 'o'}));
  EXPECT_EQ(built.encode("<blank word>s"), Ids{longer}) << "the longest first";
  EXPECT_EQ(built.decode({blank}), "<blank word>") << "shown as it is written";
}

TEST(TokenizerVocabulary, the_longest_special_token_wins_and_prefixes_are_text) {
  Vocabulary v = small_vocabulary();
  const int one = v.add("<a>", Vocabulary::kControl);
  const int two = v.add("<a><a>", Vocabulary::kControl);
  const BuiltTokenizer built(v);
  EXPECT_EQ(built.encode("<a><a><a>", Special::parse), (Ids{two, one}));
  EXPECT_EQ(built.encode("<a><a", Special::parse), (Ids{one, '<', 'a'}));
}

TEST(TokenizerVocabulary, tokens_that_are_no_utf8_decode_to_their_bytes) {
  Vocabulary v = small_vocabulary();
  const int broken = v.add("\xFF\xC4");
  const int foreign = v.add("\u4E2D\u00AD\u0144");  // beyond the spelling of bytes
  const BuiltTokenizer built(v);
  ASSERT_EQ(built.why, "accepted");
  EXPECT_EQ(built.decode({broken}), "\xFF\xC4");
  EXPECT_EQ(built.decode({foreign}), "\u4E2D\u00AD\u0144");
}

TEST(TokenizerVocabulary, every_token_decodes_within_the_bound) {
  Vocabulary v = small_vocabulary();
  for (const std::string& unit :
       {std::string("x"), test::spelled_byte(0), std::string("\xFF"), std::string("\u4E2D")}) {
    std::string token;
    while (token.size() + unit.size() <= limits::kTokenBytesMax) token += unit;
    for (const std::int32_t type : {Vocabulary::kNormal, Vocabulary::kUserDefined}) {
      const int id = v.add(token, type);
      const BuiltTokenizer built(v);
      ASSERT_EQ(built.why, "accepted");
      std::vector<char> out(limits::kTokenBytesMax);
      const int n = built.tokenizer.decode(id, out);
      EXPECT_EQ(
          n, static_cast<int>(type == Vocabulary::kNormal && unit == test::spelled_byte(0) ? token.size() / 2
                                                                                           : token.size()));
    }
  }
}

TEST(TokenizerVocabulary, random_merges_agree_with_the_obvious_encoder) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    Vocabulary v;
    for (int byte = 0; byte < 256; ++byte) v.add(test::spelled_byte(byte));
    std::vector<std::string> pool = {"a", "b", "c"};
    for (int n = 0; n < 60; ++n) {
      const std::string left = pool[static_cast<std::size_t>(numbers.below(static_cast<int>(pool.size())))];
      const std::string right = pool[static_cast<std::size_t>(numbers.below(static_cast<int>(pool.size())))];
      if (left.size() + right.size() > 12) continue;
      v.merges.push_back(left + " " + right);
      if (std::find(pool.begin(), pool.end(), left + right) != pool.end()) continue;
      pool.push_back(left + right);
      v.add(left + right);
    }
    // Merges come in any order of rank, also one before those that make its parts.
    for (std::size_t i = v.merges.size(); i > 1; --i)
      std::swap(v.merges[i - 1], v.merges[static_cast<std::size_t>(numbers.below(static_cast<int>(i)))]);
    const BuiltTokenizer built(v);
    const test::ObviousBpe obvious(built);
    for (int n = 0; n < 40; ++n) {
      std::string text;
      for (int i = numbers.below(60); i > 0; --i) text += "abc"[numbers.below(3)];
      ASSERT_EQ(built.encode(text), obvious.encode(text)) << text;
    }
  }
}

TEST(TokenizerVocabulary, mutated_ones_encode_or_are_refused) {
  const GgufWriter good = BuiltTokenizer::file_of(small_vocabulary());
  const Bytes whole = good.bytes();
  int n_built = 0;
  for (std::uint32_t seed = 0; seed < 10'000; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    const Bytes mutated = test::mutate(whole, numbers, 1 + numbers.below(8));
    if (!gguf::File::parse(mutated, "file")) continue;
    const BuiltTokenizer built(mutated);
    if (built.why != "accepted") continue;
    ++n_built;
    for (const Special special : {Special::as_text, Special::parse}) {
      const Ids ids = built.encode("hello <|im_start|> hell 7\xFF", special);
      EXPECT_LE(built.decode(ids).size(), 27u * limits::kTokenBytesMax);
    }
  }
  EXPECT_GT(n_built, 500);
}

}  // namespace
}  // namespace shrike
