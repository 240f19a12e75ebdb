#pragma once

namespace shrike {
namespace {

// The order in which a row is summed, the same in every set: number i goes to lane i % kLanes, then the lanes
// are folded in halves. So all sets give the same bits, and 32 lanes keep four registers of eight busy.
constexpr int kLanes = 32;

inline float fold(float (&lane)[kLanes]) noexcept {
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

}  // namespace
}  // namespace shrike
