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

// Exponentials become integers as soon as they are there; what they sum up to goes into the blocks' scales.
template <bool wide>
void pack_softmax(std::byte* row, const float* scores, int n) noexcept {
  constexpr PanelForm form = wide ? kWide : kBytes;
  const auto larger = [](__m512 a, __m512 b) { return _mm512_max_ps(a, b); };
  const auto plus = [](__m512 a, __m512 b) { return _mm512_add_ps(a, b); };
  __m512 v[kVecs], most = _mm512_set1_ps(-INFINITY), sums = _mm512_setzero_ps();
  for (int i = 0; i < n; i += kNumbers) {
    load_scores(v, scores + i, n - i);
    most = larger(most, joined(v, larger));
  }
  // e^(s - most) = 2^(s log2 e - most log2 e)
  const __m512 log2_e = _mm512_set1_ps(0x1.715476p0f);
  const __m512 most_log2_e = _mm512_mul_ps(_mm512_set1_ps(largest_of(most)), log2_e);
  std::byte* to = row;
  for (int i = 0; i < n; i += kNumbers, to += form.row_bytes(kNumbers)) {
    load_scores(v, scores + i, n - i);
#pragma GCC unroll 8
    for (__m512& x : v) x = two_to(_mm512_fmsub_ps(x, log2_e, most_log2_e));
    sums = plus(sums, joined(v, plus));
    if constexpr (wide)
      put_wide(to, v, n - i < kNumbers ? n - i : kNumbers);
    else
      put_bytes(to, v, n - i < kNumbers ? n - i : kNumbers);
  }
  const float by = 1.0f / _mm512_reduce_add_ps(sums);
  for (; n > 0; n -= form.depth) {
    row += form.numbers_bytes(n < form.depth ? n : form.depth);
    put_scale(row, scale_at(row) * by);
    row += form.row_facts_bytes;
  }
}

}  // namespace
}  // namespace shrike

void shrike::install_weights_avx512(Kernels& k) noexcept {
  k.wide.pack_softmax = pack_softmax<true>;
  k.narrow.pack_softmax = pack_softmax<false>;
}
