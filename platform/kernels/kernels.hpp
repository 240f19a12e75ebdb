#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "platform/cpu.hpp"
#include "platform/kernels/dtype.hpp"
#include "platform/numeric.hpp"

// The kernel table: one row and one contract per kernel. A set is its parent with better rows (avx512 is a child of
// avx2, neon_i8mm of neon_dotprod, that of neon), so a missing variant is slower, never wrong. The table is chosen
// once, at start, and passed down.
//
// Common to all rows
//   pointers  need only the alignment of their element type; rows are faster on 64-byte boundaries
//   sizes     any count >= 0 unless the row says more; nothing outside the given range is read or written
//   numbers   accumulation in f32; a row's result for one output never depends on how many other outputs are
//             asked for in the same call, so neither chunking nor the number of threads changes a bit
//   ISAs      agree with the scalar reference to the tolerance named in the row (eps = 2^-24, n = terms
//             summed)
namespace shrike {

enum class Isa : std::uint8_t { scalar, avx2, avx512, neon, neon_dotprod, neon_i8mm };

struct Group;  // 32 weights of any quantised type: groups.hpp

inline constexpr int kQ8Group = 32;  // numbers that share one scale in q8_0, weights and activations alike
inline constexpr int kQ8Sum = 16;    // int8 activations that are summed together, for q6_k's scales

// y[r][c] = bias[c] + sum_k x[r][k] * w[c][k]          for r in [0, n_rows), c in [out_begin, out_end)
// (accumulate: y[r][c] += the same)
//   w      rows in the file's own layout, w_row_bytes apart: [n_out][n_in]
//   x      [n_rows][n_in] f32, x_stride numbers apart          (weights f32, f16, bf16)
//   xq,xd  [n_rows][n_in] i8 and [n_rows][n_in / 32] f32, dense; made by quantize_q8  (quantised weights)
//   xsum   [n_rows][n_in / 16] i32, dense; made by q8_sums                    (quantised weights but q8_0)
//   y      [n_rows][>= out_end] f32, y_stride numbers apart; must not overlap x
//   n_in   a multiple of the type's qblock
struct Matmul {
  const std::byte* w = nullptr;
  std::size_t w_row_bytes = 0;
  int n_in = 0;
  int out_begin = 0;
  int out_end = 0;
  int n_rows = 0;
  const float* x = nullptr;
  int x_stride = 0;
  const std::int8_t* xq = nullptr;
  const float* xd = nullptr;
  const std::int32_t* xsum = nullptr;
  const float* bias = nullptr;  // [n_out] or null
  float* y = nullptr;
  int y_stride = 0;
  bool accumulate = false;
};

// What one softmax row shows. Natural logarithms. Class 0 is text, class 1 is image (Modality in core).
// With p the whole row's weights: entropy = -sum p ln p; mass[c] = sum of p over class c; class_entropy[c] is that
// of the softmax restricted to class c. A class that is empty, or draws less than 2^-56 of the row, has mass and
// entropy 0. Source: kv-cache literature's online-softmax identities, E = ln Z - U / Z with U = sum e^(s-m) (s-m).
struct RowEvidence {
  float entropy = 0;
  float mass[2] = {0, 0};
  float class_entropy[2] = {0, 0};
};

// What is asked of a row's weights on their way into integers. A null pointer: nothing.
struct WeightsShown {
  float* mass = nullptr;  // the first n_mass <= n weights are added to it
  int n_mass = 0;
  RowEvidence* evidence = nullptr;         // of the scores that are finite, within 2e-5 (1 + itself)
  const std::uint8_t* modality = nullptr;  // [n], with evidence
};

// One axis of a separable resampling, weights in 22-bit fixed point; an output's weights sum to 2^22, up to
// their rounding, and their magnitudes to less than 2^23, so that 8 bits times them stay inside 31.
// Output i is the sum over t < count[i] of weight[i * taps_max + t] * source[first[i] + t].
struct ResampleAxis {
  const std::int32_t* first = nullptr;   // [n_out]
  const std::int32_t* count = nullptr;   // [n_out], 1..taps_max
  const std::int32_t* weight = nullptr;  // [n_out][taps_max]
  int taps_max = 0;
  int n_out = 0;
};
inline constexpr int kResampleBits = 22;

// A key as a direction in 16 bits: whole numbers up to 2047 whose products a 32-bit sum of 256 holds. A panel
// holds directions side by side, eight to a group, and a group's numbers in pairs: [n / 8][n_pairs][8][2]. What
// fills up the last group does not matter; what fills up an odd number is 0.
inline constexpr float kDirectionTop = 2047.0f;                        // the largest whole number
inline constexpr float kDirectionMin = 1e-35f, kDirectionMax = 1e38f;  // max|x| of rows that have one
inline constexpr int kPanelKeys = 8;

// Keys and values in few bits: a row of n numbers, in groups of 32 with a scale each (rows.hpp) or turned as a whole
// (turned.hpp). n >= 0; rows need no alignment.
struct RowKernels {
  // The same bits everywhere. Numbers that are not finite give some row.
  void (*encode)(std::byte* row, const float* x, int n) noexcept;
  void (*decode)(float* out, const std::byte* row, int n) noexcept;  // exact
  // attn_scores and attn_mix over rows as they lie, row_bytes apart: the bits that decoding first would give, or what
  // rows_q4 says below
  void (*scores)(float* scores, int score_stride, const float* q, int q_stride, int n_q, const std::byte* k,
                 std::size_t row_bytes, int n_keys, int head_dim, float scale) noexcept;
  void (*mix)(float* out, int out_stride, const float* p, int p_stride, int n_q, const std::byte* v,
              std::size_t row_bytes, int n_keys, int head_dim) noexcept;
};

inline constexpr int kTurnedMax = 256;      // numbers of a row of rows_q4
inline constexpr int kTurnedBlockMax = 64;  // numbers that are turned into each other

// Products of many rows, in integers: weights become panels that lie as the multiplier wants them, once for all
// rows; activations become integers once for all outputs.
//
//   panel   strips of `outs` outputs side by side, strip_bytes(n_in) apart; each made of blocks of `depth` along k
//   row     row_bytes(n_in); how integers lie in either is the set's own matter
struct PanelForm {
  int outs = 0;
  int depth = 0;
  int step = 1;  // numbers along k that one instruction takes: what blocks are filled up to
  int integer_bytes = 0;
  int row_facts_bytes = 4;  // what a row has behind the integers of a block: its scale and the like

  constexpr std::size_t numbers_bytes(int n) const noexcept {  // of one row or output
    return static_cast<std::size_t>((n + step - 1) / step * step * integer_bytes);
  }
  constexpr int n_blocks(int n_in) const noexcept { return (n_in + depth - 1) / depth; }
  constexpr std::size_t row_bytes(int n_in) const noexcept {
    return numbers_bytes(n_in) + static_cast<std::size_t>(n_blocks(n_in) * row_facts_bytes);
  }
  constexpr std::size_t block_bytes(int n) const noexcept {
    return (numbers_bytes(n) + sizeof(float)) * static_cast<std::size_t>(outs);
  }
  constexpr std::size_t strip_bytes(int n_in) const noexcept {
    return static_cast<std::size_t>(n_in / depth) * block_bytes(depth) +
           (n_in % depth > 0 ? block_bytes(n_in % depth) : 0);
  }
};

// y[r][c] = bias[c] + sum_k row[r][k] * panel[c][k]           (accumulate: y[r][c] += the same)
// Integer dots per block, exact; then f32, one fma a block in ascending order: a result hangs on its row and its
// output alone, and is the same on every set.
struct PanelTask {
  const std::byte* panel = nullptr;
  const std::byte* rows = nullptr;  // dense
  int n_in = 0;
  int n_outs = 0;
  int n_rows = 0;
  const float* bias = nullptr;  // [n_outs] or null
  float* y = nullptr;           // [n_rows][n_outs], y_stride numbers apart
  int y_stride = 0;
  bool accumulate = false;
};

struct PanelKernels {
  PanelForm form;
  bool fast = false;  // faster than products over the weights as they lie, with kernels of floats
  // row may begin at x or before it.
  void (*pack_row)(std::byte* row, const float* x, int n_in) noexcept;
  // One block: n <= depth numbers of each of n_outs <= outs outputs. Weights [n_outs][n], stride numbers apart ...
  void (*pack_outs)(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept;
  // ... or turned, [n][n_outs]; null where it is not fast.
  void (*pack_columns)(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept;
  void (*multiply)(const PanelTask& task) noexcept;
  // ... or bytes with one scale already, exactly as they are; a whole block, of `narrow` only. See has_one_scale().
  void (*pack_groups)(std::byte* block, const Group* groups, std::ptrdiff_t stride, int n_outs) noexcept;
  // ... or straight from qblocks, one of each of n_outs rows that lie row_bytes apart, with the same result; of
  // `narrow` only, null where it is no faster.
  using PackQBlocks = void (*)(std::byte* block, const std::byte* w, std::size_t row_bytes,
                               int n_outs) noexcept;
  PackQBlocks pack_q8_0, pack_q4_0;
  // pack_row of softmax(scores), n >= 1, those finite or -infinity, a weight within 2e-5 of itself and a step of its
  // integer. row may begin at scores or before them, of which nothing is left. Null where one kernel after the
  // other is as fast.
  void (*pack_softmax)(std::byte* row, float* scores, int n, const WeightsShown& shown) noexcept;
};

struct Kernels {
  Isa isa = Isa::scalar;

  // --- norm: out may be x -------------------------------------------------------------------- 8 eps sqrt(n)
  // out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]
  void (*rms_norm)(float* out, const float* x, const float* weight, int dim, float eps) noexcept;
  // out[i] = (x[i] - mean) / sqrt(var + eps) * weight[i] + bias[i]
  void (*layer_norm)(float* out, const float* x, const float* weight, const float* bias, int dim,
                     float eps) noexcept;

  // --- act: in place ------------------------------------------------------------------ 1e-6 relative to |x|
  void (*gelu)(float* x, int n) noexcept;        // tanh form
  void (*gelu_quick)(float* x, int n) noexcept;  // x sigmoid(1.702 x)
  // gate[i] = silu(gate[i]) * up[i]
  void (*silu_mul)(float* gate, const float* up, int n) noexcept;
  // gate[i] = gelu(gate[i]) * up[i]
  void (*gelu_mul)(float* gate, const float* up, int n) noexcept;
  void (*add)(float* y, const float* x, int n) noexcept;  // y += x, exact

  // --- rope: rotates n_pairs pairs by the angles whose cosines and sines are given; out may be x ----- exact
  // (a, b) becomes (a cos - b sin, b cos + a sin), no fma. Pairs are numbers 2i, 2i + 1, or i, i + n_pairs.
  void (*rope_neighbours)(float* out, const float* x, const float* cos, const float* sin,
                          int n_pairs) noexcept;
  void (*rope_halves)(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept;

  // --- convert --------------------------------------------------------------------------------------- exact
  void (*f32_to_f16)(f16* out, const float* x, int n) noexcept;  // to nearest even
  void (*f16_to_f32)(float* out, const f16* x, int n) noexcept;
  // Per group of 32: d = max|x| / 127, q = trunc(v +- 0.5) of v = x * (127 / max|x|); d = 0 gives q = 0. Same
  // bits everywhere. Numbers that are not finite or whose inverse is not give some q in -127..127.
  void (*quantize_q8)(std::int8_t* q, float* d, const float* x, int n) noexcept;  // n a multiple of 32

  void (*bf16_to_f32)(float* out, const bf16* x, int n) noexcept;
  // sums[i] = q[16 i] + .. + q[16 i + 15]
  void (*q8_sums)(std::int32_t* sums, const std::int8_t* q, int n) noexcept;  // n a multiple of 16

  // --- quants: rows of any type with groups (groups.hpp), at even addresses --------------------------- exact
  // unpack() of groups.hpp
  void (*unpack)(DType type, const std::byte* row, int first_group, int n_groups, Group* out) noexcept;
  // The row's numbers, each d * q, rounded, + m, rounded; n a multiple of the type's qblock
  void (*quants_to_f32)(DType type, float* out, const std::byte* row, int n) noexcept;

  // --- dot: matrix products ---------------------------------------------------------- 4 eps n max|x| max|w|
  void (*matmul_f32)(const Matmul& task) noexcept;
  void (*matmul_f16)(const Matmul& task) noexcept;
  void (*matmul_bf16)(const Matmul& task) noexcept;
  void (*matmul_q8_0)(const Matmul& task) noexcept;  // integer dots per group, then f32
  // Any type with groups. With q, d, m of a Group and n = sum of xq over it, a sum grows group by group:
  //   one scale:   sum = fma(xq . q, d xd, sum);  and with minimums  sum = fma(m, xd n, sum)
  //   q6_k:        sum = fma(xq . q, d xd, sum)   for the first and then for the second 16
  // The dots are exact integers; scalar rounds the product too.
  void (*matmul_quants)(DType type, const Matmul& task) noexcept;

  // --- panel: matrix products of many rows ----------------------- each number rounded, then as the task says
  PanelKernels wide;    // 13 bits a number, blocks of 128
  PanelKernels narrow;  // 8 bits a number, blocks of 32

  // --- attention --------------------------------------------------------------------------- 4 eps n per sum
  // scores[r][j] = scale * dot(q[r], k[j])           q [n_q][head_dim], k [n_keys][head_dim], strides in
  // numbers
  void (*attn_scores_f16)(float* scores, int score_stride, const float* q, int q_stride, int n_q,
                          const f16* k, int k_stride, int n_keys, int head_dim, float scale) noexcept;
  void (*attn_scores_f32)(float* scores, int score_stride, const float* q, int q_stride, int n_q,
                          const float* k, int k_stride, int n_keys, int head_dim, float scale) noexcept;
  // out[r] += sum_j p[r][j] * v[j]                   in ascending j, whatever n_q is
  void (*attn_mix_f16)(float* out, int out_stride, const float* p, int p_stride, int n_q, const f16* v,
                       int v_stride, int n_keys, int head_dim) noexcept;
  void (*attn_mix_f32)(float* out, int out_stride, const float* p, int p_stride, int n_q, const float* v,
                       int v_stride, int n_keys, int head_dim) noexcept;
  // row = softmax(row), n >= 1; finite scores. Returns ln sum e^s.
  float (*softmax)(float* row, int n) noexcept;  // 1e-6 relative
  // The same, and what the row shows. modality [n]: 0 text, 1 image. Costs additions, no second exponential.
  void (*softmax_evidence)(float* row, const std::uint8_t* modality, int n, RowEvidence* evidence) noexcept;
  // mass[j] += sum over rows of p[r][j], rows in ascending order (exact: plain additions)
  void (*column_mass)(float* mass, const float* p, int p_stride, int n_rows, int n) noexcept;
  // votes[j] += rows with p[r][j] >= least
  void (*column_votes)(float* votes, const float* p, int p_stride, int n_rows, int n, float least) noexcept;

  // --- merge --------------------------------------------------------------------------------------- exact
  // q[i] = x[i] * 2047 / max|x|, rounded to nearest even; returns 1 / |q|. Rows whose max|x| is
  // 0, infinite or close to either give q = 0 and 0; a number that is none gives 0. n <= 256
  float (*direction)(std::int16_t* q, const float* x, int n) noexcept;
  // best[r] = the key j with the largest dot(q[r], key j) * inverse[j], of equal ones the first; -1: there is
  // none.    q [n_q][2 n_pairs], panel as above, inverse [n_keys]
  void (*nearest)(std::int32_t* best, const std::int16_t* q, int n_q, const std::int16_t* panel,
                  const float* inverse, int n_keys, int n_pairs) noexcept;

  // --- rows in few bits ---------------------------------------------------------------- error of a number
  RowKernels rows_q8;  // d = max|x| / 127 as a half, x = d q:         <= 0.57 d
  // Turned by an orthonormal Hadamard matrix, blocks of the largest power of two in n, at most 64; then one of
  // sixteen levels times one d. n <= kTurnedMax. The error of a row e, not of a number: |e|^2 <= |x|^2 of any row,
  // about 0.0095 |x|^2 where turned numbers are normal, which the turn makes of most. What is not finite gives a
  // row that is. Scores and mix turn queries and sums instead of rows: decoding first gives these up to
  // 8 eps sqrt(n) |q| |k| and 8 eps (n + n_keys) sum of p |v|.
  // Source: a turn before rounding, QuaRot arXiv 2404.00456, TurboQuant arXiv 2504.19874; levels, Max 1960
  RowKernels rows_q4;

  // --- image: 8-bit RGB, three bytes a pixel --------------------------------------------------------- exact
  // One row: out [axis.n_out][3] from in [*][3].
  void (*resample_row)(std::uint8_t* out, const std::uint8_t* in, const ResampleAxis& axis) noexcept;
  // One output row from n_taps input rows, row_stride bytes apart:
  // out[b] = clamp8((2^21 + sum_t weight[t] * in[t][b]) >> 22)
  void (*resample_column)(std::uint8_t* out, const std::uint8_t* in, std::size_t row_stride,
                          const std::int32_t* weight, int n_taps, int n_bytes) noexcept;
  // planes[c][i] = in[i][c] * scale[c] + shift[c], one fma; planes plane_stride numbers apart
  void (*normalise_rgb)(float* planes, std::size_t plane_stride, const std::uint8_t* in, int n_pixels,
                        const float scale[3], const float shift[3]) noexcept;

  // --- peak: nothing but one operation, on registers: what the limits of a machine are measured with
  // Tell how many operations `rounds` were, a multiplication and its addition being two.
  double (*peak_f32)(int rounds) noexcept;
  double (*peak_int8)(int rounds) noexcept;
  // Reads all of [from, from + n_bytes), n_bytes a multiple of 256, and tells something that hangs on it.
  std::uint64_t (*read_all)(const std::byte* from, std::size_t n_bytes) noexcept;
};

// The table of one set. Only sets from runnable_isas() may be called.
[[nodiscard]] Kernels kernels_for(Isa isa) noexcept;

// Sets built in and executable here, best first; `scalar` is always the last.
[[nodiscard]] std::span<const Isa> runnable_isas() noexcept;

[[nodiscard]] const char* isa_name(Isa isa) noexcept;
[[nodiscard]] std::optional<Isa> isa_from_name(std::string_view name) noexcept;

// The best set, or the one named by the environment variable SHRIKE_ISA. Empty: that name is unknown, not
// built in, or not executable here.
[[nodiscard]] std::optional<Isa> choose_isa() noexcept;

}  // namespace shrike
