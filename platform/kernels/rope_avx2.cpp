#include <immintrin.h>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

// Four pairs a register: x [a0 b0 a1 b1 ...] times [c0 c0 c1 c1 ...], then minus and plus in turn the swapped
// [b0 a0 b1 a1 ...] times [s0 s0 s1 s1 ...].
void rope_neighbours(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  int i = 0;
  for (; i + 4 <= n_pairs; i += 4) {
    const __m256 c = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cos + i)), twice);
    const __m256 s = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(sin + i)), twice);
    const __m256 v = _mm256_loadu_ps(x + 2 * i);
    const __m256 swapped = _mm256_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1));
    _mm256_storeu_ps(out + 2 * i, _mm256_addsub_ps(_mm256_mul_ps(v, c), _mm256_mul_ps(swapped, s)));
  }
  for (; i < n_pairs; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    out[2 * i] = a * cos[i] - b * sin[i];
    out[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

void rope_halves(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept {
  int i = 0;
  for (; i + 8 <= n_pairs; i += 8) {
    const __m256 c = _mm256_loadu_ps(cos + i), s = _mm256_loadu_ps(sin + i);
    const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + n_pairs);
    _mm256_storeu_ps(out + i, _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s)));
    _mm256_storeu_ps(out + i + n_pairs, _mm256_add_ps(_mm256_mul_ps(b, c), _mm256_mul_ps(a, s)));
  }
  for (; i < n_pairs; ++i) {
    const float a = x[i], b = x[i + n_pairs];
    out[i] = a * cos[i] - b * sin[i];
    out[i + n_pairs] = b * cos[i] + a * sin[i];
  }
}

}  // namespace

void install_rope_avx2(Kernels& k) noexcept {
  k.rope_neighbours = rope_neighbours;
  k.rope_halves = rope_halves;
}

}  // namespace shrike
