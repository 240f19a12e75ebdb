#include <arm_neon.h>

#include <cmath>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

float direction(std::int16_t* q, const float* x, int n) noexcept {
  float32x4_t most = vdupq_n_f32(0.0f);
  int i = 0;
  for (; i + 4 <= n; i += 4) most = vmaxnmq_f32(most, vabsq_f32(vld1q_f32(x + i)));  // numbers win
  float largest = vmaxnmvq_f32(most);
  for (; i < n; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  const float scale = largest >= kDirectionMin && largest <= kDirectionMax ? kDirectionTop / largest : 0.0f;
  int32x4_t squares = vdupq_n_s32(0);
  for (i = 0; i + 8 <= n; i += 8) {
    // To nearest even; what is no number becomes 0.
    const auto whole = [&](const float* from) {
      return vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(from), scale)));
    };
    const int16x4_t low = whole(x + i), high = whole(x + i + 4);
    vst1q_s16(q + i, vcombine_s16(low, high));
    squares = vmlal_s16(vmlal_s16(squares, low, low), high, high);
  }
  std::int32_t sum = vaddvq_s32(squares);
  for (; i < n; ++i) {
    q[i] = static_cast<std::int16_t>(vcvtns_s32_f32(x[i] * scale));
    sum += q[i] * q[i];
  }
  return sum > 0 ? 1.0f / std::sqrt(static_cast<float>(sum)) : 0.0f;
}

// The products of `rows` queries with the eight keys of a panel: a lane is a key.
template <int rows>
inline void dots(int32x4_t (&acc)[rows][2], const std::int16_t* q, const std::int16_t* panel,
                 int n_pairs) noexcept {
  for (auto& row : acc) row[0] = row[1] = vdupq_n_s32(0);
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(n_pairs) * 2;
  for (int pair = 0; pair < n_pairs; ++pair) {
    const int16x8x2_t keys = vld2q_s16(panel + static_cast<std::ptrdiff_t>(pair) * 2 * kPanelKeys);
    for (int r = 0; r < rows; ++r)
      for (int half = 0; half < 2; ++half) {
        const std::int16_t number = q[r * stride + 2 * pair + half];
        acc[r][0] = vmlal_n_s16(acc[r][0], vget_low_s16(keys.val[half]), number);
        acc[r][1] = vmlal_n_s16(acc[r][1], vget_high_s16(keys.val[half]), number);
      }
  }
}

template <int rows>
inline void nearest_rows(std::int32_t* best, const std::int16_t* q, const std::int16_t* panel,
                         const float* inverse, int n_keys, int n_pairs) noexcept {
  const std::ptrdiff_t numbers = static_cast<std::ptrdiff_t>(n_pairs) * 2;
  float largest[rows];
  for (int r = 0; r < rows; ++r) {
    largest[r] = -INFINITY;
    best[r] = -1;
  }
  for (int j = 0; j < n_keys; j += kPanelKeys) {
    int32x4_t acc[rows][2];
    dots<rows>(acc, q, panel + j * numbers, n_pairs);
    float padded[kPanelKeys] = {};
    const int n = n_keys - j < kPanelKeys ? n_keys - j : kPanelKeys;
    for (int l = 0; l < n; ++l) padded[l] = inverse[j + l];
    for (int r = 0; r < rows; ++r) {
      float cosines[kPanelKeys];
      vst1q_f32(cosines, vmulq_f32(vcvtq_f32_s32(acc[r][0]), vld1q_f32(padded)));
      vst1q_f32(cosines + 4, vmulq_f32(vcvtq_f32_s32(acc[r][1]), vld1q_f32(padded + 4)));
      const float most = vmaxvq_f32(vmaxq_f32(vld1q_f32(cosines), vld1q_f32(cosines + 4)));
      if (n == kPanelKeys && most <= largest[r]) continue;
      for (int l = 0; l < n; ++l) {
        if (cosines[l] <= largest[r]) continue;
        largest[r] = cosines[l];
        best[r] = j + l;
      }
    }
  }
}

void nearest(std::int32_t* best, const std::int16_t* q, int n_q, const std::int16_t* panel,
             const float* inverse, int n_keys, int n_pairs) noexcept {
  const std::ptrdiff_t numbers = static_cast<std::ptrdiff_t>(n_pairs) * 2;
  int r = 0;
  for (; r + 4 <= n_q; r += 4) nearest_rows<4>(best + r, q + r * numbers, panel, inverse, n_keys, n_pairs);
  for (; r < n_q; ++r) nearest_rows<1>(best + r, q + r * numbers, panel, inverse, n_keys, n_pairs);
}

}  // namespace

void install_merge_neon(Kernels& k) noexcept {
  k.direction = direction;
  k.nearest = nearest;
}

}  // namespace shrike
