#include "platform/kernels/groups.hpp"
#include "platform/kernels/install.hpp"
#include "platform/kernels/panel_rows_avx512.hpp"

namespace shrike {
namespace {

constexpr int kVecs = 2;                                // of sixteen outputs; both forms have strips of 32
constexpr int kSteps = Raised::kDepth / Raised::kStep;  // of a whole block
static_assert(Raised::kOuts == 16 * kVecs && Wide::kOuts == 16 * kVecs);

// n <= 32 numbers as bytes, filled up with zeros; their scale. NaN is passed over by max, its
// operands in this order.
struct Rounded {
  __m256i q;
  float scale;
};
inline Rounded round_block(const float* x, int n) noexcept {
  float whole[Raised::kDepth] = {};
  if (n < Raised::kDepth) {
    std::memcpy(whole, x, static_cast<std::size_t>(n) * sizeof(float));
    x = whole;
  }
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 part[4], magnitudes = _mm256_setzero_ps();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    part[i] = _mm256_loadu_ps(x + 8 * i);
    magnitudes = _mm256_max_ps(_mm256_andnot_ps(sign, part[i]), magnitudes);
  }
  __m128 most = _mm_max_ps(_mm256_castps256_ps128(magnitudes), _mm256_extractf128_ps(magnitudes, 1));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  const float largest = _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
  const __m256 inverse = _mm256_set1_ps(inverse_of<Narrow>(largest));
  const auto integers = [&](int i) { return _mm256_cvtps_epi32(_mm256_mul_ps(part[i], inverse)); };
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(integers(0), integers(1)),
                                           _mm256_packs_epi32(integers(2), integers(3)));
  return {_mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)),
          scale_of<Narrow>(largest)};
}

void pack_outs(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  const int n_steps = stepped<Narrow>(n) / Raised::kStep;
  std::byte* scales = block + static_cast<std::size_t>(n_steps * Raised::kStep * Raised::kOuts);
  for (int out = 0; out < Raised::kOuts; ++out) {
    const Rounded rounded =
        out < n_outs ? round_block(w + out * stride, n) : Rounded{_mm256_setzero_si256(), 0.0f};
    put_scale(scales + out * 4, rounded.scale);
    std::uint32_t steps[kSteps];
    std::memcpy(steps, &rounded.q, sizeof(steps));
    for (int step = 0; step < n_steps; ++step) {
      const std::uint32_t raised = steps[step] ^ 0x80808080u;
      std::memcpy(block + (step * Raised::kOuts + out) * Raised::kStep, &raised, sizeof(raised));
    }
  }
}

// A register holds a number of sixteen outputs; four of them become a step.
void pack_columns(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  const int n_steps = stepped<Narrow>(n) / Raised::kStep;
  auto* scales =
      reinterpret_cast<float*>(block + static_cast<std::size_t>(n_steps * Raised::kStep * Raised::kOuts));
  for (int half = 0; half < Raised::kOuts; half += 16) {
    const auto number = [&](int k) { return load_first(w + k * stride + half, k < n ? n_outs - half : 0); };
    __m512 most = _mm512_setzero_ps();
    for (int k = 0; k < n; ++k) most = larger_magnitude(number(k), most);
    const __mmask16 usable = usable_lanes(most);
    const __m512 levels = _mm512_set1_ps(Raised::kLevels);
    const __m512 inverse = _mm512_maskz_div_ps(usable, levels, most);
    _mm512_storeu_ps(scales + half, _mm512_maskz_div_ps(usable, most, levels));
    for (int step = 0; step < n_steps; ++step) {
      const auto byte = [&](int i) {
        const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(number(step * Raised::kStep + i), inverse));
        return _mm512_slli_epi32(_mm512_and_si512(q, _mm512_set1_epi32(255)), static_cast<unsigned>(8 * i));
      };
      const __m512i four =
          _mm512_or_si512(_mm512_or_si512(byte(0), byte(1)), _mm512_or_si512(byte(2), byte(3)));
      _mm512_storeu_si512(block + (step * Raised::kOuts + half) * Raised::kStep,
                          _mm512_xor_si512(four, _mm512_set1_epi8(-128)));
    }
  }
}

// Bytes of sixteen groups become steps of sixteen outputs each: squares of four by four within 128 bits, whose
// lanes then come together.
void turn_groups(std::byte* steps, const std::int8_t* const (&q)[16]) noexcept {
  __m512i two[8], odd[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q[i]));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q[i + 8]));
    two[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    odd[i] = _mm512_unpacklo_epi32(two[i], two[i + 1]);
    odd[i + 1] = _mm512_unpackhi_epi32(two[i], two[i + 1]);
  }
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i second = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i raise = _mm512_set1_epi8(-128);
  const auto put_step = [&](int step, __m512i of) {
    _mm512_storeu_si512(steps + step * Raised::kOuts * Raised::kStep, _mm512_xor_si512(of, raise));
  };
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
    const auto four = [&](int i) {
      const __m512i a = odd[i + s / 2], b = odd[i + 2 + s / 2];
      return s % 2 == 0 ? _mm512_unpacklo_epi64(a, b) : _mm512_unpackhi_epi64(a, b);
    };
    put_step(s, _mm512_permutex2var_epi64(four(0), first, four(4)));
    put_step(s + 4, _mm512_permutex2var_epi64(four(0), second, four(4)));
  }
}

void pack_groups(std::byte* block, const Group* groups, std::ptrdiff_t stride, int n_outs) noexcept {
  static constexpr Group kNone{};
  std::byte* scales = block + Raised::kDepth * Raised::kOuts;
  for (int half = 0; half < Raised::kOuts; half += 16) {
    const std::int8_t* q[16];
    for (int i = 0; i < 16; ++i) {
      const Group& group = half + i < n_outs ? groups[(half + i) * stride] : kNone;
      q[i] = group.q;
      put_scale(scales + (half + i) * 4, group.d[0]);
    }
    turn_groups(block + half * Raised::kStep, q);
  }
}

// The scales of sixteen qblocks, at the front of each.
void put_half_scales(std::byte* to, const std::byte* const (&qblocks)[16]) noexcept {
  alignas(32) f16 halves[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&halves[i], qblocks[i], sizeof(f16));
  auto* scales = reinterpret_cast<float*>(to);
  for (int i = 0; i < 16; i += 8)
    _mm256_storeu_ps(scales + i,
                     _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves + i))));
}

// each(sixteen qblocks, the first output) for both halves of a strip; where there is no row there are zeros.
template <class QBlock, class Each>
[[gnu::always_inline]] inline void over_qblocks(const std::byte* w, std::size_t row_bytes, int n_outs,
                                                Each each) noexcept {
  static constexpr QBlock kNone{};
  for (int half = 0; half < Raised::kOuts; half += 16) {
    const std::byte* qblocks[16];
    for (int i = 0; i < 16; ++i)
      qblocks[i] = half + i < n_outs ? w + static_cast<std::size_t>(half + i) * row_bytes
                                     : reinterpret_cast<const std::byte*>(&kNone);
    each(qblocks, half);
  }
}

void pack_q8_0(std::byte* block, const std::byte* w, std::size_t row_bytes, int n_outs) noexcept {
  over_qblocks<QBlockQ8_0>(w, row_bytes, n_outs, [&](const std::byte* const(&qblocks)[16], int half) {
    const std::int8_t* q[16];
    for (int i = 0; i < 16; ++i) q[i] = reinterpret_cast<const std::int8_t*>(qblocks[i] + sizeof(f16));
    turn_groups(block + half * Raised::kStep, q);
    put_half_scales(block + Raised::kDepth * Raised::kOuts + half * 4, qblocks);
  });
}

// Four bytes of each row are a step of low and one of high nibbles.
void pack_q4_0(std::byte* block, const std::byte* w, std::size_t row_bytes, int n_outs) noexcept {
  over_qblocks<QBlockQ4_0>(w, row_bytes, n_outs, [&](const std::byte* const(&qblocks)[16], int half) {
    const auto bytes = [&](int row) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(qblocks[row] + sizeof(f16)));
    };
    __m512i rows[4];  // each fourth row
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes(i)), bytes(i + 4), 1);
      const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes(i + 8)), bytes(i + 12), 1);
      rows[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    const __m512i pairs[4] = {
        _mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpacklo_epi32(rows[2], rows[3]),
        _mm512_unpackhi_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[2], rows[3])};
    const auto put_step = [&](int step, __m512i nibbles) {  // centred and raised: less 8, plus 128
      _mm512_storeu_si512(
          block + (step * Raised::kOuts + half) * Raised::kStep,
          _mm512_add_epi8(_mm512_and_si512(nibbles, _mm512_set1_epi8(15)), _mm512_set1_epi8(120)));
    };
#pragma GCC unroll 4
    for (int step = 0; step < 4; ++step) {
      const __m512i a = pairs[step / 2 * 2], b = pairs[step / 2 * 2 + 1];
      const __m512i four = step % 2 == 0 ? _mm512_unpacklo_epi64(a, b) : _mm512_unpackhi_epi64(a, b);
      put_step(step, four);
      put_step(step + 4, _mm512_srli_epi16(four, 4));
    }
    put_half_scales(block + Raised::kDepth * Raised::kOuts + half * 4, qblocks);
  });
}

__m512i four_bytes(const std::byte* at) noexcept {
  std::int32_t bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  return _mm512_set1_epi32(bytes);
}

// The compiler keeps a sum in one register when it cannot see what an empty statement does with it.
#if defined(SHRIKE_SIMDE)
#define SHRIKE_STAY(v) static_cast<void>(v)
#else
#define SHRIKE_STAY(v) asm("" : "+v"(v))
#endif

// One block of `rows` rows and one strip.
template <int rows>
[[gnu::always_inline]] inline void block_bytes(__m512 (&sums)[rows][kVecs], const std::byte* strip,
                                               const std::byte* x, std::size_t x_stride,
                                               int n_steps) noexcept {
  const std::byte* facts = x + n_steps * Raised::kStep;
  __m512i dots[rows][kVecs];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
    dots[r][0] = dots[r][1] = four_bytes(facts + static_cast<std::size_t>(r) * x_stride + sizeof(float));
#pragma GCC unroll 8
  for (int step = 0; step < n_steps; ++step) {
    const __m512i w0 = _mm512_loadu_si512(strip), w1 = _mm512_loadu_si512(strip + 64);
    strip += 128;
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const __m512i a = four_bytes(x + static_cast<std::size_t>(r) * x_stride + step * Raised::kStep);
      dots[r][0] = _mm512_dpbusd_epi32(dots[r][0], w0, a);
      dots[r][1] = _mm512_dpbusd_epi32(dots[r][1], w1, a);
      SHRIKE_STAY(dots[r][0]);
      SHRIKE_STAY(dots[r][1]);
    }
  }
  const __m512 scale0 = _mm512_loadu_ps(strip), scale1 = _mm512_loadu_ps(strip + 64);
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    const __m512 scale = _mm512_set1_ps(scale_at(facts + static_cast<std::size_t>(r) * x_stride));
    sums[r][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][0]), _mm512_mul_ps(scale0, scale), sums[r][0]);
    sums[r][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][1]), _mm512_mul_ps(scale1, scale), sums[r][1]);
    SHRIKE_STAY(sums[r][0]);
    SHRIKE_STAY(sums[r][1]);
  }
}

// Sums of `rows` rows and one strip.
template <int rows>
void tile_bytes(__m512 (&sums)[rows][kVecs], const std::byte* strip, const std::byte* x, std::size_t x_stride,
                int n_in) noexcept {
  constexpr std::size_t kBlock = kBytes.block_bytes(Raised::kDepth);
  for (; n_in >= Raised::kDepth;
       n_in -= Raised::kDepth, strip += kBlock, x += Raised::kDepth + Raised::kRowFacts)
    block_bytes<rows>(sums, strip, x, x_stride, kSteps);
  if (n_in > 0) block_bytes<rows>(sums, strip, x, x_stride, stepped<Narrow>(n_in) / Raised::kStep);
}

// The same with integers of 16 bits, two at a time.
template <int rows>
void tile_wide(__m512 (&sums)[rows][kVecs], const std::byte* strip, const std::byte* x, std::size_t x_stride,
               int n_in) noexcept {
  for (int k = 0; k < n_in; k += Wide::kDepth) {
    const int n_pairs = stepped<Wide>(n_in - k < Wide::kDepth ? n_in - k : Wide::kDepth) / Wide::kStep;
    __m512i dots[rows][kVecs];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) dots[r][0] = dots[r][1] = _mm512_setzero_si512();
    for (int pair = 0; pair < n_pairs; ++pair) {
      const __m512i w0 = _mm512_loadu_si512(strip), w1 = _mm512_loadu_si512(strip + 64);
      strip += 128;
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const __m512i a = four_bytes(x + static_cast<std::size_t>(r) * x_stride + pair * 4);
        dots[r][0] = _mm512_dpwssd_epi32(dots[r][0], w0, a);
        dots[r][1] = _mm512_dpwssd_epi32(dots[r][1], w1, a);
        SHRIKE_STAY(dots[r][0]);
        SHRIKE_STAY(dots[r][1]);
      }
    }
    x += n_pairs * 4;
    const __m512 scale0 = _mm512_loadu_ps(strip), scale1 = _mm512_loadu_ps(strip + 64);
    strip += 128;
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const __m512 scale = _mm512_set1_ps(scale_at(x + static_cast<std::size_t>(r) * x_stride));
      sums[r][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][0]), _mm512_mul_ps(scale0, scale), sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][1]), _mm512_mul_ps(scale1, scale), sums[r][1]);
      SHRIKE_STAY(sums[r][0]);
      SHRIKE_STAY(sums[r][1]);
    }
    x += sizeof(float);
  }
}

[[gnu::noinline]] void put_some(const PanelTask& t, int row, int out, __m512 first, __m512 second) noexcept {
  float some[16 * kVecs];
  _mm512_storeu_ps(some, first);
  _mm512_storeu_ps(some + 16, second);
  finish(t, row, out, t.n_outs - out, some);
}

// By value: sums that something points to would be kept in memory all the while.
inline void put(const PanelTask& t, float* y, int out, __m512 sum) noexcept {
  if (t.bias != nullptr) sum = _mm512_add_ps(sum, _mm512_loadu_ps(t.bias + out));
  if (t.accumulate) sum = _mm512_add_ps(_mm512_loadu_ps(y), sum);
  _mm512_storeu_ps(y, sum);
}

template <int rows, bool wide>
void over_strips(const PanelTask& t, int row) noexcept {
  constexpr PanelForm form = wide ? kWide : kBytes;
  const std::size_t row_bytes = form.row_bytes(t.n_in);
  const std::byte* x = t.rows + static_cast<std::size_t>(row) * row_bytes;
  const std::byte* strip = t.panel;
  for (int out = 0; out < t.n_outs; out += form.outs, strip += form.strip_bytes(t.n_in)) {
    __m512 sums[rows][kVecs];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    if constexpr (wide)
      tile_wide<rows>(sums, strip, x, row_bytes, t.n_in);
    else
      tile_bytes<rows>(sums, strip, x, row_bytes, t.n_in);
    float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
    const bool whole = t.n_outs - out >= 16 * kVecs;
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r, y += t.y_stride) {
      if (!whole) {
        put_some(t, row + r, out, sums[r][0], sums[r][1]);
        continue;
      }
      put(t, y, out, sums[r][0]);
      put(t, y + 16, out + 16, sums[r][1]);
    }
  }
}

// Six rows: twelve sums of integers, twelve of floats, two of weights and what is on the way fill the registers.
template <bool wide>
void multiply(const PanelTask& t) noexcept {
  int row = 0;
  for (; row + 6 <= t.n_rows; row += 6) over_strips<6, wide>(t, row);
  for (; row + 3 <= t.n_rows; row += 3) over_strips<3, wide>(t, row);
  for (; row < t.n_rows; ++row) over_strips<1, wide>(t, row);
}

}  // namespace
}  // namespace shrike

void shrike::install_panel_avx512(Kernels& k) noexcept {
  k.wide.pack_row = pack_row_wide;  // the panels are its parent's
  k.wide.multiply = multiply<true>;
  k.wide.fast = true;
  k.narrow = {kBytes,          true,        pack_row_bytes, pack_outs, pack_columns,
              multiply<false>, pack_groups, pack_q8_0,      pack_q4_0, nullptr};
}
