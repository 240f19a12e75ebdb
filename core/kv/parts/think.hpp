#pragma once

#include <cmath>
#include <span>

#include "core/kv/page.hpp"

namespace shrike::kv::parts {

// score_c = |Q_c| |K_c| of channel c, from mean squares of the queries and 16 (or any number of) keys, and of a
// pair that is turned together the sum of its two.
// Source   ThinK arXiv 2407.21018
inline float think_score(float query_square, const float* keys, int n_keys, int stride) noexcept {
  float sum = 0;
  for (int i = 0; i < n_keys; ++i) sum += keys[i * stride] * keys[i * stride];
  return std::sqrt(query_square * sum);
}

}  // namespace shrike::kv::parts
