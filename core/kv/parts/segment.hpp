#pragma once

#include "core/kv/candidates.hpp"

namespace shrike::kv::parts {

// Where the run of slots of one frame and one modality ends that begins at `begin`, at most at n: pooling
// must not smear text onto image or frame onto frame.
inline int segment_end(const Candidates& slots, int begin, int n) noexcept {
  int end = begin + 1;
  while (end < n && slots.token(end).frame == slots.token(begin).frame &&
         slots.token(end).modality == slots.token(begin).modality)
    ++end;
  return end;
}

}  // namespace shrike::kv::parts
