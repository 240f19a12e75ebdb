#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kv/codec.hpp"
#include "platform/numeric.hpp"

namespace shrike::kv {

// A block is 16 slots of one (layer, kv head): keys [16][head_dim] and values [16][head_dim] as the codec has
// them, and for each slot a fact sheet and the marks that the policy asked for.
inline constexpr int kBlockSlots = 16;

enum class Modality : std::uint8_t { text = 0, image = 1 };  // numbered as the evidence kernels expect

enum Flags : std::uint8_t {
  kPinned = 1,  // never leaves: the opening words, attention sinks
  kFrozen = 2,  // chosen once by a policy that does not choose again
  kGrid = 4,    // of a picture whose tokens share one position, told apart by i and j (see Place)
};

// The flags' upper bits: what the caller knows of the worth of a token's frame, 0 to kWorthMax.
inline constexpr int kWorthShift = 5, kWorthMax = 7;

inline constexpr std::int32_t kNoFrame = -1;  // text outside any frame

// What is known of a token when it comes, the same in every layer and head.
struct TokenFacts {
  std::int32_t frame = kNoFrame;  // which frame it came with, counted from 0
  std::uint8_t i = 0, j = 0;      // row and column of an image token in its grid
  Modality modality = Modality::text;
  std::uint8_t flags = 0;
};

constexpr int worth(const TokenFacts& token) noexcept { return token.flags >> kWorthShift; }

// Whether a token is the first of a picture's; its others follow it, and no other picture's begin between them.
constexpr bool begins_picture(const TokenFacts& token) noexcept {
  return token.modality == Modality::image && token.i == 0 && token.j == 0;
}

// What is known of a slot.
struct SlotFacts {
  TokenFacts token;
  std::uint16_t offset : 12 =
      0;  // position - base of its block: the angle its key was rotated by, once and for ever
  std::uint16_t row : 4 = 0;  // of its page, where its block is one
  std::uint16_t merged =
      1;  // tokens that it stands for; 0: hidden from attention for a moment (Memory::hide)
};
static_assert(sizeof(SlotFacts) == 12);

// Where a token stands, as rotary positions have it: in time, and in its picture. Where a head is turned by
// three positions they are t, t + row and t + column, so that moving a token in time moves all three.
struct Place {
  int t = 0;
  int row = 0, column = 0;
};
constexpr Place place_of(const TokenFacts& token, int t) noexcept {
  if ((token.flags & kGrid) == 0) return {t, 0, 0};
  return {t, token.i, token.j};
}
// Positions behind its own that a token takes up: those of the rows and columns that it is away.
constexpr int reach_of(const TokenFacts& token) noexcept {
  if ((token.flags & kGrid) == 0) return 0;
  return token.i > token.j ? token.i : token.j;
}

// An entry of a block table. Live slots are [first, end): eviction trims the front without moving anything.
//
//   position of slot s = base + facts[s].offset          moving a whole block in time is changing its base
struct BlockRef {
  std::uint32_t block = 0;  // index into the pool
  std::int32_t base = 0;
  std::uint8_t first = 0;
  std::uint8_t end = 0;

  int n_live() const noexcept { return end - first; }
};

// row_bytes: of a key or value as the codec has it.
constexpr std::size_t block_bytes(std::size_t row_bytes, int n_marks) noexcept {
  return kBlockSlots *
         (2 * row_bytes + sizeof(SlotFacts) + static_cast<std::size_t>(n_marks) * sizeof(float));
}
inline std::size_t block_bytes(const Codec& codec, int head_dim, int n_marks) noexcept {
  if (codec.page == nullptr) return block_bytes(codec.row_bytes(head_dim), n_marks);
  return block_bytes(0, n_marks) + codec.page->key_bytes(head_dim) + codec.page->value_bytes(head_dim);
}

}  // namespace shrike::kv
