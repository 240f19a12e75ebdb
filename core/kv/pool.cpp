#include "core/kv/pool.hpp"

#include <algorithm>
#include <cstring>

#include "platform/check.hpp"

namespace shrike::kv {

void Pool::lay_out(Arena& arena, int n_blocks, int head_dim, const Codec& codec, Needs needs) noexcept {
  n_blocks_ = n_blocks;
  head_dim_ = head_dim;
  codec_ = &codec;
  row_bytes_ = codec.row_bytes(head_dim);
  needs_ = needs;
  n_marks_ = static_cast<std::size_t>(kv::n_marks(needs));
  const std::size_t slots = static_cast<std::size_t>(n_blocks) * kBlockSlots;
  keys_ = arena.take_bytes("kv pool", slots * row_bytes_);
  values_ = arena.take_bytes("kv pool", slots * row_bytes_);
  facts_ = arena.take<SlotFacts>("kv pool", slots);
  if (n_marks_ > 0) marks_ = arena.take<float>("kv pool", slots * n_marks_);
  free_ = arena.take<std::uint32_t>("kv tables", static_cast<std::size_t>(n_blocks));
  if (!arena.measures()) reset();
}

void Pool::reset() noexcept {
  n_free_ = n_blocks_;
  for (int i = 0; i < n_blocks_; ++i)
    free_[i] = static_cast<std::uint32_t>(n_blocks_ - 1 - i);  // block 0 goes first
}

std::uint32_t Pool::take() noexcept {
  SHRIKE_CHECK(n_free_ > 0);
  return free_[--n_free_];
}

void Pool::give_back(std::uint32_t block) noexcept {
  SHRIKE_CHECK(n_free_ < n_blocks_ && block < static_cast<std::uint32_t>(n_blocks_), block, n_blocks_);
  free_[n_free_++] = block;
}

void Pool::copy_beside_key(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot) noexcept {
  std::memmove(value_row(to, to_slot), value_row(from, from_slot), row_bytes_);
  facts(to, to_slot) = facts(from, from_slot);
  const std::span<float> marks_from = marks(from, from_slot);
  std::copy(marks_from.begin(), marks_from.end(), marks(to, to_slot).begin());
}

}  // namespace shrike::kv
