#pragma once

#include "core/model/tokenizer.hpp"

namespace shrike {

// The likeliest token; of equal ones the lowest id. NaN never wins. n >= 1.
[[nodiscard]] inline TokenId greedy(const float* logits, int n) noexcept {
  int best = 0;
  for (int i = 1; i < n; ++i)
    if (logits[i] > logits[best] || logits[best] != logits[best]) best = i;
  return best;
}

}  // namespace shrike
