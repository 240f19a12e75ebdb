#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "core/arena.hpp"
#include "core/kv/block.hpp"
#include "core/limits.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike::kv {

// What a model's rotary positions are: angle = position / factor * base^(-2 pair / n_rope).
//
// sections: how many pairs time, rows and columns turn; none: time turns all of them. As they come,
// {2, 1, 1} is t t h w; interleaved it is t h w t: t, h and w in turn while their numbers last, then t.
struct Rotation {
  int n_rope = 0;
  float base = 0;
  float factor = 1;
  std::array<int, 3> sections{};
  bool interleaved = false;

  bool has_sections() const noexcept { return sections[0] + sections[1] + sections[2] > 0; }
  // 0: time, 1: row, 2: column
  int axis_of(int pair) const noexcept {
    if (!has_sections()) return 0;
    const auto& [t, h, w] = sections;
    if (!interleaved) return pair < t ? 0 : pair < t + h ? 1 : pair < t + h + w ? 2 : 0;
    if (pair % 3 == 1 && pair < 3 * h) return 1;
    return pair % 3 == 2 && pair < 3 * w ? 2 : 0;
  }
};

// Cosines and sines of every angle a head can be turned by: [n_positions][n_pairs].
//
// Memory   section "rope"
// Source   RoFormer arXiv 2104.09864; three positions: Qwen2-VL arXiv 2409.12191
class RopeTable {
 public:
  using Turn = void (*)(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept;

  void lay_out(Arena& arena, int n_positions, const Rotation& rotation, Turn kernel) noexcept {
    n_positions_ = n_positions;
    n_pairs_ = rotation.n_rope / 2;
    turn_ = kernel;
    for (int pair = 0; pair < n_pairs_; ++pair)
      axis_[static_cast<std::size_t>(pair)] = static_cast<std::uint8_t>(rotation.axis_of(pair));
    const std::size_t n = static_cast<std::size_t>(n_positions) * static_cast<std::size_t>(n_pairs_);
    cos_ = arena.take<float>("rope", n);
    sin_ = arena.take<float>("rope", n);
    if (arena.measures()) return;
    for (int pair = 0; pair < n_pairs_; ++pair) {
      const double frequency = std::pow(static_cast<double>(rotation.base), -2.0 * pair / rotation.n_rope) /
                               static_cast<double>(rotation.factor);
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
  // The same to a place in a picture: each pair by the position of its section.
  void turn(float* out, const float* x, Place place, int head_dim) const noexcept {
    if (place.row == 0 && place.column == 0) return turn(out, x, place.t, head_dim);
    float cos[limits::kHeadDimMax / 2], sin[limits::kHeadDimMax / 2];
    angles(place, 1, cos, sin);
    turn_(out, x, cos, sin, n_pairs_);
    if (out != x)
      for (int i = 2 * n_pairs_; i < head_dim; ++i) out[i] = x[i];
  }
  // x turned back from its place, in place.
  void turn_back(float* x, Place place) const noexcept {
    if (place.row == 0 && place.column == 0) return turn_back(x, place.t);
    float cos[limits::kHeadDimMax / 2], sin[limits::kHeadDimMax / 2];
    angles(place, -1, cos, sin);
    turn_(x, x, cos, sin, n_pairs_);
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
  void angles(Place place, float sign, float* cos, float* sin) const noexcept {
    const int positions[] = {place.t, place.t + place.row, place.t + place.column};
    SHRIKE_DCHECK(*std::min_element(positions, positions + 3) >= 0, place.t);
    SHRIKE_DCHECK(*std::max_element(positions, positions + 3) < n_positions_, place.t, n_positions_);
    for (int pair = 0; pair < n_pairs_; ++pair) {
      const std::ptrdiff_t from = at(positions[axis_[static_cast<std::size_t>(pair)]]) + pair;
      cos[pair] = cos_[from];
      sin[pair] = sign * sin_[from];
    }
  }

  float* cos_ = nullptr;
  float* sin_ = nullptr;
  int n_positions_ = 0;
  int n_pairs_ = 0;
  Turn turn_ = nullptr;
  std::array<std::uint8_t, limits::kHeadDimMax / 2> axis_{};  // [n_pairs]
};

}  // namespace shrike::kv
