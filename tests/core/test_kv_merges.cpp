// What becomes of what leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Row = std::vector<float>;

MATCHER(AboutEqual, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-4f; }
auto about(Row row) { return ::testing::Pointwise(AboutEqual(), row); }

// One kept slot (1, 0) and two that leave, (.6, .8) and (.8, .6).
Desk three() {
  Desk desk;
  desk.rows(2, {1, 0, .6f, .8f, .8f, .6f});
  desk.keep = {1, 0, 0};
  return desk;
}

TEST(Merge, of_two_into_one_is_as_printed) {
  const auto merged = [](const PartRow<MergePart>& part) {
    Desk desk = three();
    desk.run(part);
    EXPECT_EQ(desk.key(0), desk.value(0)) << "values go where the keys go";
    EXPECT_EQ(desk.count[0], 3);
    EXPECT_EQ(desk.changed, (std::vector<std::uint8_t>{1, 0, 0}));
    return desk.key(0);
  };
  EXPECT_THAT(merged(parts::merge_average), about({.8f, .4667f}));
  EXPECT_THAT(merged(parts::merge_pivot), about({.9f, .2333f}));
  EXPECT_THAT(merged(parts::merge_weighted_paper), about({.6667f, .32f}));
  EXPECT_THAT(merged(parts::merge_weighted), about({.8333f, .4f})) << "weights that add up";
}

TEST(Merge, goes_to_the_most_similar_key_of_those_that_stay) {
  Desk desk;
  desk.rows(2, {1, 0, .8f, .1f, 0, 1, .1f, .9f, 1, .2f});
  desk.keep = {1, 0, 1, 0, 0};
  desk.run(parts::merge_average);
  EXPECT_THAT(desk.key(0), about({2.8f / 3, .1f})) << "slots 1 and 4";
  EXPECT_THAT(desk.key(2), about({.05f, .95f})) << "slot 3";
}

TEST(Merge, average_stays_the_mean_of_all_that_it_stands_for) {
  Desk desk = three();
  desk.count = {3, 1, 1};
  desk.run(parts::merge_average);
  EXPECT_THAT(desk.key(0), about({(3 + 1.4f) / 5, 1.4f / 5}));
}

TEST(Merge, leaves_out_the_unlike_the_pinned_and_the_empty) {
  Desk desk;
  desk.rows(2, {1, 0, -1, .1f, 0, 0});
  desk.keep = {1, 0, 0};
  desk.run(parts::merge_average, {{{0.5f}}});
  EXPECT_THAT(desk.key(0), about({1, 0}));
  EXPECT_EQ(desk.count[0], 1);

  Desk pinned = three();
  pinned.facts[0].token.flags = kPinned;
  pinned.run(parts::merge_average);
  EXPECT_THAT(pinned.key(0), about({1, 0})) << "the opening words stay as they are";

  Desk none = three();
  none.keep = {0, 0, 0};
  none.run(parts::merge_pivot);
  EXPECT_EQ(none.changed, (std::vector<std::uint8_t>{0, 0, 0}));
}

// Equal keys at different positions: unturned they are equal, so their mean is that key, at the place of the
// kept one.
TEST(Merge, aligns_positions_and_with_bias_stands_for_as_many_as_it_took_in) {
  for (const bool bias : {true, false}) {
    Memory::Shape shape;
    shape.n_layers = shape.n_kv_heads = 1;
    shape.head_dim = 8;
    shape.n_blocks = 8;
    shape.n_ctx = 128;
    shape.reserve = 1;
    Policy policy = parse_policy(bias ? "score=recency, select=top, merge=average(bias=1)"
                                      : "score=recency, select=top, merge=average")
                        .value();
    shape.serve(policy);
    test::Fixture f(shape, 1, 64, 1, 0, 3, test::best_kernels());
    // 40 tokens that are all the same but for their position, then one that looks at them.
    const Row key(8, 0.5f), value(8, 2.0f), other(8, -1.0f);
    const std::vector<TokenFacts> tokens(40);
    f.memory.append(tokens);
    for (int row = 0; row < 40; ++row) {
      Row turned = key;
      f.memory.store(f.kernels, 0, 0, row, turned.data(), value.data());
    }
    policy.when.run = [](const Pressure&, const Args&) noexcept { return 10; };
    ASSERT_EQ(f.memory.make_room(1, policy), Room::compressed);
    ASSERT_EQ(f.memory.n_live(0, 0), 10);
    int stands_for = 0;
    for (const BlockRef& ref : f.memory.table(0, 0))
      for (int slot = ref.first; slot < ref.end; ++slot)
        stands_for += f.memory.pool().facts(ref.block, slot).merged;
    EXPECT_EQ(stands_for, 40);
    for (const auto& slot : f.slots(0, 0)) {
      std::vector<double> back = slot.key;
      f.turn(back, -slot.position);
      for (const double x : back) EXPECT_NEAR(x, 0.5, 2e-3);
    }
    const TokenFacts looks;
    f.memory.append({&looks, 1});
    Row turned(8, 0.0f);
    f.memory.store(f.kernels, 0, 0, 0, turned.data(), other.data());
    const Row q(8, 0.0f);
    Row out(8);
    f.attention.attend(f.kernels, f.threads, f.memory, 0, q.data(), out.data(), 1, nullptr, nullptr);
    const float stood_for = bias ? 40.0f : 10.0f;
    EXPECT_NEAR(out[0], (2 * stood_for - 1) / (stood_for + 1), 1e-3);
  }
}

}  // namespace
}  // namespace shrike::kv
