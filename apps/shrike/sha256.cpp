#include "apps/shrike/sha256.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace shrike::cli {
namespace {

// The constants are the first 32 fraction bits of roots of the first primes; computed, they cannot be
// mistyped.
struct Constants {
  std::array<std::uint32_t, 64> round{};
  std::array<std::uint32_t, 8> start{};
  Constants() {
    int n = 0;
    for (int candidate = 2; n < 64; ++candidate) {
      bool prime = true;
      for (int d = 2; d * d <= candidate; ++d) prime = prime && candidate % d != 0;
      if (!prime) continue;
      const auto fraction = [](long double x) {
        return static_cast<std::uint32_t>((x - std::floor(x)) * 4294967296.0L);
      };
      round[static_cast<std::size_t>(n)] = fraction(std::cbrt(static_cast<long double>(candidate)));
      if (n < 8)
        start[static_cast<std::size_t>(n)] = fraction(std::sqrt(static_cast<long double>(candidate)));
      ++n;
    }
  }
};

void compress(std::array<std::uint32_t, 8>& state, const std::byte* block, const Constants& c) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint32_t word = 0;
    for (std::size_t b = 0; b < 4; ++b) word = word << 8 | std::to_integer<std::uint32_t>(block[4 * i + b]);
    w[i] = word;
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
           (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  auto [a, b, d, e, f, g, h, k] = state;  // a b c d e f g h of the standard
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t t1 = k + (std::rotr(f, 6) ^ std::rotr(f, 11) ^ std::rotr(f, 25)) +
                             ((f & g) ^ (~f & h)) + c.round[i] + w[i];
    const std::uint32_t t2 =
        (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & d) ^ (b & d));
    k = h, h = g, g = f, f = e + t1, e = d, d = b, b = a, a = t1 + t2;
  }
  const std::uint32_t add[8] = {a, b, d, e, f, g, h, k};
  for (std::size_t i = 0; i < 8; ++i) state[i] += add[i];
}

}  // namespace

std::string sha256(std::span<const std::byte> bytes) {
  static const Constants constants;
  std::array<std::uint32_t, 8> state = constants.start;
  std::size_t at = 0;
  for (; at + 64 <= bytes.size(); at += 64) compress(state, bytes.data() + at, constants);
  std::byte last[128] = {};
  const std::size_t rest = bytes.size() - at;
  if (rest > 0) std::memcpy(last, bytes.data() + at, rest);
  last[rest] = std::byte{0x80};
  const std::size_t n = rest < 56 ? 64 : 128;
  for (std::size_t i = 0; i < 8; ++i)
    last[n - 1 - i] = static_cast<std::byte>((static_cast<std::uint64_t>(bytes.size()) * 8) >> (8 * i));
  for (std::size_t block = 0; block < n; block += 64) compress(state, last + block, constants);
  std::string text;
  for (const std::uint32_t word : state)
    for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
  return text;
}

}  // namespace shrike::cli
