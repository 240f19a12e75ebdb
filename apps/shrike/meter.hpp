#pragma once

#include <cstdint>
#include <string>

#include "apps/shrike/print.hpp"

namespace shrike::cli {

// How far long work is and how long it will still take, on stderr: a bar on a terminal; elsewhere a line now
// and then, and none where all is over soon.
class Meter {
 public:
  explicit Meter(bool quiet);
  void tell(double share);  // of the work that is done
  void clear() { progress_.clear(); }

 private:
  Progress progress_;
  bool lines_;  // nobody watches the bar
  std::int64_t start_ns_, next_line_ns_;
};

// "[#####.....]  50 %, 1:20 left", and the time only when it can be known.
[[nodiscard]] std::string meter_text(double share, double seconds);

}  // namespace shrike::cli
