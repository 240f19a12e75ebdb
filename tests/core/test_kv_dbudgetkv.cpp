// DBudgetKV: a budget that ends where the newest row needs no more.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

// Best first, as the scores have it.
Desk row() {
  Desk desk;
  desk.add(0, 5);
  desk.score = {5, 4, 3, 2, 1};
  desk.mark(Mark::last, {.4f, .3f, .15f, .1f, .05f});
  return desk;
}

TEST(SelectRelease, drops_as_many_as_cost_the_newest_row_no_more_than_a_loss) {
  Desk desk = row();  // keeping 4, 3, 2, 1 loses 0.44, 2.22, 6.34, 25.1 %
  EXPECT_EQ(desk.run(parts::select_release, {{{0.01f}}}, 5), (Kept{1, 1, 1, 1, 0}));
  EXPECT_EQ(desk.run(parts::select_release, {{{0.05f}}}, 5), (Kept{1, 1, 1, 0, 0}));
  EXPECT_EQ(desk.run(parts::select_release, {{{0.07f}}}, 5), (Kept{1, 1, 0, 0, 0}));
  EXPECT_EQ(desk.run(parts::select_release, {{{0.3f}}}, 5), (Kept{1, 0, 0, 0, 0}));
}

TEST(SelectRelease, never_takes_more_than_the_budget_and_no_protected_slot_away) {
  Desk desk = row();
  EXPECT_EQ(desk.run(parts::select_release, {{{0.01f}}}, 2), (Kept{1, 1, 0, 0, 0}));
  EXPECT_EQ(desk.run(parts::select_release, {{{0.05f}, {0}, {1}}}, 5), (Kept{1, 1, 1, 0, 1}));
  desk.facts[3].token.flags = kPinned;
  EXPECT_EQ(desk.run(parts::select_release, {{{0.05f}}}, 5), (Kept{1, 1, 0, 1, 0}))
      << "R of the other four: 0.5244, of (.4, .3): 0.5, which is 4.7 % less";
}

TEST(SelectRelease, goes_by_the_ranker_not_by_the_row) {
  Desk desk = row();
  desk.score = {1, 2, 3, 4, 5};
  EXPECT_EQ(desk.run(parts::select_release, {{{0.05f}}}, 5), (Kept{1, 1, 1, 1, 1}));
}

TEST(SelectRelease, of_a_row_that_shows_nothing_releases_nothing) {
  Desk desk = row();
  desk.mark(Mark::last, {0, 0, 0, 0, 0});
  EXPECT_EQ(desk.run(parts::select_release, {{{0.05f}}}, 4), (Kept{1, 1, 1, 1, 0}));
  desk.mark(Mark::last, {NAN, .3f, 0, 0, 0});
  EXPECT_EQ(desk.run(parts::select_release, {{{0.05f}}}, 4), (Kept{1, 1, 0, 0, 0}));
}

TEST(WhenReview, lets_all_stay_and_asks_all_the_same) {
  const Args args = {{{8}}};
  EXPECT_EQ(parts::when_review.run({true, 10, 60, 90, 7}, args), kEnough);
  EXPECT_EQ(parts::when_review.run({true, 10, 60, 90, 8}, args), 60);
  EXPECT_EQ(parts::when_review.run({false, 10, 95, 90, 1}, args), 90);
}

// Queries that look at a few keys, in a memory with room for far more.
TEST(Dbudgetkv, gives_slots_back_while_there_is_room) {
  Memory::Shape shape;
  shape.n_layers = shape.n_kv_heads = 1;
  shape.head_dim = 8;
  shape.n_blocks = 64;
  shape.n_ctx = 1024;
  const Policy policy =
      parse_policy("when=review(frames=2), score=h2o, select=release(loss=0.05, recent=4)").value();
  shape.serve(policy);
  test::Fixture f(shape, 1, 64, 1, 0, 5, test::best_kernels());
  f.query_size = 20;  // sharp rows
  for (int frame = 0; frame < 2; ++frame) {
    ASSERT_EQ(f.memory.make_room(32, policy), Room::ok);
    f.append(32, frame);
    const Look look;
    f.attend(&look);
  }
  ASSERT_EQ(f.memory.make_room(32, policy), Room::compressed);
  EXPECT_LT(f.memory.n_live(0, 0), 60);
  EXPECT_GE(f.memory.n_live(0, 0), 5);
  test::expect_sound(f.memory);
}

}  // namespace
}  // namespace shrike::kv
