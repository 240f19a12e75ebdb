#pragma once

#include "core/kv/candidates.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike::kv {

// Keys that are compared with all others at once, and the numbers of a key's direction.
inline constexpr int kMatchRows = 32;
constexpr int direction_numbers(int head_dim) noexcept { return (head_dim + 1) / 2 * 2; }
// Of Merging::directions, for n slots: rows of those that leave, and a panel of those that receive.
constexpr std::size_t direction_room(int n, int head_dim) noexcept {
  return static_cast<std::size_t>((kMatchRows + align_up(n, kPanelKeys)) * direction_numbers(head_dim));
}

// keep[i] of a slot that stays as it is: nothing is folded into it.
inline constexpr std::uint8_t kKeepApart = 3;

// What is about to leave (keep[i] = 0) and what stays, for a part that folds the one into the other. It
// writes into the rows of kept slots and says so.
//
// Shapes   keys, values [n][head_dim], keys not turned (which aligns them); counts, changed, score, keep [n]
struct Merging {
  const Candidates& slots;
  std::span<const std::uint8_t> keep;
  std::span<const float> score;
  float* keys = nullptr;
  float* values = nullptr;
  std::span<float> count;              // tokens that a slot stands for; added to the receiver's
  std::span<std::uint8_t> changed;     // zero before; 1 where a kept row was written
  std::span<std::int32_t> order;       // scratch, [n]
  std::span<std::int32_t> target;      // scratch, [n]
  std::span<float> scratch;            // [2 n]
  std::span<float> cosines;            // scratch, [n]
  std::int16_t* directions = nullptr;  // scratch, [direction_room()]; null but for kNeedMatch
  float* memory = nullptr;             // [2] of this table, kept from one time to the next, zero at first

  int n() const noexcept { return slots.n(); }
  bool receives(int i) const noexcept {
    const std::uint8_t kept = keep[static_cast<std::size_t>(i)];
    return kept != 0 && kept != kKeepApart && !slots.pinned(i);
  }
  float* key(int i) const noexcept { return keys + static_cast<std::ptrdiff_t>(i) * slots.head_dim; }
  float* value(int i) const noexcept { return values + static_cast<std::ptrdiff_t>(i) * slots.head_dim; }
};

}  // namespace shrike::kv
