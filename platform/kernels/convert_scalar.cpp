#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

void to_f16(f16* out, const float* x, int n) noexcept {
  for (int i = 0; i < n; ++i) out[i] = f32_to_f16(x[i]);
}

void from_f16(float* out, const f16* x, int n) noexcept {
  for (int i = 0; i < n; ++i) out[i] = f16_to_f32(x[i]);
}

void quantize_q8(std::int8_t* q, float* d, const float* x, int n) noexcept {
  for (int g = 0; g < n / kQ8Group; ++g, x += kQ8Group, q += kQ8Group) {
    float largest = 0.0f;
    for (int i = 0; i < kQ8Group; ++i) largest = std::max(largest, std::fabs(x[i]));
    const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    d[g] = largest / 127.0f;
    for (int i = 0; i < kQ8Group; ++i) {
      const float v = x[i] * inverse;
      const float rounded = v + std::copysign(0.5f, v);
      q[i] = std::fabs(rounded) < 128.0f ? static_cast<std::int8_t>(rounded) : std::int8_t{0};
    }
  }
}

}  // namespace

void install_convert_scalar(Kernels& k) noexcept {
  k.f32_to_f16 = to_f16;
  k.f16_to_f32 = from_f16;
  k.quantize_q8 = quantize_q8;
}

}  // namespace shrike
