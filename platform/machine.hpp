#pragma once

#include "platform/threads.hpp"

namespace shrike {

// What this machine can do at best with so many threads, whichever of our kernel sets does it. Shares of these
// mean the same on any board.
struct Machine {
  double bytes_per_s = 0;  // reading a buffer far larger than the caches
  double flop_per_s = 0;   // f32 multiply-adds on registers, two operations each
  double int8_per_s = 0;   // products of bytes summed into 32 bits, on registers, two operations each
};
// Best of several rounds, of reading the middle one, each thread by its own processor time; about half a second.
// Takes 256 MiB for that long.
[[nodiscard]] Machine measure_machine(Threads& threads);
// The f32 limit alone, in some milliseconds: what a machine that throttles loses.
[[nodiscard]] double measure_flop_per_s(Threads& threads);

// Processor time of this thread: what others do meanwhile is not counted.
[[nodiscard]] double thread_seconds() noexcept;

}  // namespace shrike
