#include <type_traits>

#include "platform/kernels/each.hpp"
#include "platform/kernels/groups_avx2.hpp"
#include "platform/kernels/install.hpp"

// Products of int8 activations with quantised weights where they lie. A tile is eight outputs: the products of
// a group of each are added up across the eight registers, which leaves eight integer dots side by side, so
// that scales, minimums and sums are registers of eight outputs too. The number of rows changes the tile, never
// the order of an output's sum.
namespace shrike {
namespace {

constexpr int kOuts = 8;
constexpr int kTileRows = 4;
constexpr std::ptrdiff_t kLine = 64;  // of a cache

using Rows = const std::byte* const (&)[kOuts];  // a place in the row of each output

// --- scales of eight outputs -------------------------------------------------------------------------------

inline __m256i gather_32(Rows rows, std::ptrdiff_t at) noexcept {
  const auto word = [&](int c) {
    int bits;
    std::memcpy(&bits, rows[c] + at, sizeof(bits));
    return bits;
  };
  return _mm256_setr_epi32(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7));
}

inline __m256 gather_f16(Rows rows, std::ptrdiff_t at) noexcept {
  const auto half = [&](int c) {
    short bits;
    std::memcpy(&bits, rows[c] + at, sizeof(bits));
    return bits;
  };
  return _mm256_cvtph_ps(
      _mm_setr_epi16(half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7)));
}

// Two halves that lie side by side.
inline void gather_2_f16(Rows rows, std::ptrdiff_t at, __m256& first, __m256& second) noexcept {
  const __m256i words = gather_32(rows, at);
  const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15,  //
                                         0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(words, order), 0b11011000);
  first = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
  second = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
}

// scale<k>(): the k-th scale of a qblock (its second 16 weights in q6_k have odd ones); minimum<j>() of group j.
template <class Block>
struct Scales {
  __m256 d, m;

  Scales(Rows rows, std::ptrdiff_t at) noexcept {
    if constexpr (QType<Block>::kMinimum)
      gather_2_f16(rows, at, d, m);
    else
      d = gather_f16(rows, at);
  }
  template <int k>
  __m256 scale() const noexcept {
    return d;
  }
  template <int j>
  __m256 minimum() const noexcept {
    return m;
  }
};

// As k_scale() of groups.hpp, the bytes of four groups in one word.
struct KScales {
  __m256 d, dmin;
  __m256i scales[2], minimums[2];

  KScales(Rows rows, std::ptrdiff_t at) noexcept {
    gather_2_f16(rows, at, d, dmin);
    dmin = _mm256_xor_ps(dmin, _mm256_set1_ps(-0.0f));
    const __m256i a = gather_32(rows, at + 4), b = gather_32(rows, at + 8), c = gather_32(rows, at + 12);
    const __m256i six = _mm256_set1_epi8(63), low = _mm256_set1_epi8(15), high = _mm256_set1_epi8(48);
    scales[0] = _mm256_and_si256(a, six);
    minimums[0] = _mm256_and_si256(b, six);
    scales[1] = _mm256_or_si256(_mm256_and_si256(c, low), _mm256_and_si256(_mm256_srli_epi16(a, 2), high));
    minimums[1] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(c, 4), low),
                                  _mm256_and_si256(_mm256_srli_epi16(b, 2), high));
  }
  template <int j>
  static __m256 of(const __m256i (&bytes)[2]) noexcept {
    const __m256i byte =
        _mm256_and_si256(_mm256_srli_epi32(bytes[j / 4], 8 * (j % 4)), _mm256_set1_epi32(63));
    return _mm256_cvtepi32_ps(byte);
  }
  template <int j>
  __m256 scale() const noexcept {
    return _mm256_mul_ps(d, of<j>(scales));
  }
  template <int j>
  __m256 minimum() const noexcept {
    return _mm256_mul_ps(dmin, of<j>(minimums));
  }
};
template <>
struct Scales<QBlockQ4_K> : KScales {
  using KScales::KScales;
};
template <>
struct Scales<QBlockQ5_K> : KScales {
  using KScales::KScales;
};

template <>
struct Scales<QBlockQ6_K> {
  __m256 d;
  __m256i bytes[4];

  Scales(Rows rows, std::ptrdiff_t at) noexcept {
    d = gather_f16(rows, at + static_cast<std::ptrdiff_t>(offsetof(QBlockQ6_K, d)));
    for (int i = 0; i < 4; ++i)
      bytes[i] = gather_32(rows, at + static_cast<std::ptrdiff_t>(offsetof(QBlockQ6_K, scales)) + 4 * i);
  }
  template <int k>
  __m256 scale() const noexcept {
    const __m256i signed_byte = _mm256_srai_epi32(_mm256_slli_epi32(bytes[k / 4], 24 - 8 * (k % 4)), 24);
    return _mm256_mul_ps(d, _mm256_cvtepi32_ps(signed_byte));
  }
};

// --- integer dots of eight outputs -------------------------------------------------------------------------

// Sums of two products. One side has to be unsigned: the quants of fewer bits are; of 8 bits, a magnitude is, and
// hands its sign to the other side, which then may not be -128. Activations never are, nor levels; q8_0 may be.
// Two products of 8 bits fit into 16.
template <class Block>
inline __m256i pairs(__m256i q, __m256i x) noexcept {
  if constexpr (QType<Block>::kBits < 8)
    return _mm256_maddubs_epi16(q, x);
  else if constexpr (std::is_same_v<Block, QBlockQ8_0>)
    return _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(x, q));
  else
    return _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(q, x));
}

// The dots over the first 16 weights and the second 16. Up to 5 bits a sum of eight products, 8 * 31 * 127, fits
// into 16 bits, up to 6 one of four: so far narrow additions do.
template <class Block>
inline void add_across(__m256i (&p)[kOuts], __m256i& first, __m256i& second) noexcept {
  const __m256i one = _mm256_set1_epi16(1);
  __m256i low, high;
  if constexpr (QType<Block>::kBits <= 6) {
    each<4>([&]<int i>() { p[i] = _mm256_hadd_epi16(p[2 * i], p[2 * i + 1]); });
    if constexpr (QType<Block>::kBits <= 5) {
      low = _mm256_madd_epi16(_mm256_hadd_epi16(p[0], p[1]), one);
      high = _mm256_madd_epi16(_mm256_hadd_epi16(p[2], p[3]), one);
    } else {
      each<4>([&]<int i>() { p[i] = _mm256_madd_epi16(p[i], one); });
      low = _mm256_hadd_epi32(p[0], p[1]);
      high = _mm256_hadd_epi32(p[2], p[3]);
    }
  } else {
    each<kOuts>([&]<int c>() { p[c] = _mm256_madd_epi16(p[c], one); });
    each<4>([&]<int i>() { p[i] = _mm256_hadd_epi32(p[2 * i], p[2 * i + 1]); });
    low = _mm256_hadd_epi32(p[0], p[1]);
    high = _mm256_hadd_epi32(p[2], p[3]);
  }
  first = _mm256_permute2x128_si256(low, high, 0x20);
  second = _mm256_permute2x128_si256(low, high, 0x31);
}

// One group onto the sums of eight outputs.
template <class Block, int j>
inline __m256 add_group(__m256 sum, const Scales<Block>& s, __m256i first, __m256i second, float xd,
                        const std::int32_t* xsum) noexcept {
  using Type = QType<Block>;
  const __m256 d = _mm256_set1_ps(xd);
  if constexpr (Type::kScales == 2) {
    first = _mm256_sub_epi32(first, _mm256_set1_epi32(Type::kCentre * xsum[0]));
    second = _mm256_sub_epi32(second, _mm256_set1_epi32(Type::kCentre * xsum[1]));
    const __m256 d0 = _mm256_mul_ps(s.template scale<2 * j>(), d);
    const __m256 d1 = _mm256_mul_ps(s.template scale<2 * j + 1>(), d);
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(second), d1,
                           _mm256_fmadd_ps(_mm256_cvtepi32_ps(first), d0, sum));
  } else {
    __m256i dot = _mm256_add_epi32(first, second);
    if constexpr (Type::kCentre != 0)
      dot = _mm256_sub_epi32(dot, _mm256_set1_epi32(Type::kCentre * (xsum[0] + xsum[1])));
    sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(s.template scale<j>(), d), sum);
    if constexpr (Type::kMinimum) {
      const float n = static_cast<float>(xsum[0] + xsum[1]);
      sum = _mm256_fmadd_ps(s.template minimum<j>(), _mm256_set1_ps(xd * n), sum);
    }
    return sum;
  }
}

// --- products ----------------------------------------------------------------------------------------------

// The eight rows of a tile lie one behind the other, and so does the next tile, which is fetched meanwhile: line
// by line in the order of memory, whatever the order of reading, because that is what memory is fast at.
template <class Block, int rows>
inline void tile(const Matmul& t, int row, Rows w, __m256 (&sums)[rows]) noexcept {
  constexpr int kGroups = QType<Block>::kGroups;
  const int n_groups = t.n_in / kQ8Group;
  const std::ptrdiff_t first_group = static_cast<std::ptrdiff_t>(row) * n_groups;
  const std::ptrdiff_t ahead = kOuts * static_cast<std::ptrdiff_t>(t.w_row_bytes);
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  std::ptrdiff_t at = 0, fetched = 0;
  for (int block = 0; block < n_groups; block += kGroups, at += static_cast<std::ptrdiff_t>(sizeof(Block))) {
    const Scales<Block> scales(w, at);
    if constexpr (rows == 1)
      for (; fetched < kOuts * (at + static_cast<std::ptrdiff_t>(sizeof(Block))); fetched += kLine)
        _mm_prefetch(reinterpret_cast<const char*>(w[0] + ahead + fetched), _MM_HINT_T0);
    each<kGroups>([&]<int j>() {
      __m256i q[kOuts];
      each<kOuts>([&]<int c>() { q[c] = quants(reinterpret_cast<const Block*>(w[c] + at), j); });
      each<rows>([&]<int r>() {
        const std::ptrdiff_t g = first_group + r * n_groups + block + j;
        const __m256i x = load_32(t.xq + g * kQ8Group);
        __m256i p[kOuts], first, second;
        each<kOuts>([&]<int c>() { p[c] = pairs<Block>(q[c], x); });
        add_across<Block>(p, first, second);
        sums[r] = add_group<Block, j>(sums[r], scales, first, second, t.xd[g], t.xsum + 2 * g);
      });
    });
  }
}

inline void put(const Matmul& t, int row, int out, int n_outs, __m256 sums) noexcept {
  alignas(32) float sum[kOuts];
  _mm256_store_ps(sum, sums);
  float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
  for (int c = 0; c < n_outs; ++c) {
    if (t.bias != nullptr) sum[c] += t.bias[out + c];
    y[c] = t.accumulate ? y[c] + sum[c] : sum[c];
  }
}

template <class Block>
void matmul(const Matmul& t) noexcept {
  for (int out = t.out_begin; out < t.out_end; out += kOuts) {
    const int n_outs = t.out_end - out < kOuts ? t.out_end - out : kOuts;
    const std::byte* w[kOuts];  // a tile that is not full does its last output several times
    for (int c = 0; c < kOuts; ++c)
      w[c] = t.w + static_cast<std::size_t>(out + (c < n_outs ? c : n_outs - 1)) * t.w_row_bytes;
    int row = 0;
    for (; row + kTileRows <= t.n_rows; row += kTileRows) {
      __m256 sums[kTileRows];
      tile<Block>(t, row, w, sums);
      for (int r = 0; r < kTileRows; ++r) put(t, row + r, out, n_outs, sums[r]);
    }
    for (; row < t.n_rows; ++row) {
      __m256 sums[1];
      tile<Block>(t, row, w, sums);
      put(t, row, out, n_outs, sums[0]);
    }
  }
}

void matmul_quants(DType type, const Matmul& t) noexcept {
  with_qblock(type, [&]<class Block>() { matmul<Block>(t); });
}

// --- conversions -------------------------------------------------------------------------------------------

void unpack_quants(DType type, const std::byte* row, int first_group, int n_groups, Group* out) noexcept {
  with_qblock(type, [&]<class Block>() { unpack_avx2<Block>(row, first_group, n_groups, out); });
}

void quants_to_f32(DType type, float* out, const std::byte* row, int n) noexcept {
  constexpr int kStretch = 8;
  Group groups[kStretch];
  for (int first = 0; first < n / kQ8Group; first += kStretch) {
    const int count = n / kQ8Group - first < kStretch ? n / kQ8Group - first : kStretch;
    unpack_quants(type, row, first, count, groups);
    for (const Group* g = groups; g != groups + count; ++g)
      for (int i = 0; i < kQ8Group; i += 8, out += 8) {
        const __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(g->q + i)));
        const __m256 scaled = _mm256_mul_ps(_mm256_set1_ps(g->d[i / 16]), _mm256_cvtepi32_ps(q));
        _mm256_storeu_ps(out, _mm256_add_ps(scaled, _mm256_set1_ps(g->m[i / 16])));
      }
  }
}

void bf16_to_f32(float* out, const bf16* x, int n) noexcept {
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i)));
    _mm256_storeu_ps(out + i, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
  }
  for (; i < n; ++i) out[i] = shrike::bf16_to_f32(x[i]);
}

void q8_sums(std::int32_t* sums, const std::int8_t* q, int n) noexcept {
  const __m128i one = _mm_set1_epi8(1);
  for (int i = 0; i < n / kQ8Sum; ++i, q += kQ8Sum) {
    const __m128i two = _mm_maddubs_epi16(one, _mm_loadu_si128(reinterpret_cast<const __m128i*>(q)));
    const __m128i four = _mm_madd_epi16(two, _mm_set1_epi16(1));
    const __m128i eight = _mm_hadd_epi32(four, four);
    sums[i] = _mm_cvtsi128_si32(_mm_hadd_epi32(eight, eight));
  }
}

}  // namespace

void install_quants_avx2(Kernels& k) noexcept {
  k.bf16_to_f32 = bf16_to_f32;
  k.q8_sums = q8_sums;
  k.unpack = unpack_quants;
  k.quants_to_f32 = quants_to_f32;
  k.matmul_q8_0 = matmul<QBlockQ8_0>;
  k.matmul_quants = matmul_quants;
}

}  // namespace shrike
