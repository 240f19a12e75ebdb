#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/support/numbers.hpp"

namespace shrike::test {

// A copy, on the heap and of exactly its size, with `n_changes` changes at random: a byte replaced, a bit
// turned, a word of 4 or 8 bytes set to a number that readers stumble over, or the end cut off.
inline std::vector<std::byte> mutate(const std::vector<std::byte>& whole, Numbers& numbers, int n_changes) {
  constexpr std::uint64_t kWords[] = {0,
                                      1,
                                      2,
                                      31,
                                      0x7F,
                                      0x80,
                                      0xFF,
                                      0x7FFF,
                                      0xFFFF,
                                      0x10000,
                                      0x7FFFFFFF,
                                      0x80000000,
                                      0xFFFFFFFF,
                                      0x100000000,
                                      std::uint64_t{1} << 61,
                                      std::uint64_t{1} << 62,
                                      ~std::uint64_t{0} >> 1,
                                      std::uint64_t{1} << 63,
                                      ~std::uint64_t{0} - 7,
                                      ~std::uint64_t{0}};
  std::vector<std::byte> out = whole;
  for (int change = 0; change < n_changes && !out.empty(); ++change) {
    const std::size_t at = static_cast<std::size_t>(numbers.below(static_cast<int>(out.size())));
    const int kind = numbers.below(16);
    if (kind < 8) {
      out[at] = std::byte{numbers.byte()};
    } else if (kind < 11) {
      out[at] ^= std::byte{1} << numbers.below(8);
    } else if (kind < 15) {
      const std::uint64_t word = kWords[numbers.below(static_cast<int>(std::size(kWords)))];
      const std::size_t n = kind < 13 ? 4 : 8;
      if (at + n <= out.size()) std::memcpy(out.data() + at, &word, n);
    } else {
      out.resize(at);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace shrike::test
