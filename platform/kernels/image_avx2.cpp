#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr std::int32_t kHalf = 1 << (kResampleBits - 1);

// Eight sums to eight bytes: shift and clamp.
__m128i to_bytes(__m256i sum) noexcept {
  const __m256i shifted = _mm256_srai_epi32(sum, kResampleBits);
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256(shifted, 1));
  return _mm_packus_epi16(words, words);
}

// Two pixels' products in one register: [r0 g0 b0 - r1 g1 b1 -] times [w0 w0 w0 w0 w1 w1 w1 w1].
__m256i two_taps(__m128i pixels, __m128i weights) noexcept {
  const __m128i apart = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i four_each = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m256i p = _mm256_cvtepu8_epi32(_mm_shuffle_epi8(pixels, apart));
  const __m256i w = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(weights), four_each);
  return _mm256_mullo_epi32(p, w);
}

void resample_row(std::uint8_t* out, const std::uint8_t* in, const ResampleAxis& axis) noexcept {
  for (int i = 0; i < axis.n_out; ++i) {
    const std::uint8_t* pixel = in + 3 * static_cast<std::ptrdiff_t>(axis.first[i]);
    const std::int32_t* weight = axis.weight + static_cast<std::ptrdiff_t>(i) * axis.taps_max;
    const int n_taps = axis.count[i];
    __m256i sum = _mm256_setzero_si256();
    int t = 0;
    for (; t + 3 <= n_taps; t += 2) {  // eight bytes are read for six, so a third pixel must be there
      const __m128i pixels = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel + 3 * t));
      const __m128i weights = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weight + t));
      sum = _mm256_add_epi32(sum, two_taps(pixels, weights));
    }
    std::uint64_t last_pixels = 0, last_weights = 0;
    if (n_taps - t == 2) {
      std::memcpy(&last_pixels, pixel + 3 * t, 6);
      std::memcpy(&last_weights, weight + t, 8);
    } else {
      std::memcpy(&last_pixels, pixel + 3 * t, 3);
      std::memcpy(&last_weights, weight + t, 4);
    }
    sum = _mm256_add_epi32(sum, two_taps(_mm_cvtsi64_si128(static_cast<long long>(last_pixels)),
                                         _mm_cvtsi64_si128(static_cast<long long>(last_weights))));
    const __m128i both = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    const __m128i total = _mm_add_epi32(both, _mm_set1_epi32(kHalf));
    const int bytes = _mm_cvtsi128_si32(to_bytes(_mm256_castsi128_si256(total)));
    std::memcpy(out + 3 * i, &bytes, 3);
  }
}

void resample_column(std::uint8_t* out, const std::uint8_t* in, std::size_t row_stride,
                     const std::int32_t* weight, int n_taps, int n_bytes) noexcept {
  int b = 0;
  for (; b + 16 <= n_bytes; b += 16) {
    __m256i low = _mm256_set1_epi32(kHalf), high = low;
    const std::uint8_t* at = in + b;
    for (int t = 0; t < n_taps; ++t, at += row_stride) {
      const __m256i w = _mm256_set1_epi32(weight[t]);
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      low = _mm256_add_epi32(low, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), w));
      high = _mm256_add_epi32(high, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)), w));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + b), _mm_unpacklo_epi64(to_bytes(low), to_bytes(high)));
  }
  for (; b < n_bytes; ++b) {
    std::int32_t sum = kHalf;
    for (int t = 0; t < n_taps; ++t) sum += weight[t] * in[static_cast<std::size_t>(t) * row_stride + b];
    out[b] = static_cast<std::uint8_t>(std::clamp(sum >> kResampleBits, 0, 255));
  }
}

// One channel of eight pixels, out of their 24 bytes: `first` holds bytes 0-15, `last` bytes 8-23.
template <int kChannel>
__m256 channel(__m128i first, __m128i last) noexcept {
  constexpr auto in_first = [](int pixel) { return pixel < 5 ? 3 * pixel + kChannel : -1; };
  constexpr auto in_last = [](int pixel) { return pixel < 5 ? -1 : 3 * pixel + kChannel - 8; };
  const __m128i from_first = _mm_setr_epi8(in_first(0), in_first(1), in_first(2), in_first(3), in_first(4),
                                           -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m128i from_last =
      _mm_setr_epi8(-1, -1, -1, -1, -1, in_last(5), in_last(6), in_last(7), -1, -1, -1, -1, -1, -1, -1, -1);
  const __m128i bytes = _mm_or_si128(_mm_shuffle_epi8(first, from_first), _mm_shuffle_epi8(last, from_last));
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

void normalise_rgb(float* planes, std::size_t plane_stride, const std::uint8_t* in, int n_pixels,
                   const float scale[3], const float shift[3]) noexcept {
  float* const plane[3] = {planes, planes + plane_stride, planes + 2 * plane_stride};
  const auto put = [&](int c, int i, __m256 v) {
    _mm256_storeu_ps(plane[c] + i, _mm256_fmadd_ps(v, _mm256_set1_ps(scale[c]), _mm256_set1_ps(shift[c])));
  };
  int i = 0;
  for (; i + 8 <= n_pixels; i += 8) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 3 * i));
    const __m128i last = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 3 * i + 8));
    put(0, i, channel<0>(first, last));
    put(1, i, channel<1>(first, last));
    put(2, i, channel<2>(first, last));
  }
  for (; i < n_pixels; ++i)
    for (int c = 0; c < 3; ++c) plane[c][i] = std::fma(static_cast<float>(in[3 * i + c]), scale[c], shift[c]);
}

}  // namespace

void install_image_avx2(Kernels& k) noexcept {
  k.resample_row = resample_row;
  k.resample_column = resample_column;
  k.normalise_rgb = normalise_rgb;
}

}  // namespace shrike
