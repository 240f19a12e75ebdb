#include "core/kv/pool.hpp"

#include "platform/check.hpp"

namespace shrike::kv {

void Pool::lay_out(Arena& arena, int n_blocks, int head_dim) noexcept {
  n_blocks_ = n_blocks;
  head_dim_ = head_dim;
  const std::size_t slots = static_cast<std::size_t>(n_blocks) * kBlockSlots;
  keys_ = arena.take<f16>("kv pool", slots * static_cast<std::size_t>(head_dim));
  values_ = arena.take<f16>("kv pool", slots * static_cast<std::size_t>(head_dim));
  facts_ = arena.take<SlotFacts>("kv pool", slots);
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

}  // namespace shrike::kv
