#pragma once

#include <cstdint>
#include <cstring>

#include "platform/kernels/kernels.hpp"

namespace shrike {
namespace {

// What the bodies of one form of panels share. Numbers lie as integers, each block of kDepth along k with a scale
// of its own in each row and each output: number = scale * integer, |integer| <= kLevels, so that the products of
// one block sum to less than 2^31.
//
//   strip   blocks one behind the other:   [n / kStep][kOuts][kStep] integers, then [kOuts] f32 scales
//   row     blocks one behind the other:   [n] integers, then one f32 scale
//
// A last block that is short is filled up with zeros to a multiple of kStep, which one instruction multiplies and
// adds; outputs that a strip has too many are zeros. A set may keep its integers in another guise.
struct Wide {
  using Integer = std::int16_t;
  static constexpr int kDepth = 128, kStep = 2, kOuts = 32, kLevels = 4095;
};
struct Narrow {
  using Integer = std::int8_t;
  static constexpr int kDepth = 32, kStep = 4, kOuts = 32, kLevels = 127;
};
static_assert(1ll * Wide::kLevels * Wide::kLevels * Wide::kDepth < (1ll << 31));

template <class Form>
constexpr int stepped(int n) noexcept {
  return (n + Form::kStep - 1) / Form::kStep * Form::kStep;
}
template <class Form>
constexpr PanelForm panel_form() noexcept {
  return {Form::kOuts, Form::kDepth, Form::kStep, static_cast<int>(sizeof(typename Form::Integer))};
}

// Rounded to nearest even, as vector units do it.
inline int nearest(float x) noexcept {
  const float shifted = x + 0x1.8p23f;  // |x| below 2^22
  std::int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return bits - 0x4b400000;
}

// What a block is divided by to become integers, and its scale; a block of zeros, or of numbers whose inverse is
// no number, becomes zeros.
constexpr float kLeast = 0x1p-100f;  // of the largest number

template <class Form>
inline float inverse_of(float largest) noexcept {
  return largest > kLeast && largest < 1 / kLeast ? static_cast<float>(Form::kLevels) / largest : 0.0f;
}
template <class Form>
inline float scale_of(float largest) noexcept {
  return inverse_of<Form>(largest) != 0.0f ? largest / static_cast<float>(Form::kLevels) : 0.0f;
}

inline void put_scale(std::byte* at, float scale) noexcept { std::memcpy(at, &scale, sizeof(scale)); }
inline float scale_at(const std::byte* at) noexcept {
  float scale;
  std::memcpy(&scale, at, sizeof(scale));
  return scale;
}

// What a product does with a finished row of a strip's outputs.
inline void finish(const PanelTask& t, int row, int out, int n_outs, const float* sums) noexcept {
  float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
  for (int c = 0; c < n_outs; ++c) {
    const float sum = t.bias != nullptr ? sums[c] + t.bias[out + c] : sums[c];
    y[c] = t.accumulate ? y[c] + sum : sum;
  }
}

}  // namespace
}  // namespace shrike
