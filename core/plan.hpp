#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shrike {

// One row of the memory table.
struct PlanRow {
  std::string name;  // section name: "kv pool", "vision", ...
  std::string from;  // what the size comes from, for people: "80 blocks x 12 heads x 4,352 B"
  std::size_t bytes = 0;
  enum class Kind : std::uint8_t {
    arena,     // a section of the one mapping
    overlaid,  // likewise, where a larger stage's sections lie: adds nothing to the sum
    beside,    // anonymous or shared memory beside it: camera ring, thread stacks
    mapped,    // file-backed, read-only, reclaimable: weights
  } kind = Kind::arena;
};

// The memory of a session, before anything is taken. This is the only place that sums bytes.
struct Plan {
  std::vector<PlanRow> rows;

  std::size_t arena_bytes() const noexcept { return sum(PlanRow::Kind::arena); }
  std::size_t beside_bytes() const noexcept { return sum(PlanRow::Kind::beside); }
  std::size_t mapped_bytes() const noexcept { return sum(PlanRow::Kind::mapped); }
  std::size_t total_bytes() const noexcept {
    return arena_bytes() + beside_bytes();
  }  // what a cap applies to

  // Facts that people ask next; all from the same arithmetic as the rows.
  int tokens_per_frame = 0;
  std::size_t kv_bytes_per_token = 0;  // over all layers and kv heads, facts included
  int stream_tokens_max = 0;           // what the stream may hold, the room for asking already taken off
  int stream_frames_max = 0;
  int ask_tokens_max = 0;           // room for one question and its answer, and the words around them
  int answer_tokens_max = 0;        // of that, the answer
  int context_max = 0;              // positions in use
  int context_min = 0;              // the fewest that work: opening, one frame, one question and its answer
  std::size_t kv_budget_bytes = 0;  // as asked for
  std::size_t kv_budget_min_bytes = 0;       // the smallest that works with these options
  std::size_t kv_budget_sensible_bytes = 0;  // with room for some frames to forget wisely among: 16, or all
                                             // that have positions
  std::string_view kv_codec;                 // that keys and values are kept in
  std::size_t memory_max_bytes = 0;          // the cap, 0: none

  bool kv_fits() const noexcept { return kv_budget_bytes >= kv_budget_min_bytes; }
  bool memory_fits() const noexcept { return memory_max_bytes == 0 || total_bytes() <= memory_max_bytes; }
  bool context_fits() const noexcept { return context_max >= context_min; }
  bool fits() const noexcept { return kv_fits() && context_fits() && memory_fits(); }

 private:
  std::size_t sum(PlanRow::Kind kind) const noexcept {
    std::size_t bytes = 0;
    for (const PlanRow& row : rows)
      if (row.kind == kind) bytes += row.bytes;
    return bytes;
  }
};

}  // namespace shrike
