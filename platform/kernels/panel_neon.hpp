#pragma once

#include <arm_neon.h>

#include "platform/kernels/groups.hpp"
#include "platform/kernels/install.hpp"
#include "platform/kernels/panel.hpp"

// What the panels of all NEON sets share. Strips are of eight outputs, two registers of sums. A unit is what the
// set's multiplier wants of one output side by side; a form may keep a number as several integers, its parts.
//
//   strip   blocks one behind the other:   for each part [n / unit][8][unit], then [8] f32 scales
//   row     blocks one behind the other:   for each part [n], then one f32 scale
//
// A form is one of panel.hpp's with
//   Unit       an integer of the unit's size
//   kTileRows  rows that go over a strip together
//   put(to, i, n, a, b)                           numbers i to i + 15 of n, rounded, become their parts
//   dots<rows>(dots, strip, x, x_stride, n)       sums of the products of one block
namespace shrike {
namespace {

constexpr int kVecs = 2;
constexpr int kStripOuts = 4 * kVecs;

template <class Vec>
[[gnu::always_inline]] inline void stay(Vec& v) noexcept {
  asm("" : "+w"(v));
}

template <int rows>
using Dots = int32x4_t (&)[rows][kVecs];

inline int8x16_t load_bytes(const std::byte* at) noexcept {
  return vld1q_s8(reinterpret_cast<const std::int8_t*>(at));
}
inline const float* floats_at(const std::byte* at) noexcept { return reinterpret_cast<const float*>(at); }

template <int rows>
[[gnu::always_inline]] inline void clear(Dots<rows> dots) noexcept {
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) dots[r][0] = dots[r][1] = vdupq_n_s32(0);
}

inline int8x16_t low_bytes(int16x8_t a, int16x8_t b) noexcept {
  return vuzp1q_s8(vreinterpretq_s8_s16(a), vreinterpretq_s8_s16(b));
}

// max|x| of n numbers, n a multiple of 16. NaN is passed over by vmaxnm.
[[gnu::always_inline]] inline float largest_of(const float* x, int n) noexcept {
  float32x4_t largest[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
#pragma GCC unroll 4
  for (int i = 0; i < n; i += 8)
    for (int v = 0; v < 2; ++v) largest[v] = vmaxnmq_f32(largest[v], vabsq_f32(vld1q_f32(x + i + 4 * v)));
  return vmaxnmvq_f32(vmaxnmq_f32(largest[0], largest[1]));
}

// n numbers times `inverse`, rounded, as the form keeps them.
template <class Form>
[[gnu::always_inline]] inline void put_numbers(std::byte* to, const float* x, int n, float inverse) noexcept {
  const auto rounded = [&](const float* from) {
    const int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(from), inverse));
    const int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(from + 4), inverse));
    return vuzp1q_s16(vreinterpretq_s16_s32(low), vreinterpretq_s16_s32(high));
  };
#pragma GCC unroll 2
  for (int i = 0; i < n; i += 16) Form::put(to, i, n, rounded(x + i), rounded(x + i + 8));
}

// Fills up with zeros what is no multiple of a form's step: n numbers of each of n_outs.
template <class Form>
struct FilledUp {
  float numbers[kStripOuts][Form::kDepth];

  void fill(const float* x, std::ptrdiff_t stride, int n_outs, int n) noexcept {
    for (int out = 0; out < n_outs; ++out) {
      std::memcpy(numbers[out], x + out * stride, static_cast<std::size_t>(n) * sizeof(float));
      std::memset(numbers[out] + n, 0, static_cast<std::size_t>(stepped<Form>(n) - n) * sizeof(float));
    }
  }
};

// Through a copy, since a row may be packed where its numbers lie.
template <class Form>
void pack_row(std::byte* row, const float* x, int n_in) noexcept {
  constexpr PanelForm kForm = panel_form<Form>();
  const auto block = [&](const float* from, int n) {
    std::byte numbers[kForm.numbers_bytes(Form::kDepth)];
    const float largest = largest_of(from, n);
    put_numbers<Form>(numbers, from, n, inverse_of<Form>(largest));
    std::memcpy(row, numbers, kForm.numbers_bytes(n));
    row += kForm.numbers_bytes(n);
    put_scale(row, scale_of<Form>(largest));
    row += sizeof(float);
  };
  int k = 0;
  for (; k + Form::kDepth <= n_in; k += Form::kDepth) block(x + k, Form::kDepth);
  if (k == n_in) return;
  FilledUp<Form> rest;
  rest.fill(x + k, 0, 1, n_in - k);
  block(rest.numbers[0], stepped<Form>(n_in - k));
}

// Every second unit of two registers.
template <class Unit>
inline int8x16_t every_second(int8x16_t a, int8x16_t b, bool odd) noexcept {
  if constexpr (sizeof(Unit) == 2) {
    const int16x8_t p = vreinterpretq_s16_s8(a), q = vreinterpretq_s16_s8(b);
    return vreinterpretq_s8_s16(odd ? vuzp2q_s16(p, q) : vuzp1q_s16(p, q));
  } else if constexpr (sizeof(Unit) == 4) {
    const int32x4_t p = vreinterpretq_s32_s8(a), q = vreinterpretq_s32_s8(b);
    return vreinterpretq_s8_s32(odd ? vuzp2q_s32(p, q) : vuzp1q_s32(p, q));
  } else {
    const int64x2_t p = vreinterpretq_s64_s8(a), q = vreinterpretq_s64_s8(b);
    return vreinterpretq_s8_s64(odd ? vuzp2q_s64(p, q) : vuzp1q_s64(p, q));
  }
}

// A register of each of eight outputs becomes units of all outputs side by side. With an index of units written
// in bits, output first and then place, each round moves its last bit to the front: place first after as many as a
// place has.
template <class Unit>
inline void turn(std::byte* to, const std::byte* from, int from_stride) noexcept {
  int8x16_t r[kStripOuts], s[kStripOuts];
#pragma GCC unroll 8
  for (int i = 0; i < kStripOuts; ++i) r[i] = load_bytes(from + i * from_stride);
#pragma GCC unroll 3
  for (std::size_t units = 16 / sizeof(Unit); units > 1; units /= 2) {
#pragma GCC unroll 4
    for (int i = 0; i < kStripOuts / 2; ++i) {
      s[i] = every_second<Unit>(r[2 * i], r[2 * i + 1], false);
      s[i + kStripOuts / 2] = every_second<Unit>(r[2 * i], r[2 * i + 1], true);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kStripOuts; ++i) r[i] = s[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < kStripOuts; ++i) vst1q_s8(reinterpret_cast<std::int8_t*>(to + 16 * i), r[i]);
}

template <class Form>
[[gnu::always_inline]] inline void pack_whole(std::byte* block, const float* w, std::ptrdiff_t stride,
                                              int n_outs, int n) noexcept {
  constexpr PanelForm kForm = panel_form<Form>();
  constexpr int kMost = static_cast<int>(kForm.numbers_bytes(Form::kDepth));
  const int n_bytes = static_cast<int>(kForm.numbers_bytes(n));
  float largest[kStripOuts] = {}, inverse[kStripOuts];
  for (int out = 0; out < n_outs; ++out) largest[out] = largest_of(w + out * stride, n);
  std::byte* scales = block + n_bytes * kStripOuts;
  for (int out = 0; out < kStripOuts; out += 4) {
    const float32x4_t most = vld1q_f32(largest + out), levels = vdupq_n_f32(Form::kLevels);
    const uint32x4_t usable =
        vandq_u32(vcgtq_f32(most, vdupq_n_f32(kLeast)), vcltq_f32(most, vdupq_n_f32(1 / kLeast)));
    const auto where_usable = [&](float32x4_t v) { return vandq_u32(vreinterpretq_u32_f32(v), usable); };
    vst1q_f32(inverse + out, vreinterpretq_f32_u32(where_usable(vdivq_f32(levels, most))));
    vst1q_u32(reinterpret_cast<std::uint32_t*>(scales) + out, where_usable(vdivq_f32(most, levels)));
  }
  alignas(16) std::byte numbers[kStripOuts][kMost];
  for (int out = 0; out < n_outs; ++out) put_numbers<Form>(numbers[out], w + out * stride, n, inverse[out]);
  for (int out = n_outs; out < kStripOuts; ++out)
    std::memset(numbers[out], 0, static_cast<std::size_t>(n_bytes));
  for (int at = 0; at < n_bytes; at += 16)
    turn<typename Form::Unit>(block + at * kStripOuts, &numbers[0][at], kMost);
}

template <class Form>
void pack_outs(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  if (n == Form::kDepth) return pack_whole<Form>(block, w, stride, n_outs, Form::kDepth);
  FilledUp<Form> outs;
  outs.fill(w, stride, n_outs, n);
  pack_whole<Form>(block, outs.numbers[0], Form::kDepth, n_outs, stepped<Form>(n));
}

template <class Form>
void pack_groups(std::byte* block, const Group* groups, std::ptrdiff_t stride, int n_outs) noexcept {
  std::byte numbers[kStripOuts][Form::kDepth] = {};
  float scales[kStripOuts] = {};
  for (int out = 0; out < n_outs; ++out) {
    std::memcpy(numbers[out], groups[out * stride].q, Form::kDepth);
    scales[out] = groups[out * stride].d[0];
  }
  for (int at = 0; at < Form::kDepth; at += 16)
    turn<typename Form::Unit>(block + at * kStripOuts, &numbers[0][at], Form::kDepth);
  std::memcpy(block + Form::kDepth * kStripOuts, scales, sizeof(scales));
}

// Four rows of four floats become four columns.
inline void turn_floats(float* to, std::ptrdiff_t to_stride, const float* from,
                        std::ptrdiff_t stride) noexcept {
  const float32x4_t r[4] = {vld1q_f32(from), vld1q_f32(from + stride), vld1q_f32(from + 2 * stride),
                            vld1q_f32(from + 3 * stride)};
  const float32x4_t a = vzip1q_f32(r[0], r[2]), b = vzip1q_f32(r[1], r[3]);
  const float32x4_t c = vzip2q_f32(r[0], r[2]), d = vzip2q_f32(r[1], r[3]);
  vst1q_f32(to, vzip1q_f32(a, b));
  vst1q_f32(to + to_stride, vzip2q_f32(a, b));
  vst1q_f32(to + 2 * to_stride, vzip1q_f32(c, d));
  vst1q_f32(to + 3 * to_stride, vzip2q_f32(c, d));
}

template <class Form>
void pack_columns(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  float outs[kStripOuts][Form::kDepth];
  int k = 0;
  for (; n_outs == kStripOuts && k + 4 <= n; k += 4)
    for (int out = 0; out < kStripOuts; out += 4)
      turn_floats(&outs[out][k], Form::kDepth, w + k * stride + out, stride);
  for (; k < n; ++k)
    for (int out = 0; out < n_outs; ++out) outs[out][k] = w[k * stride + out];
  pack_outs<Form>(block, outs[0], Form::kDepth, n_outs, n);
}

template <int rows>
using Sums = float32x4_t (&)[rows][kVecs];

// Sums of `rows` rows and one strip. The empty statement keeps each sum in one register; without it the compiler
// copies them about.
template <class Form, int rows>
[[gnu::always_inline]] inline void tile(Sums<rows> sums, const std::byte* strip, const std::byte* x,
                                        std::size_t x_stride, int n_in) noexcept {
  constexpr PanelForm kForm = panel_form<Form>();
  for (int k = 0; k < n_in; k += Form::kDepth) {
    const int n = n_in - k < Form::kDepth ? stepped<Form>(n_in - k) : Form::kDepth;
    int32x4_t dots[rows][kVecs];
    Form::template dots<rows>(dots, strip, x, x_stride, n);
    strip += kForm.numbers_bytes(n) * kStripOuts;
    x += kForm.numbers_bytes(n);
    const float32x4_t w_scales[kVecs] = {vld1q_f32(floats_at(strip)), vld1q_f32(floats_at(strip) + 4)};
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const float x_scale = scale_at(x + static_cast<std::size_t>(r) * x_stride);
#pragma GCC unroll 2
      for (int v = 0; v < kVecs; ++v) {
        sums[r][v] = vfmaq_f32(sums[r][v], vcvtq_f32_s32(dots[r][v]), vmulq_n_f32(w_scales[v], x_scale));
        stay(sums[r][v]);
      }
    }
    strip += kStripOuts * sizeof(float);
    x += sizeof(float);
  }
}

[[gnu::noinline]] inline void put_some(const PanelTask& t, int row, int out, float32x4_t first,
                                       float32x4_t second) noexcept {
  float some[kStripOuts];
  vst1q_f32(some, first);
  vst1q_f32(some + 4, second);
  finish(t, row, out, t.n_outs - out, some);
}

inline void put(const PanelTask& t, float* y, const float* bias, float32x4_t sum) noexcept {
  if (bias != nullptr) sum = vaddq_f32(sum, vld1q_f32(bias));
  if (t.accumulate) sum = vaddq_f32(vld1q_f32(y), sum);
  vst1q_f32(y, sum);
}

template <class Form, int rows>
void over_strips(const PanelTask& t, int row) noexcept {
  constexpr PanelForm kForm = panel_form<Form>();
  const std::size_t row_bytes = kForm.row_bytes(t.n_in), strip_bytes = kForm.strip_bytes(t.n_in);
  const std::byte* x = t.rows + static_cast<std::size_t>(row) * row_bytes;
  const std::byte* strip = t.panel;
  for (int out = 0; out < t.n_outs; out += kStripOuts, strip += strip_bytes) {
    float32x4_t sums[rows][kVecs];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = vdupq_n_f32(0);
    tile<Form, rows>(sums, strip, x, row_bytes, t.n_in);
    const float* bias = t.bias != nullptr ? t.bias + out : nullptr;
    float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
    const bool whole = t.n_outs - out >= kStripOuts;
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r, y += t.y_stride) {
      if (!whole) {
        put_some(t, row + r, out, sums[r][0], sums[r][1]);
        continue;
      }
      put(t, y, bias, sums[r][0]);
      put(t, y + 4, bias != nullptr ? bias + 4 : nullptr, sums[r][1]);
    }
  }
}

// Six rows, two and one, or eight, four, two and one: never three, since some sets multiply two at a time.
template <class Form, int rows = Form::kTileRows>
void multiply_from(const PanelTask& t, int row) noexcept {
  for (; row + rows <= t.n_rows; row += rows) over_strips<Form, rows>(t, row);
  if constexpr (rows > 1) multiply_from<Form, rows == 6 ? 2 : rows / 2>(t, row);
}
template <class Form>
void multiply(const PanelTask& t) noexcept {
  multiply_from<Form>(t, 0);
}

template <class Form>
PanelKernels panels() noexcept {
  static_assert(Form::kOuts == kStripOuts);
  PanelKernels all{panel_form<Form>(), true,           pack_row<Form>, pack_outs<Form>,
                   pack_columns<Form>, multiply<Form>, nullptr};
  if constexpr (Form::kDepth == kQ8Group) all.pack_groups = pack_groups<Form>;
  return all;
}

}  // namespace
}  // namespace shrike
