#pragma once

#include <cmath>

namespace shrike {

// Which frames of a stream to keep for `fps` of them a second: for each tick k / fps the frame nearest to it.
// Frames come in time order and only once, so "nearest" is told ahead: the first within half a frame's period
// of the tick. Where fps is more than the stream has, every frame is kept, once.
class Sampler {
 public:
  // fps 0 keeps all. taken_seconds: the last frame that was already kept, -1 for none.
  Sampler(double fps, double period, double taken_seconds) noexcept : fps_(fps), reach_(period / 2 + kTie) {
    if (taken_seconds >= 0) keep(taken_seconds);
  }
  [[nodiscard]] bool wants(double seconds) const noexcept {
    return fps_ <= 0 || seconds + reach_ >= tick_ / fps_;
  }
  void keep(double seconds) noexcept { tick_ = std::floor((seconds + reach_) * fps_) + 1; }

 private:
  static constexpr double kTie = 1e-6;  // of two frames equally near, rounding shall not choose: the earlier
  double fps_;
  double reach_;
  double tick_ = 0;
};

}  // namespace shrike
