// FastGen: each head climbs a ladder of rules until its attention is recovered.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using test::Tables;
using Shares = std::vector<int>;

// Special .5, text .2, heavy .15, near .1, rest .05: one slot each.
const std::vector<float> kHead = {4.5f, 3.2f, 2.15f, 1.1f, 0.05f};

TEST(ScoreFastgen, puts_every_slot_on_its_rung) {
  Desk desk;
  desk.add(0, 1);
  desk.add(0, 1, 0, Modality::text);
  desk.add(0, 8);
  desk.mark(Mark::mass, {50, 20, 0, 15, 1, 2, 1, 1, 4, 6});
  const std::vector<float>& score = desk.run(parts::score_fastgen, {{{1}, {1}, {0.3f}, {0.2f}}});
  const std::vector<float> expected = {4.5f, 3.2f, 0, 2.15f, .01f, .02f, .01f, .01f, 1.04f, 1.06f};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(score[i], expected[i], 1e-5) << i;
}

TEST(ScoreFastgen, of_equal_attention_the_older_slots_are_heavy) {
  Desk desk;
  desk.add(0, 4);
  desk.mark(Mark::mass, {1, 1, 1, 1});
  EXPECT_EQ(desk.run(parts::score_fastgen, {{{1}, {0}, {0.5f}, {0}}}),
            (std::vector<float>{2.25f, 2.25f, .25f, .25f}));
}

TEST(HeadsLadder, takes_the_first_rung_that_recovers_enough) {
  const auto size = [](float recover) {
    Tables one({kHead});
    return one.run(parts::heads_ladder_paper, {{{recover}}}, 5)[0];
  };
  EXPECT_EQ(size(0.9f), 4) << "recovers .95";
  EXPECT_EQ(size(0.85f), 3);
  EXPECT_EQ(size(0.7f), 2);
  EXPECT_EQ(size(0.5f), 1);
  EXPECT_EQ(size(1), 5);
}

TEST(HeadsLadder, knows_the_pinned_ones_by_what_the_others_leave) {
  Tables one({{INFINITY, 3.2f, 2.15f, 1.1f, 0.05f}});
  one.n_pinned = {1};
  EXPECT_EQ(one.run(parts::heads_ladder_paper, {{{0.9f}}}, 5)[0], 4);
}

TEST(HeadsLadder, is_lowered_until_all_heads_fit_and_gives_the_rest_away) {
  const std::vector<float> wide = {4.1f, 3.1f, 2.1f, 1.1f, 0.6f};
  const auto sizes = [&](const PartRow<HeadsPart>& part, int total) {
    Tables two({kHead, wide});
    return two.run(part, {{{0.9f}}}, total);
  };
  EXPECT_EQ(sizes(parts::heads_ladder_paper, 10), (Shares{4, 5})) << "a slot is given back";
  EXPECT_EQ(sizes(parts::heads_ladder, 10), (Shares{5, 5}));
  EXPECT_EQ(sizes(parts::heads_ladder_paper, 7), (Shares{2, 5})) << "at .7";
  EXPECT_EQ(sizes(parts::heads_ladder_paper, 5), (Shares{1, 4})) << "at .4";
  EXPECT_EQ(sizes(parts::heads_ladder, 5), (Shares{1, 4}));
  EXPECT_EQ(sizes(parts::heads_ladder, 3), (Shares{1, 2}));
}

TEST(HeadsLadder, needs_a_score_that_has_rungs) {
  EXPECT_FALSE(parse_policy("score=h2o, heads=ladder, select=top"));
  EXPECT_TRUE(parse_policy("score=fastgen, heads=ladder, select=top"));
  EXPECT_FALSE(parse_policy("score=fastgen, heads=adakv, select=top"));
}

}  // namespace
}  // namespace shrike::kv
