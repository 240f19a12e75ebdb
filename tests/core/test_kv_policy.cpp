#include "core/kv/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/kv/catalogue.hpp"

namespace shrike::kv {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Policy, every_name_and_every_composition_shown_for_it_is_understood) {
  for (const PolicyRow& row : named_policies()) {
    const Result<Policy> by_name = parse_policy(row.name);
    ASSERT_TRUE(by_name) << row.name << ": " << by_name.error().rule;
    EXPECT_EQ(by_name->name, row.name);
    const Result<Policy> by_hand = parse_policy(row.composition);
    ASSERT_TRUE(by_hand) << row.composition;
    EXPECT_EQ(by_hand->score.run, by_name->score.run);
    EXPECT_EQ(by_hand->needs, by_name->needs);
    EXPECT_FALSE(row.what.empty());
  }
  EXPECT_TRUE(parse_policy("recent")->evicts());
  EXPECT_FALSE(parse_policy("full")->evicts());
}

TEST(Policy, parts_are_written_by_hand_with_numbers_in_order_or_by_name) {
  const Policy p =
      parse_policy(
          "layers=entropy, heads=adakv(safeguard=0.5),score=snapkv(16, pool=5) "
          "select=top(sink=2,recent=25%),merge=pivot,codec=f16,observe=question, place=close(gap=3)")
          .value();
  EXPECT_EQ(p.layers.run, parts::layers_entropy.run);
  EXPECT_EQ(p.heads.args[0].value, 0.5f);
  EXPECT_EQ(p.window, 16);
  EXPECT_EQ(p.score.args[1].value, 5);
  EXPECT_EQ(p.select.args[0].value, 2);
  EXPECT_EQ(p.select.args[1].unit, Unit::percent);
  EXPECT_EQ(p.merge.run, parts::merge_pivot.run);
  EXPECT_EQ(p.place.args[0].value, 3);
  EXPECT_EQ(p.observe, Observe::question);
  EXPECT_EQ(p.codec, &parts::codec_f16);
}

TEST(Policy, what_is_left_out_is_as_in_recent_and_a_name_may_be_varied) {
  const Policy recent = parse_policy("recent").value();
  EXPECT_EQ(parse_policy("codec=f16")->select.run, recent.select.run);
  const Policy varied = parse_policy("meda, merge=pivot(least=0.5)").value();
  EXPECT_EQ(varied.layers.run, parts::layers_entropy.run);
  EXPECT_EQ(varied.merge.run, parts::merge_pivot.run);
  EXPECT_EQ(varied.name, "by hand");
}

TEST(Policy, asks_for_nothing_that_no_part_reads) {
  EXPECT_EQ(parse_policy("recent")->needs, 0u);
  EXPECT_EQ(parse_policy("streamingllm")->needs, 0u);
  EXPECT_EQ(parse_policy("h2o")->needs, need(Mark::mass));
  EXPECT_EQ(parse_policy("snapkv")->needs, need(Mark::window));
  EXPECT_EQ(parse_policy("tova")->needs, need(Mark::last));
  EXPECT_EQ(parse_policy("knorm")->needs, kNeedKeys);
}

TEST(Policy, unknown_words_are_named_with_what_there_is_nearest_first) {
  const auto hint = [](std::string_view text) {
    const Result<Policy> policy = parse_policy(text);
    if (policy) return std::string("understood");
    EXPECT_EQ(policy.error().code, Code::usage);
    EXPECT_EQ(policy.error().hint.find('\n'), std::string::npos);
    return policy.error().subject + "; " + policy.error().hint;
  };
  EXPECT_THAT(hint("snapvk"), StartsWith("snapvk; there are snapkv, "));
  EXPECT_THAT(hint("score=h20"), StartsWith("score=h20; there are h2o, "));
  EXPECT_THAT(hint("scores=h2o"), StartsWith("scores=h2o; there are score, "));
  EXPECT_THAT(hint("codec=f61"), StartsWith("codec=f61; there are f16"));
  EXPECT_THAT(hint("observe=frames"), StartsWith("observe=frames; there are frame, "));
  EXPECT_THAT(hint("select=top(sinc=3)"), StartsWith("select=top(sinc=3); there are sink, "));
  EXPECT_THAT(hint("score=recency(1)"), HasSubstr("takes none"));
  EXPECT_THAT(hint("heads=adakv(2), score=h2o"), HasSubstr("safeguard may be 0 to 1"));
  for (const char* text :
       {"", "  ", ",", "select=", "recent recent", "score=h2o(", "score=h2o(1))", "score=h2o)",
        "select=top(sink=x)", "select=top(sink=1.5)", "select=top(sink=5%)", "select=top(1,2,3)",
        "score=snapkv(window=0)", "score=h2o(fade=nan)", "merge=drop,merge=drop"})
    EXPECT_FALSE(parse_policy(text)) << text;
}

TEST(Policy, contradictions_are_told) {
  const auto told = [](std::string_view text) {
    const Result<Policy> policy = parse_policy(text);
    return policy ? std::string("understood") : policy.error().subject + ": " + policy.error().rule;
  };
  EXPECT_THAT(told("select=all, merge=average"), HasSubstr("nothing is merged"));
  EXPECT_THAT(told("full, score=h2o"), HasSubstr("nothing is scored"));
  EXPECT_THAT(told("score=knorm, heads=adakv"), HasSubstr("compare within one head only"));
  EXPECT_THAT(told("recent, observe=proxy"), HasSubstr("no part looks through a window"));
  EXPECT_THAT(told("score=h2o, heads=ladder"), HasSubstr("needs a score that has rungs"));
  EXPECT_THAT(told("heads=tied, score=h2o, select=release"), HasSubstr("are not tied"));
}

}  // namespace
}  // namespace shrike::kv
