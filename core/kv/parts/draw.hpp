#pragma once

#include <cstdint>

#include "core/kv/block.hpp"

namespace shrike::kv::parts {

// A number in [0, 1) from where a token came from: alike for any number of threads, at every time, on every
// machine.
// Source   the mixing steps of SplitMix64, Steele, Lea and Flood, OOPSLA 2014
inline float draw(const TokenFacts& token, std::uint64_t seed) noexcept {
  const auto mixed = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  };
  const std::uint64_t place = static_cast<std::uint64_t>(static_cast<std::uint32_t>(token.frame)) << 16 |
                              static_cast<std::uint64_t>(token.i) << 8 | token.j;
  const std::uint64_t bits = mixed(mixed(place + 0x9e3779b97f4a7c15u) + seed);
  return static_cast<float>(bits >> 40) * 0x1p-24f;
}

}  // namespace shrike::kv::parts
