#include <cmath>

#include "platform/kernels/install.hpp"
#include "platform/kernels/panel_rows_avx512.hpp"

namespace shrike {
namespace {

constexpr int kNumbers = 128,
              kVecs = kNumbers / 16;  // that are worked on together: whole blocks of either form
static_assert(kNumbers % Wide::kDepth == 0 && kNumbers % Raised::kDepth == 0);

// 2^x of x <= 0 within 4e-6 of it, as exact as integers of 13 bits need it; through its values at five Chebyshev
// nodes. What is below -127 is as good as nothing.
inline __m512 two_to(__m512 x) noexcept {
  x = _mm512_max_ps(x, _mm512_set1_ps(-127.0f));
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(0x1.3cbf60p-7f);
  for (const float c : {0x1.ca1ce2p-5f, 0x1.ebfa4cp-3f, 0x1.62e0c2p-1f, 1.0f})
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
  return _mm512_scalef_ps(p, n);
}

// The first n <= 128 scores; those behind them weigh nothing.
inline void load_scores(__m512 (&s)[kVecs], const float* scores, int n) noexcept {
  float padded[kNumbers];
  if (n < kNumbers) {
    for (float& score : padded) score = -INFINITY;
    std::memcpy(padded, scores, static_cast<std::size_t>(n) * sizeof(float));
    scores = padded;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVecs; ++i) s[i] = _mm512_loadu_ps(scores + 16 * i);
}

// Eight registers into one, in pairs.
template <class Join>
inline __m512 joined(const __m512 (&v)[kVecs], Join join) noexcept {
  return join(join(join(v[0], v[1]), join(v[2], v[3])), join(join(v[4], v[5]), join(v[6], v[7])));
}

template <bool wide>
inline void put_numbers(std::byte* row, const __m512 (&v)[kVecs], int n) noexcept {
  n = n < kNumbers ? n : kNumbers;
  if constexpr (wide)
    put_wide(row, v, n);
  else
    put_bytes(row, v, n);
}

__m512 largest_score(const float* scores, int n) noexcept {
  const auto larger = [](__m512 a, __m512 b) { return _mm512_max_ps(a, b); };
  __m512 v[kVecs], most = _mm512_set1_ps(-INFINITY);
  for (int i = 0; i < n; i += kNumbers) {
    load_scores(v, scores + i, n - i);
    most = larger(most, joined(v, larger));
  }
  return _mm512_set1_ps(largest_of(most));
}

// each(exponentials of up to 128 scores, the first one's index); returns 1 / their sum.
template <class Each>
[[gnu::always_inline]] inline float over_exponentials(const float* scores, int n, Each each) noexcept {
  // e^(s - most) = 2^(s log2 e - most log2 e)
  const __m512 log2_e = _mm512_set1_ps(0x1.715476p0f);
  const __m512 most_log2_e = _mm512_mul_ps(largest_score(scores, n), log2_e);
  __m512 v[kVecs], sums = _mm512_setzero_ps();
  for (int i = 0; i < n; i += kNumbers) {
    load_scores(v, scores + i, n - i);
#pragma GCC unroll 8
    for (__m512& x : v) x = two_to(_mm512_fmsub_ps(x, log2_e, most_log2_e));
    sums = _mm512_add_ps(sums, joined(v, [](__m512 a, __m512 b) { return _mm512_add_ps(a, b); }));
    each(v, i);
  }
  return 1.0f / _mm512_reduce_add_ps(sums);
}

// Exponentials become integers as soon as they are there; what they sum up to goes into the blocks' scales.
template <bool wide>
void pack_at_once(std::byte* row, const float* scores, int n) noexcept {
  constexpr PanelForm form = wide ? kWide : kBytes;
  std::byte* to = row;
  const float by = over_exponentials(scores, n, [&](const __m512(&v)[kVecs], int i) {
    put_numbers<wide>(to, v, n - i);
    to += form.row_bytes(kNumbers);
  });
  for (; n > 0; n -= form.depth) {
    row += form.numbers_bytes(n < form.depth ? n : form.depth);
    put_scale(row, scale_at(row) * by);
    row += form.row_facts_bytes;
  }
}

// Exponentials lie in the scores' place until their sum is known, and become weights on their way into integers.
template <bool wide>
void pack_and_add(std::byte* row, float* scores, int n, float* mass, int n_mass) noexcept {
  const auto lanes = [](int n_left) {
    return static_cast<__mmask16>(n_left >= 16 ? 0xffff : n_left > 0 ? (1 << n_left) - 1 : 0);
  };
  const __m512 by = _mm512_set1_ps(over_exponentials(scores, n, [&](const __m512(&v)[kVecs], int i) {
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) _mm512_mask_storeu_ps(scores + i + 16 * j, lanes(n - i - 16 * j), v[j]);
  }));
  for (int i = 0; i < n; i += kNumbers, row += (wide ? kWide : kBytes).row_bytes(kNumbers)) {
    __m512 v[kVecs];
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) {
      const int at = i + 16 * j;
      v[j] = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes(n - at), scores + at), by);
      const __mmask16 counted = lanes(n_mass - at);
      _mm512_mask_storeu_ps(mass + at, counted,
                            _mm512_add_ps(_mm512_maskz_loadu_ps(counted, mass + at), v[j]));
    }
    put_numbers<wide>(row, v, n - i);
  }
}

template <bool wide>
void pack_softmax(std::byte* row, float* scores, int n, float* mass, int n_mass) noexcept {
  mass != nullptr ? pack_and_add<wide>(row, scores, n, mass, n_mass) : pack_at_once<wide>(row, scores, n);
}

}  // namespace
}  // namespace shrike

void shrike::install_weights_avx512(Kernels& k) noexcept {
  k.wide.pack_softmax = pack_softmax<true>;
  k.narrow.pack_softmax = pack_softmax<false>;
}
