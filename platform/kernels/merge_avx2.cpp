#include <immintrin.h>

#include <cmath>
#include <cstring>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

float direction(std::int16_t* q, const float* x, int n) noexcept {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 most = _mm256_setzero_ps();
  int i = 0;
  // The second operand wins where the first is no number.
  for (; i + 8 <= n; i += 8) most = _mm256_max_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)), most);
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, most);
  float largest = 0.0f;
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  for (; i < n; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  const float scale = largest >= kDirectionMin && largest <= kDirectionMax ? kDirectionTop / largest : 0.0f;
  const __m256 scales = _mm256_set1_ps(scale);
  __m256i squares = _mm256_setzero_si256();
  for (i = 0; i + 16 <= n; i += 16) {
    const auto whole = [&](const float* from) {
      const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(from), scales);
      const __m256 number = _mm256_cmp_ps(scaled, scaled, _CMP_ORD_Q);
      return _mm256_cvtps_epi32(_mm256_and_ps(number, scaled));
    };
    const __m256i halves = _mm256_packs_epi32(whole(x + i), whole(x + i + 8));
    const __m256i packed = _mm256_permute4x64_epi64(halves, _MM_SHUFFLE(3, 1, 2, 0));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + i), packed);
    squares = _mm256_add_epi32(squares, _mm256_madd_epi16(packed, packed));
  }
  alignas(32) std::int32_t sums[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), squares);
  std::int32_t sum = 0;
  for (const std::int32_t lane : sums) sum += lane;
  for (; i < n; ++i) {
    const float scaled = x[i] * scale;
    q[i] = static_cast<std::int16_t>(scaled == scaled ? _mm_cvtss_si32(_mm_set_ss(scaled)) : 0);
    sum += q[i] * q[i];
  }
  return sum > 0 ? 1.0f / std::sqrt(static_cast<float>(sum)) : 0.0f;
}

// The products of `rows` queries with eight keys each of `groups` panels: a lane is a key, so nothing is
// summed across lanes.
template <int rows, int groups>
inline void dots(__m256i (&acc)[rows][groups], const std::int16_t* q, const std::int16_t* panel,
                 int n_pairs) noexcept {
  for (auto& row : acc)
    for (__m256i& sum : row) sum = _mm256_setzero_si256();
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(n_pairs) * 2;
  for (int pair = 0; pair < n_pairs; ++pair) {
    __m256i keys[groups];
    for (int g = 0; g < groups; ++g)
      keys[g] =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + (g * stride + 2 * pair) * kPanelKeys));
    for (int r = 0; r < rows; ++r) {
      std::int32_t both;
      std::memcpy(&both, q + r * stride + 2 * pair, sizeof(both));
      const __m256i query = _mm256_set1_epi32(both);
      for (int g = 0; g < groups; ++g)
        acc[r][g] = _mm256_add_epi32(acc[r][g], _mm256_madd_epi16(query, keys[g]));
    }
  }
}

struct Best {
  __m256 cosine = _mm256_set1_ps(-INFINITY);
  __m256i key = _mm256_set1_epi32(-1);

  void look(__m256i dot, const float* inverse, int first) noexcept {
    const __m256 cosines = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_loadu_ps(inverse));
    const __m256 better = _mm256_cmp_ps(cosines, cosine, _CMP_GT_OQ);
    const __m256i keys =
        _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    cosine = _mm256_blendv_ps(cosine, cosines, better);
    key = _mm256_blendv_epi8(key, keys, _mm256_castps_si256(better));
  }
  // Of equal ones the first, whatever the lane; then what stands behind the last whole panel.
  std::int32_t among(const std::int32_t* rest, const float* inverse, int first, int n) const noexcept {
    alignas(32) float cosines[8];
    alignas(32) std::int32_t keys[8];
    _mm256_store_ps(cosines, cosine);
    _mm256_store_si256(reinterpret_cast<__m256i*>(keys), key);
    float largest = -INFINITY;
    std::int32_t best = -1;
    for (int l = 0; l < 8; ++l) {
      if (cosines[l] < largest || (cosines[l] == largest && keys[l] > best)) continue;
      largest = cosines[l];
      best = keys[l];
    }
    for (int l = 0; l < n; ++l) {
      const float at = static_cast<float>(rest[l]) * inverse[l];
      if (at <= largest) continue;
      largest = at;
      best = first + l;
    }
    return best;
  }
};

template <int rows>
inline void nearest_rows(std::int32_t* best, const std::int16_t* q, const std::int16_t* panel,
                         const float* inverse, int n_keys, int n_pairs) noexcept {
  constexpr int kGroups = 2;
  const std::ptrdiff_t numbers = static_cast<std::ptrdiff_t>(n_pairs) * 2;
  Best found[rows];
  int j = 0;
  for (; j + kGroups * kPanelKeys <= n_keys; j += kGroups * kPanelKeys) {
    __m256i acc[rows][kGroups];
    dots<rows, kGroups>(acc, q, panel + j * numbers, n_pairs);
    for (int r = 0; r < rows; ++r)
      for (int g = 0; g < kGroups; ++g)
        found[r].look(acc[r][g], inverse + j + g * kPanelKeys, j + g * kPanelKeys);
  }
  for (; j + kPanelKeys <= n_keys; j += kPanelKeys) {
    __m256i acc[rows][1];
    dots<rows, 1>(acc, q, panel + j * numbers, n_pairs);
    for (int r = 0; r < rows; ++r) found[r].look(acc[r][0], inverse + j, j);
  }
  __m256i acc[rows][1] = {};
  if (j < n_keys) dots<rows, 1>(acc, q, panel + j * numbers, n_pairs);
  for (int r = 0; r < rows; ++r) {
    alignas(32) std::int32_t rest[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(rest), acc[r][0]);
    best[r] = found[r].among(rest, inverse + j, j, n_keys - j);
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

void install_merge_avx2(Kernels& k) noexcept {
  k.direction = direction;
  k.nearest = nearest;
}

}  // namespace shrike
