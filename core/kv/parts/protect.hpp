#pragma once

#include <algorithm>
#include <cmath>

#include "core/kv/part.hpp"

namespace shrike::kv::parts {

// How many slots an amount means: of a count itself, of percent that part of `whole`.
inline int slots_of(const Amount& amount, int whole) noexcept {
  if (amount.unit == Unit::percent) return static_cast<int>(amount.value * 0.01f * static_cast<float>(whole));
  return static_cast<int>(amount.value);
}

// keep = what stays in any case: pinned slots, then as far as the budget goes the first `sink` slots and the
// newest ones, newest first. Returns what is left of the budget, 0 when it is overdrawn.
inline int protect(const Candidates& slots, const Amount& sink, const Amount& recent, int budget,
                   std::span<std::uint8_t> keep) noexcept {
  const int n = slots.n();
  int left = budget;
  for (int i = 0; i < n; ++i) left -= keep[static_cast<std::size_t>(i)] = slots.pinned(i) ? 1 : 0;
  const auto take = [&](int i) {
    std::uint8_t& kept = keep[static_cast<std::size_t>(i)];
    if (left <= 0 || kept != 0) return;
    kept = 1;
    --left;
  };
  const int whole = left;
  for (int i = 0; i < std::min(n, slots_of(sink, whole)); ++i) take(i);
  if (recent.unit == Unit::frames) {
    std::int32_t newest = kNoFrame;
    for (int i = 0; i < n; ++i) newest = std::max(newest, slots.token(i).frame);
    const std::int32_t oldest = newest - static_cast<std::int32_t>(recent.value) + 1;
    for (int i = n - 1; i >= 0 && newest != kNoFrame; --i)
      if (slots.token(i).frame != kNoFrame && slots.token(i).frame >= oldest) take(i);
  } else {
    const int first = std::max(0, n - slots_of(recent, whole));
    for (int i = n - 1; i >= first; --i) take(i);
  }
  return std::max(0, left);
}

// The order of every choice: the better score, and of equal ones the older slot.
struct Better {
  std::span<const float> score;
  bool operator()(std::int32_t a, std::int32_t b) const noexcept {
    const float x = score[static_cast<std::size_t>(a)], y = score[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  }
};

// keep[i] = 1 for the best `left` of those with keep[i] == 0 that `among` allows. Returns how many were
// taken.
template <class Among>
int take_best(std::span<const float> score, int left, std::span<std::uint8_t> keep,
              std::span<std::int32_t> order, Among among) noexcept {
  int n = 0;
  for (int i = 0; i < static_cast<int>(keep.size()); ++i)
    if (keep[static_cast<std::size_t>(i)] == 0 && among(i)) order[static_cast<std::size_t>(n++)] = i;
  const int n_best = std::clamp(left, 0, n);
  std::nth_element(order.begin(), order.begin() + n_best, order.begin() + n, Better{score});
  for (int i = 0; i < n_best; ++i) keep[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 1;
  return n_best;
}
inline int take_best(std::span<const float> score, int left, std::span<std::uint8_t> keep,
                     std::span<std::int32_t> order) noexcept {
  return take_best(score, left, keep, order, [](int) { return true; });
}

}  // namespace shrike::kv::parts
