#include <algorithm>
#include <cmath>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr std::int32_t kHalf = 1 << (kResampleBits - 1);

std::uint8_t to_byte(std::int32_t sum) noexcept {
  return static_cast<std::uint8_t>(std::clamp(sum >> kResampleBits, 0, 255));
}

void resample_row(std::uint8_t* out, const std::uint8_t* in, const ResampleAxis& axis) noexcept {
  for (int i = 0; i < axis.n_out; ++i) {
    const std::uint8_t* pixel = in + 3 * static_cast<std::ptrdiff_t>(axis.first[i]);
    const std::int32_t* weight = axis.weight + static_cast<std::ptrdiff_t>(i) * axis.taps_max;
    std::int32_t sum[3] = {kHalf, kHalf, kHalf};
    for (int t = 0; t < axis.count[i]; ++t)
      for (int c = 0; c < 3; ++c) sum[c] += weight[t] * pixel[3 * t + c];
    for (int c = 0; c < 3; ++c) out[3 * i + c] = to_byte(sum[c]);
  }
}

void resample_column(std::uint8_t* out, const std::uint8_t* in, std::size_t row_stride,
                     const std::int32_t* weight, int n_taps, int n_bytes) noexcept {
  for (int b = 0; b < n_bytes; ++b) {
    std::int32_t sum = kHalf;
    for (int t = 0; t < n_taps; ++t) sum += weight[t] * in[static_cast<std::size_t>(t) * row_stride + b];
    out[b] = to_byte(sum);
  }
}

void normalise_rgb(float* planes, std::size_t plane_stride, const std::uint8_t* in, int n_pixels,
                   const float scale[3], const float shift[3]) noexcept {
  for (int c = 0; c < 3; ++c) {
    float* plane = planes + c * plane_stride;
    for (int i = 0; i < n_pixels; ++i)
      plane[i] = std::fma(static_cast<float>(in[3 * i + c]), scale[c], shift[c]);
  }
}

}  // namespace

void install_image_scalar(Kernels& k) noexcept {
  k.resample_row = resample_row;
  k.resample_column = resample_column;
  k.normalise_rgb = normalise_rgb;
}

}  // namespace shrike
