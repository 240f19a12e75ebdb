#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace shrike::kv {

// What attention showed of a layer, smoothed over the clips so far: nothing waits for all layers of one
// prompt.
struct LayerShown {
  float cross = 0;  // entropy of text rows over image keys plus that of image rows over text keys, nats
  float whole = 0;  // entropy of whole rows
  int n_clips = 0;
};

// All tables at a glance, for those who share the budget among them. Tables are [n_layers][n_kv_heads].
struct Overview {
  int n_layers = 0;
  int n_kv_heads = 0;
  std::span<const int> n_slots;         // [tables] live slots: the most that a table can use
  std::span<const int> n_pinned;        // [tables] of these, the ones that stay in any case
  std::span<const int> first;           // [tables] where a table's scores begin
  std::span<const float> scores;        // [all slots] +infinity where pinned
  std::span<const LayerShown> shown;    // [n_layers]
  std::span<const float> share_before;  // [n_layers] of the budget, last time; all 0: there is no last time
  std::span<std::int32_t> order;        // scratch, [all slots]
  int n_window = 0;  // how many of a table's newest slots are the rows of the observation window themselves

  std::size_t table(int layer, int kv_head) const noexcept {
    return static_cast<std::size_t>(layer * n_kv_heads + kv_head);
  }
  // What no share may go below: the pinned slots and one more, for a head without any has nothing to say.
  int least(std::size_t t) const noexcept { return n_pinned[t] + (n_slots[t] > n_pinned[t] ? 1 : 0); }
  std::span<const float> scores_of(std::size_t t) const noexcept {
    return scores.subspan(static_cast<std::size_t>(first[t]), static_cast<std::size_t>(n_slots[t]));
  }
};

}  // namespace shrike::kv
