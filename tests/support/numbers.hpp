#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace shrike::test {

// Reproducible numbers: the same seed gives the same ones on every machine, which
// std::uniform_real_distribution does not promise.
class Numbers {
 public:
  explicit Numbers(std::uint32_t seed) : bits_(seed) {}

  float between(float low, float high) {
    return low + (high - low) * (static_cast<float>(bits_() >> 8) * 0x1p-24f);
  }
  int below(int n) { return static_cast<int>(bits_() % static_cast<std::uint32_t>(n)); }
  std::uint8_t byte() { return static_cast<std::uint8_t>(bits_() >> 24); }

  std::vector<float> floats(std::size_t n, float low = -1.0f, float high = 1.0f) {
    std::vector<float> out(n);
    for (float& v : out) v = between(low, high);
    return out;
  }
  std::vector<std::uint8_t> bytes(std::size_t n) {
    std::vector<std::uint8_t> out(n);
    for (std::uint8_t& v : out) v = byte();
    return out;
  }

 private:
  std::mt19937 bits_;
};

}  // namespace shrike::test
