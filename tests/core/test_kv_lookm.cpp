// LOOK-M: text before images, and pivots for what leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/kv/policy.hpp"
#include "tests/core/kv_desk.hpp"

namespace shrike::kv {
namespace {

using test::Desk;
using Kept = std::vector<std::uint8_t>;

Kept kept(Desk& desk, const Policy& policy, int budget) {
  policy.score.run(desk.candidates(), policy.score.args, desk.score);
  policy.select.run(desk.candidates(), {}, desk.score, budget, desk.keep, desk.order);
  return desk.keep;
}

TEST(Lookm, keeps_text_before_an_image_that_draws_as_much) {
  const Policy policy = parse_policy("look-m").value();
  Desk desk;
  desk.add(0, 1);
  desk.add(0, 1, 0, Modality::text);
  desk.mark(Mark::mass, {1, 1});
  EXPECT_EQ(kept(desk, policy, 1), (Kept{0, 1}));
}

TEST(Lookm, prior_changes_nothing_among_text_alone) {
  const Policy policy = parse_policy("look-m").value(), plain = parse_policy("h2o").value();
  Desk desk;
  desk.add(0, 5, 0, Modality::text);
  desk.mark(Mark::mass, {3, 1, 4, 2, 5});
  for (int budget = 0; budget <= 5; ++budget)
    EXPECT_EQ(kept(desk, policy, budget), Kept(kept(desk, plain, budget)));
}

TEST(Lookm, folds_into_pivots_and_as_printed_folds_even_opposites) {
  for (const char* name : {"look-m", "look-m-paper"}) {
    const Policy policy = parse_policy(name).value();
    EXPECT_EQ(policy.merge.run, parts::merge_pivot.run);
    EXPECT_EQ(policy.select.args[1].value, 50) << "recent and important, half and half";
    Desk desk;
    desk.rows(2, {1, 0, -.6f, .8f});
    desk.keep = {1, 0};
    desk.run(parts::merge_pivot, policy.merge.args);
    EXPECT_EQ(desk.count[0], std::string_view(name) == "look-m" ? 1 : 2);
  }
}

}  // namespace
}  // namespace shrike::kv
