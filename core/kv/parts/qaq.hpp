#pragma once

#include <cmath>

namespace shrike::kv::parts {

// The bits that a value needs, as a real number: e = sqrt(12 / n) error / weight is what may be wrong with it
// where it gets `weight` of the attention over n tokens, bits = log2(range / (2 e) + 1).
// Source   QAQ arXiv 2403.04643, values; the bound for keys is the same for all tokens and moves no order
inline float qaq_bits(int n, float error, float weight, float range) noexcept {
  if (!(weight > 0)) return 0;
  const float e = std::sqrt(12.0f / static_cast<float>(n)) * error / weight;
  return std::log2(range / (2 * e) + 1);
}

}  // namespace shrike::kv::parts
