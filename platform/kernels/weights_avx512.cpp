#include "platform/kernels/install.hpp"
#include "platform/kernels/panel_rows_avx512.hpp"
#include "platform/kernels/sets_avx512.hpp"

namespace shrike {
namespace {

using Vec = Avx512::Vec;
constexpr int kVecs = Wide::kDepth / 16;

// The first n <= 128 scores; those behind them weigh nothing.
inline void load_scores(__m512 (&s)[kVecs], const float* scores, int n) noexcept {
  float padded[Wide::kDepth];
  if (n < Wide::kDepth) {
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
void pack_softmax(std::byte* row, const float* scores, int n) noexcept {
  const auto larger = [](__m512 a, __m512 b) { return _mm512_max_ps(a, b); };
  const auto plus = [](__m512 a, __m512 b) { return _mm512_add_ps(a, b); };
  __m512 v[kVecs], most = _mm512_set1_ps(-INFINITY), sums = _mm512_setzero_ps();
  for (int i = 0; i < n; i += Wide::kDepth) {
    load_scores(v, scores + i, n - i);
    most = larger(most, joined(v, larger));
  }
  const Vec largest(largest_of(most));
  std::byte* to = row;
  for (int i = 0; i < n; i += Wide::kDepth, to += kWide.row_bytes(Wide::kDepth)) {
    load_scores(v, scores + i, n - i);
#pragma GCC unroll 8
    for (__m512& x : v) x = exp<Avx512>(Vec(x) - largest);
    sums = plus(sums, joined(v, plus));
    put_wide(to, v, n - i < Wide::kDepth ? n - i : Wide::kDepth);
  }
  const float by = 1.0f / _mm512_reduce_add_ps(sums);
  for (; n > 0; n -= Wide::kDepth) {
    const std::size_t bytes = kWide.numbers_bytes(n < Wide::kDepth ? n : Wide::kDepth);
    put_scale(row + bytes, scale_at(row + bytes) * by);
    row += bytes + sizeof(float);
  }
}

}  // namespace
}  // namespace shrike

void shrike::install_weights_avx512(Kernels& k) noexcept { k.wide.pack_softmax = pack_softmax; }
