#pragma once

#include <cstdint>
#include <vector>

namespace shrike::cli {

// The 95 % interval for a share of which n_right of n were seen; 0 to 1 where nothing was seen.
//
// Source   Wilson, Probable Inference, JASA 22 (1927): keeps its promise for small n and shares near 0 and 1
struct Interval {
  double low = 0, high = 1;
};
[[nodiscard]] Interval wilson_interval(std::int64_t n_right, std::int64_t n) noexcept;

// Of questions that two answered differently, one was right in n_a of them, the other in n_b: how probable a
// difference as large is when they are equally good. Two-sided, exact, 1 where there is none.
//
// Source   McNemar, Psychometrika 12 (1947), with the binomial distribution itself
[[nodiscard]] double mcnemar_p(std::int64_t n_a, std::int64_t n_b) noexcept;

// The upper one of two; 0 of none.
[[nodiscard]] std::int64_t median(std::vector<std::int64_t> values);

}  // namespace shrike::cli
