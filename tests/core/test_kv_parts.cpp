#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/share.hpp"
#include "core/kv/policy.hpp"

namespace shrike::kv {
namespace {

TEST(Shares, are_conserved_and_differ_by_at_most_one) {
  for (int n : {1, 2, 3, 30})
    for (int total : {0, 1, 29, 30, 31, 1000}) {
      std::vector<int> out(static_cast<std::size_t>(n));
      parts::share_equally(total, out);
      EXPECT_EQ(std::accumulate(out.begin(), out.end(), 0), total);
      EXPECT_LE(*std::max_element(out.begin(), out.end()) - *std::min_element(out.begin(), out.end()), 1);
    }
}

struct Slots {
  std::vector<SlotFacts> facts;
  std::vector<std::int32_t> positions;
  std::vector<std::uint8_t> keep;
  std::vector<std::int32_t> order;
  void add(std::int32_t frame, int n, std::uint8_t flags = 0) {
    for (int i = 0; i < n; ++i) {
      SlotFacts f;
      f.token.frame = frame;
      f.token.flags = flags;
      facts.push_back(f);
      positions.push_back(static_cast<std::int32_t>(positions.size()));
    }
    keep.resize(facts.size());
    order.resize(facts.size());
  }
  Candidates candidates() const { return {0, 0, facts, positions}; }
  int n_kept() const { return std::accumulate(keep.begin(), keep.end(), 0); }
};

TEST(SelectTop, keeps_exactly_the_budget_with_the_best_and_the_pinned) {
  Slots s;
  s.add(kNoFrame, 2, kPinned);
  s.add(0, 6);
  const std::vector<float> score = {0, 0, 5, 1, 5, 3, 5, 2};
  parts::select_top.run(s.candidates(), {}, score, 5, s.keep, s.order);
  EXPECT_EQ(s.keep, (std::vector<std::uint8_t>{1, 1, 1, 0, 1, 0, 1, 0}));
  parts::select_top.run(s.candidates(), {}, score, 4, s.keep, s.order);
  EXPECT_EQ(s.keep, (std::vector<std::uint8_t>{1, 1, 1, 0, 1, 0, 0, 0})) << "of equal scores the older stays";
  parts::select_top.run(s.candidates(), {}, score, 0, s.keep, s.order);
  EXPECT_EQ(s.n_kept(), 2);
  parts::select_top.run(s.candidates(), {}, score, 100, s.keep, s.order);
  EXPECT_EQ(s.n_kept(), 8);
}

TEST(SelectFrames, keeps_whole_frames_newest_first_and_stops_at_the_first_that_does_not_fit) {
  Slots s;
  s.add(kNoFrame, 2, kPinned);
  s.add(0, 1);
  s.add(1, 4);
  s.add(2, 3);
  std::vector<float> score(s.facts.size());
  parts::score_recency.run(s.candidates(), {}, score);
  parts::select_frames.run(s.candidates(), {}, score, 6, s.keep, s.order);
  EXPECT_EQ(s.keep, (std::vector<std::uint8_t>{1, 1, 0, 0, 0, 0, 0, 1, 1, 1}))
      << "frame 0 would fit, but 1 comes first";
  parts::select_frames.run(s.candidates(), {}, score, 9, s.keep, s.order);
  EXPECT_EQ(s.n_kept(), 9);
  parts::select_frames.run(s.candidates(), {}, score, 1, s.keep, s.order);
  EXPECT_EQ(s.n_kept(), 2) << "the pinned stay over any budget";
}

}  // namespace
}  // namespace shrike::kv
