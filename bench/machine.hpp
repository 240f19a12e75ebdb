#pragma once

namespace shrike::bench {

// What one thread of this machine can do at best, measured in the same run. Shares in the tables are of these,
// so that a row means the same on any board.
struct Machine {
  double bytes_per_s = 0;  // reading a buffer far larger than the caches
  double flop_per_s = 0;   // f32 multiply-adds on registers, two operations each
};
[[nodiscard]] Machine measure_machine();

// Processor time of this thread: what others do meanwhile is not counted.
[[nodiscard]] double thread_seconds();

}  // namespace shrike::bench
