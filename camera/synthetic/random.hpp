#pragma once

#include <cstdint>

namespace shrike::synthetic {

// One word out of one word, well mixed; the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// SplitMix64: the same numbers from the same seed on every machine, which the standard's distributions do not
// promise.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : state_(mix(seed + kStep) ^ mix(stream * 2 + 1)) {}

  constexpr std::uint64_t next() noexcept { return mix(state_ += kStep); }
  constexpr int below(int n) noexcept {  // 0 .. n-1
    return static_cast<int>((next() >> 32) * static_cast<std::uint64_t>(n) >> 32);
  }
  constexpr int between(int low, int high) noexcept { return low + below(high - low + 1); }
  constexpr bool chance(int percent) noexcept { return below(100) < percent; }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  std::uint64_t state_;
};

}  // namespace shrike::synthetic
