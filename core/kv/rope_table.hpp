#pragma once

#include <cmath>

#include "core/arena.hpp"
#include "core/limits.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike::kv {

// Cosines and sines of every angle a head can be turned by: [n_positions][n_pairs], angle = position *
// base^(-2 pair / n_rope).
//
// Memory   section "rope"
// Source   RoFormer arXiv 2104.09864
class RopeTable {
 public:
  using Turn = void (*)(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept;

  void lay_out(Arena& arena, int n_positions, int n_rope, float base, Turn kernel) noexcept {
    n_positions_ = n_positions;
    n_pairs_ = n_rope / 2;
    turn_ = kernel;
    const std::size_t n = static_cast<std::size_t>(n_positions) * static_cast<std::size_t>(n_pairs_);
    cos_ = arena.take<float>("rope", n);
    sin_ = arena.take<float>("rope", n);
    if (arena.measures()) return;
    for (int pair = 0; pair < n_pairs_; ++pair) {
      const double frequency = std::pow(static_cast<double>(base), -2.0 * pair / n_rope);
      for (int position = 0; position < n_positions; ++position) {
        cos_[at(position) + pair] = static_cast<float>(std::cos(position * frequency));
        sin_[at(position) + pair] = static_cast<float>(std::sin(position * frequency));
      }
    }
  }

  // out = x turned by `position`; out may be x. Numbers of a head behind n_rope pass through. [head_dim]
  void turn(float* out, const float* x, int position, int head_dim) const noexcept {
    SHRIKE_DCHECK(position >= 0 && position < n_positions_, position, n_positions_);
    turn_(out, x, cos_ + at(position), sin_ + at(position), n_pairs_);
    if (out != x)
      for (int i = 2 * n_pairs_; i < head_dim; ++i) out[i] = x[i];
  }
  // x turned by -position, in place.
  void turn_back(float* x, int position) const noexcept {
    SHRIKE_DCHECK(position >= 0 && position < n_positions_, position, n_positions_);
    float sin[limits::kHeadDimMax / 2];
    for (int pair = 0; pair < n_pairs_; ++pair) sin[pair] = -sin_[at(position) + pair];
    turn_(x, x, cos_ + at(position), sin, n_pairs_);
  }
  // x = x times one complex number a pair, in place: cos + i sin, of any length. [n_pairs] each
  void multiply(float* x, const float* cos, const float* sin) const noexcept {
    turn_(x, x, cos, sin, n_pairs_);
  }
  const float* cos(int position) const noexcept { return cos_ + at(position); }  // [n_pairs]
  const float* sin(int position) const noexcept { return sin_ + at(position); }
  bool turns_with(Turn kernel) const noexcept { return turn_ == kernel; }
  int n_pairs() const noexcept { return n_pairs_; }
  int n_positions() const noexcept { return n_positions_; }

 private:
  std::ptrdiff_t at(int position) const noexcept { return static_cast<std::ptrdiff_t>(position) * n_pairs_; }

  float* cos_ = nullptr;
  float* sin_ = nullptr;
  int n_positions_ = 0;
  int n_pairs_ = 0;
  Turn turn_ = nullptr;
};

}  // namespace shrike::kv
