// CORM: what no row of the window voted for may leave.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

// Rows (.5, .3, .15, .05) and (.6, .1, .25, .05) over four keys vote 11, 10, 01, 00.
TEST(Corm, keeps_what_any_row_voted_for_and_under_a_budget_the_most_voted_for) {
  Desk desk;
  desk.add(0, 4);
  desk.mark(Mark::votes, {2, 1, 1, 0});
  EXPECT_EQ(desk.run(parts::score_corm), (std::vector<float>{2, 1, 1, 0}));
  EXPECT_EQ(desk.run(parts::select_above, {}, 4), (Kept{1, 1, 1, 0})) << "key 3 alone leaves";
  EXPECT_EQ(desk.run(parts::select_above, {{{0}, {0}, {1}}}, 4), (Kept{1, 1, 1, 1}))
      << "but not if it is new";
  EXPECT_EQ(desk.run(parts::select_above, {}, 2), (Kept{1, 1, 0, 0}));
  EXPECT_EQ(desk.run(parts::select_top, {}, 1), (Kept{1, 0, 0, 0}));
}

// Rows of zeros attend alike to all they see: each gives every slot just the equal share that is a vote.
TEST(Corm, an_equal_share_is_a_vote) {
  Memory::Shape shape;
  shape.n_layers = shape.n_kv_heads = 1;
  shape.head_dim = 8;
  shape.n_blocks = 8;
  shape.n_ctx = 64;
  shape.serve(parse_policy("score=corm(window=4), select=top").value());
  test::Fixture f(shape, 2, 32, 1, 0, 1, test::best_kernels());
  f.query_size = 0;
  Look look;
  look.window_first = 4;
  f.append(8, 0);
  f.attend(&look);
  const BlockRef ref = f.memory.table(0, 0)[0];
  for (int slot = 0; slot < 8; ++slot)
    EXPECT_EQ(f.memory.pool().mark(ref.block, slot, Mark::votes), slot < 4 ? 8 : 2 * (8 - slot)) << slot;
}

}  // namespace
}  // namespace shrike::kv
