#pragma once

#include <span>

#include "core/kv/args.hpp"
#include "core/kv/candidates.hpp"

// What a camera that looks at one scene sees again and again, and what it does not.
namespace shrike::kv::parts {

// Row and column of an image token, in the order in which a frame's tokens come; all text is at one place, -1.
constexpr int place_in_frame(const TokenFacts& token) noexcept {
  return token.modality == Modality::text ? -1 : token.i << 8 | token.j;
}

// The oldest of the newest frames, as many of those present as `recent` says: a number, or that part of them
// in percent, and never none. kNoFrame: there are no frames.
[[nodiscard]] std::int32_t first_recent_frame(const Candidates& slots, const Amount& recent) noexcept;

// change_j = - mean over the recent frames of cos(k_j, the key at the same row and column): 0 where they have
// none. Text has no place in the grid: it is compared with the most similar text of the recent frames, as the
// words around a frame come with every frame. Slots of the recent frames are above all others, the newest
// first.
//
// Shapes   change, work [n]
// Cost     n * head_dim for each recent frame
void changes(const Candidates& slots, std::int32_t recent_frame, std::span<float> change,
             std::span<float> work) noexcept;

}  // namespace shrike::kv::parts
