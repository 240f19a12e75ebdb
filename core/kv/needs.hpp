#pragma once

#include <bit>
#include <cstdint>

namespace shrike::kv {

// Numbers that a slot carries for the scorers: four bytes each, kept beside the facts and moved with the
// slot, and only those that the policy asks for. All are sums over the query heads of the slot's kv head.
enum class Mark : std::uint8_t {
  mass,    // attention received from all rows so far; fades with every frame (Policy::fade)
  seen,    // rows that could attend to it, fading alike
  window,  // attention from the last observation window
  cross,   // of that, from rows of the other modality
  votes,   // rows of the window that gave it more than an equal share
  last,    // attention from the last row
};
inline constexpr int kMarks = 6;

// What a policy reads beside facts and positions. Nothing is collected or gathered that no part asks for.
using Needs = std::uint32_t;  // a set of the bits below
constexpr Needs need(Mark mark) noexcept { return Needs{1} << static_cast<int>(mark); }
inline constexpr Needs kNeedMarks = (Needs{1} << kMarks) - 1;
inline constexpr Needs kNeedEntropy = Needs{1} << 16;  // row entropies of the layers
inline constexpr Needs kNeedQueries = Needs{1} << 17;  // mean and variance of the queries
inline constexpr Needs kNeedKeys = Needs{1} << 18;     // keys of the candidates, not turned
inline constexpr Needs kNeedValues = Needs{1} << 19;   // values of the candidates
inline constexpr Needs kNeedMatch = Needs{1} << 20;    // room to find the nearest key, see parts/fold.hpp
inline constexpr Needs kNeedWindow = need(Mark::window) | need(Mark::cross) | need(Mark::votes);
inline constexpr Needs kNeedEvidence =
    kNeedMarks | kNeedEntropy | kNeedQueries;  // what attention must collect

constexpr int n_marks(Needs needs) noexcept { return std::popcount(needs & kNeedMarks); }
// Where a mark lies among those kept; the mark must be among them.
constexpr int mark_index(Needs needs, Mark mark) noexcept { return std::popcount(needs & (need(mark) - 1)); }

}  // namespace shrike::kv
