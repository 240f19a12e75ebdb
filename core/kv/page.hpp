#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/kv/needs.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike::kv {

// The 16 slots of a full block on their way into a page, and what a format may look at to decide what to spend
// where.
//
// Shapes   keys, values [16][head_dim], keys not turned; importance [16], attention received, null where it is
//          not kept; query_squares [head_dim], mean squares of the queries so far, null likewise
struct PageRows {
  const float* keys = nullptr;
  const float* values = nullptr;
  const float* importance = nullptr;
  const float* query_squares = nullptr;
  int head_dim = 0;
  bool pairs_are_neighbours = false;  // numbers 2i, 2i + 1 are turned together; else i, i + head_dim / 2
};

// How a full block is kept: its rows together, so that what they have in common is written once. Slots can still
// leave one by one, as a slot says which row of its page is its own; what a page costs it costs until its last
// slot has left, or until pages are made anew out of those that lost some.
struct PageFormat {
  std::size_t (*key_bytes)(int head_dim) noexcept;  // of a page, even
  std::size_t (*value_bytes)(int head_dim) noexcept;
  void (*seal)(const Kernels& kernels, std::byte* keys, std::byte* values, const PageRows& rows) noexcept;
  // All rows as numbers, [16][head_dim].
  void (*keys)(const Kernels& kernels, float* out, const std::byte* page, int head_dim) noexcept;
  void (*values)(const Kernels& kernels, float* out, const std::byte* page, int head_dim) noexcept;
  Needs needs = 0;  // that the memory keeps for `seal`
};

}  // namespace shrike::kv
