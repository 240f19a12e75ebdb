// SCOPE: a pool that is chosen once, and one that slides.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

TEST(SelectPools, freezes_its_first_choice_and_slides_over_what_follows) {
  Desk desk;
  desk.add(0, 8);
  desk.score = {1, 9, 2, 8, 3, 4, 0, 0};
  EXPECT_EQ(desk.run(parts::select_pools, {{{2}, {1}}}, 4), (Kept{0, 2, 0, 2, 0, 1, 0, 1}))
      << "two for ever, the newest, and the best of the others";

  Desk later;
  later.add(0, 2, kFrozen);
  later.add(1, 6);
  later.score = {0, 0, 5, 9, 4, 3, 2, 1};
  EXPECT_EQ(later.run(parts::select_pools, {{{2}, {2}}}, 5), (Kept{1, 1, 0, 1, 0, 0, 1, 1}))
      << "the frozen stay whatever their score";
  EXPECT_EQ(later.run(parts::select_pools, {{{2}, {100, Unit::percent}}}, 5), (Kept{1, 1, 0, 0, 0, 1, 1, 1}));
}

// T = 4096, beta1 = beta2 = 256, a token a frame: beta1(t) = 17.07, 51.2, 119.5, 256.
TEST(SelectPools, adaptive_history_grows_as_printed) {
  const auto history = [](int t) {
    Desk desk;
    desk.add(0, 8, kFrozen);
    for (int frame = 1; frame <= t; ++frame) desk.add(frame, 1);
    const Kept& keep = desk.run(parts::select_pools, {{{8}, {256}, {4096}}}, 8 + 512);
    return std::accumulate(keep.begin(), keep.end(), 0) - 8 - 256;
  };
  EXPECT_EQ(history(512), 17);
  EXPECT_EQ(history(1024), 51);
  EXPECT_EQ(history(2048), 119);
  EXPECT_EQ(history(4096), 256);
  EXPECT_EQ(history(5000), 256);
}

// Which tokens are frozen, with all that is stored of them but their place.
std::vector<std::pair<int, int>> frozen(const Memory& memory) {
  std::vector<std::pair<int, int>> tokens;
  for (const BlockRef& ref : memory.table(0, 0))
    for (int slot = ref.first; slot < ref.end; ++slot) {
      const TokenFacts& token = memory.pool().facts(ref.block, slot).token;
      if ((token.flags & kFrozen) != 0) tokens.push_back({token.frame, token.j});
    }
  return tokens;
}

TEST(Scope, first_pool_never_changes) {
  Memory::Shape shape;
  shape.n_layers = shape.n_kv_heads = 1;
  shape.head_dim = 8;
  shape.n_blocks = 12;
  shape.n_ctx = 256;
  shape.reserve = 4;
  const Policy policy = parse_policy("scope").value();
  shape.serve(policy);
  test::Fixture f(shape, 1, 32, 1, 0, 7, test::best_kernels());
  std::vector<std::pair<int, int>> first;
  for (int frame = 0; frame < 600; ++frame) {
    ASSERT_NE(f.memory.make_room(16, policy), Room::full);
    f.append(16, frame);
    const Look look;
    f.attend(&look);
    if (first.empty()) first = frozen(f.memory);
    EXPECT_EQ(frozen(f.memory), first) << frame;
  }
  EXPECT_GT(first.size(), 40u);
  test::expect_sound(f.memory);
}

}  // namespace
}  // namespace shrike::kv
