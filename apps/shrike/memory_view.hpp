#pragma once

#include <string>
#include <vector>

#include "apps/shrike/print.hpp"
#include "core/session.hpp"

namespace shrike::cli {

// What a session remembers of its frames, by layer and head.
struct MemoryView {
  struct Frame {
    std::int64_t nth = 0;  // of all that were seen
    double seconds = 0;
  };
  std::int64_t n_seen = 0;
  int tokens_per_frame = 0, n_layers = 0, n_kv_heads = 0;
  int blocks_used = 0, blocks_max = 0;
  double newest_seconds = 0;
  std::vector<Frame> frames;  // of which anything is held, oldest first
  std::vector<int> slots;     // [n_layers][n_kv_heads][n_frames]: how much of each

  int at(int layer, int kv_head, std::size_t frame) const noexcept {
    const auto table = static_cast<std::size_t>(layer * n_kv_heads + kv_head);
    return slots[table * frames.size() + frame];
  }
};
[[nodiscard]] MemoryView look_into(const Session& session);

// A line for each layer, at most 100 columns wide; in it for each head a strip from the first frame to the
// newest. Where there are more frames than columns, a column shows several.
//
//   remembers 5 of 12 frames, 00:00 to 00:22 from left to right
//     layer 0  |█    ▂  ▂██|  |█    ▂  ▂██|
[[nodiscard]] std::string memory_text(const MemoryView& view);

// {"frames": [{"nth": 0, "ts": 0.0}, ...], "layers": [[[tokens of each frame] by head] by layer], ...}
[[nodiscard]] Json memory_json(const MemoryView& view);

}  // namespace shrike::cli
