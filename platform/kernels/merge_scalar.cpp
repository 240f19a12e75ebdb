#include <cmath>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

float direction(std::int16_t* q, const float* x, int n) noexcept {
  float largest = 0.0f;
  for (int i = 0; i < n; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  const float scale = largest >= kDirectionMin && largest <= kDirectionMax ? kDirectionTop / largest : 0.0f;
  std::int32_t sum = 0;
  for (int i = 0; i < n; ++i) {
    const float whole = std::nearbyint(x[i] * scale);
    q[i] = whole == whole ? static_cast<std::int16_t>(whole) : std::int16_t{0};  // no number is no direction
    sum += q[i] * q[i];
  }
  return sum > 0 ? 1.0f / std::sqrt(static_cast<float>(sum)) : 0.0f;
}

void nearest(std::int32_t* best, const std::int16_t* q, int n_q, const std::int16_t* panel,
             const float* inverse, int n_keys, int n_pairs) noexcept {
  for (int r = 0; r < n_q; ++r) {
    float largest = -INFINITY;
    best[r] = -1;
    for (int j = 0; j < n_keys; ++j) {
      const std::int16_t* a = q + static_cast<std::ptrdiff_t>(r) * 2 * n_pairs;
      const std::int16_t* b =
          panel + static_cast<std::ptrdiff_t>(j / kPanelKeys) * kPanelKeys * 2 * n_pairs + j % kPanelKeys * 2;
      std::int32_t dot = 0;
      for (int pair = 0; pair < n_pairs; ++pair, a += 2, b += 2 * kPanelKeys)
        dot += a[0] * b[0] + a[1] * b[1];
      const float cosine = static_cast<float>(dot) * inverse[j];
      if (cosine <= largest) continue;
      largest = cosine;
      best[r] = j;
    }
  }
}

}  // namespace

void install_merge_scalar(Kernels& k) noexcept {
  k.direction = direction;
  k.nearest = nearest;
}

}  // namespace shrike
