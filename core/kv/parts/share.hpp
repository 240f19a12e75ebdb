#pragma once

#include <span>

#include "core/kv/overview.hpp"

namespace shrike::kv::parts {

// total = sum(out), shares differ by at most one, the first ones take what is left over.
inline void share_equally(int total, std::span<int> out) noexcept {
  const int n = static_cast<int>(out.size());
  for (int i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = total / n + (i < total % n ? 1 : 0);
}

// Water-filling: shares in proportion to the weights, none below lo, none above hi, what one cannot use goes
// to the others; then whole slots by largest remainder, of equal remainders the first. sum(out) == total,
// always: a total below sum(lo) is shared in proportion to lo, one above sum(hi) leaves the rest spread
// evenly on top.
//
// Shapes   all [n], n <= kSharesMax;   weights finite and >= 0; all zero means equal
inline constexpr int kSharesMax = 256;
void share(int total, std::span<const double> weight, std::span<const int> lo, std::span<const int> hi,
           std::span<int> out) noexcept;

// The same over all layers, and over the heads of one: lo is what is pinned and one slot more a head, so that
// no head is ever empty; hi is what is there. weight [out.size()]; floors: lo is at least that, may be empty
void share_layers(const Overview& all, int total, const double* weight, std::span<int> out,
                  std::span<const int> floors = {}) noexcept;
void share_heads(const Overview& all, int layer, int total, const double* weight,
                 std::span<int> out) noexcept;

}  // namespace shrike::kv::parts
