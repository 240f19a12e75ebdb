#include <cmath>

#include "platform/kernels/install.hpp"
#include "platform/kernels/panel_rows_avx512.hpp"
#include "platform/kernels/row_evidence.hpp"

namespace shrike {
namespace {

constexpr int kNumbers = 128,
              kVecs = kNumbers / 16;  // that are worked on together: whole blocks of either form
static_assert(kNumbers % Wide::kDepth == 0 && kNumbers % Raised::kDepth == 0);

// Binary logarithm of what is 0 as a float.
constexpr float kNothing = -200.0f;
constexpr float kLog2E = 0x1.715476p0f, kLn2 = 0x1.62e43p-1f;

// 2^x, kNothing <= x <= 0, within 4e-6 of it, as exact as integers of 13 bits need it; through its values at five
// Chebyshev nodes.
inline __m512 two_to(__m512 x) noexcept {
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(0x1.3cbf60p-7f);
  for (const float c : {0x1.ca1ce2p-5f, 0x1.ebfa4cp-3f, 0x1.62e0c2p-1f, 1.0f})
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
  return _mm512_scalef_ps(p, n);
}

// each(i, lanes) of 128 numbers by sixteen, of which the first n are there.
template <class Each>
[[gnu::always_inline]] inline void over_lanes(int n, Each each) noexcept {
  if (n >= kNumbers) {
#pragma GCC unroll 8
    for (int i = 0; i < kVecs; ++i) each(i, static_cast<__mmask16>(0xffff));
    return;
  }
  for (int i = 0; i < kVecs; ++i, n -= 16)
    each(i, static_cast<__mmask16>(n >= 16 ? 0xffff : n > 0 ? (1 << n) - 1 : 0));
}

// The first n <= 128 scores; those behind them weigh nothing.
inline void load_scores(__m512 (&s)[kVecs], const float* scores, int n) noexcept {
  const __m512 none = _mm512_set1_ps(-INFINITY);
  over_lanes(n, [&](int i, __mmask16 lanes) { s[i] = _mm512_mask_loadu_ps(none, lanes, scores + 16 * i); });
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

float largest_score(const float* scores, int n) noexcept {
  const auto larger = [](__m512 a, __m512 b) { return _mm512_max_ps(a, b); };
  __m512 v[kVecs], most = _mm512_set1_ps(-INFINITY);
  for (int i = 0; i < n; i += kNumbers) {
    load_scores(v, scores + i, n - i);
    most = larger(most, joined(v, larger));
  }
  return largest_of(most);
}

// Which of up to 128 columns are images.
class Images {
 public:
  Images(const std::uint8_t* modality, int n) noexcept {
    std::uint8_t padded[kNumbers] = {};
    if (n < kNumbers)
      modality = static_cast<std::uint8_t*>(std::memcpy(padded, modality, static_cast<std::size_t>(n)));
    for (int half = 0; half < 2; ++half) {
      const __m512i flags = _mm512_loadu_si512(modality + 64 * half);
      lanes_[half] = _mm512_test_epi8_mask(flags, flags);
    }
  }
  __mmask16 lanes(int vec) const noexcept {
    return static_cast<__mmask16>(lanes_[vec / 4] >> (vec % 4 * 16));
  }

 private:
  __mmask64 lanes_[2];
};

// What exponentials add up to,
class Sum {
 public:
  void add(const __m512 (&e)[kVecs], const __m512 (&)[kVecs], int) noexcept {
    sum_ = _mm512_add_ps(sum_, joined(e, [](__m512 a, __m512 b) { return _mm512_add_ps(a, b); }));
  }
  float total() const noexcept { return _mm512_reduce_add_ps(sum_); }

 private:
  __m512 sum_ = _mm512_setzero_ps();
};

// and text and images apart, with the products that entropies are made of.
class SumOfClasses {
 public:
  SumOfClasses(const std::uint8_t* modality, int n) noexcept : modality_(modality), n_(n) {}

  // e = 2^x, of column i and those behind it.
  void add(const __m512 (&e)[kVecs], const __m512 (&x)[kVecs], int i) noexcept {
    const Images images(modality_ + i, n_ - i);
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) {
      const __mmask16 image = images.lanes(j), text = static_cast<__mmask16>(~image);
      z_[0] = _mm512_mask_add_ps(z_[0], text, z_[0], e[j]);
      z_[1] = _mm512_mask_add_ps(z_[1], image, z_[1], e[j]);
      u_[0] = _mm512_mask3_fmadd_ps(e[j], x[j], u_[0], text);
      u_[1] = _mm512_mask3_fmadd_ps(e[j], x[j], u_[1], image);
    }
  }
  float total() const noexcept { return _mm512_reduce_add_ps(_mm512_add_ps(z_[0], z_[1])); }

  RowEvidence evidence() const noexcept {
    const float z[2] = {_mm512_reduce_add_ps(z_[0]), _mm512_reduce_add_ps(z_[1])};
    const float u[2] = {kLn2 * _mm512_reduce_add_ps(u_[0]), kLn2 * _mm512_reduce_add_ps(u_[1])};
    return evidence_of(z, u);
  }

 private:
  const std::uint8_t* modality_;
  int n_;
  __m512 z_[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()},
         u_[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
};

// Scores become exponentials.
template <class Sums>
inline void exponentials(float* scores, int n, Sums& sums) noexcept {
  // e^(s - most) = 2^(s log2 e - most log2 e)
  const __m512 log2_e = _mm512_set1_ps(kLog2E),
               most_log2_e = _mm512_set1_ps(largest_score(scores, n) * kLog2E);
  __m512 x[kVecs], e[kVecs];
  for (int i = 0; i < n; i += kNumbers) {
    load_scores(x, scores + i, n - i);
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) {
      x[j] = _mm512_max_ps(_mm512_fmsub_ps(x[j], log2_e, most_log2_e), _mm512_set1_ps(kNothing));
      e[j] = two_to(x[j]);
    }
    sums.add(e, x, i);
    over_lanes(n - i,
               [&](int j, __mmask16 lanes) { _mm512_mask_storeu_ps(scores + i + 16 * j, lanes, e[j]); });
  }
}

// Exponentials lie in the scores' place until their sum is known, and become weights on their way into integers.
template <bool wide, class Sums>
void pack_weights(std::byte* row, float* scores, int n, Sums& sums, const WeightsShown& shown) noexcept {
  exponentials(scores, n, sums);
  const __m512 by = _mm512_set1_ps(1.0f / sums.total());
  for (int i = 0; i < n; i += kNumbers, row += (wide ? kWide : kBytes).row_bytes(kNumbers)) {
    __m512 v[kVecs];
    over_lanes(n - i, [&](int j, __mmask16 lanes) {
      v[j] = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, scores + i + 16 * j), by);
    });
    if (shown.mass != nullptr)
      over_lanes(shown.n_mass - i, [&](int j, __mmask16 lanes) {
        float* to = shown.mass + i + 16 * j;
        _mm512_mask_storeu_ps(to, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, to), v[j]));
      });
    put_numbers<wide>(row, v, n - i);
  }
}

template <bool wide>
void pack_softmax(std::byte* row, float* scores, int n, const WeightsShown& shown) noexcept {
  if (shown.evidence == nullptr) {
    Sum sum;
    pack_weights<wide>(row, scores, n, sum, shown);
  } else {
    SumOfClasses sums(shown.modality, n);
    pack_weights<wide>(row, scores, n, sums, shown);
    *shown.evidence = sums.evidence();
  }
}

}  // namespace
}  // namespace shrike

void shrike::install_weights_avx512(Kernels& k) noexcept {
  k.wide.pack_softmax = pack_softmax<true>;
  k.narrow.pack_softmax = pack_softmax<false>;
}
