#include "core/kv/pool.hpp"

#include <algorithm>
#include <cstring>

#include "core/limits.hpp"
#include "platform/check.hpp"

namespace shrike::kv {
namespace {

// The rows of a page that n slots call their own, in the order of the slots.
void pick_rows(float* out, const float* page, const SlotFacts* facts, int n, int head_dim) noexcept {
  for (int i = 0; i < n; ++i) std::copy_n(page + facts[i].row * head_dim, head_dim, out + i * head_dim);
}

}  // namespace

void Pool::lay_out(Arena& arena, int n_blocks, int n_fresh, int head_dim, const Codec& codec,
                   Needs needs) noexcept {
  codec_ = &codec;
  head_dim_ = head_dim;
  row_bytes_ = codec.row_bytes(head_dim);
  needs_ = needs;
  n_marks_ = static_cast<std::size_t>(kv::n_marks(needs));
  n_pages_ = codec.page != nullptr ? static_cast<std::uint32_t>(n_blocks) : 0;
  n_blocks_ = n_blocks + n_fresh;
  const std::size_t slots = static_cast<std::size_t>(n_blocks_) * kBlockSlots;
  const std::size_t rows = slots - n_pages_ * std::size_t{kBlockSlots};
  if (codec.page != nullptr) {
    page_key_bytes_ = codec.page->key_bytes(head_dim);
    page_value_bytes_ = codec.page->value_bytes(head_dim);
    page_keys_ = arena.take_bytes("kv pool", n_pages_ * page_key_bytes_);
    page_values_ = arena.take_bytes("kv pool", n_pages_ * page_value_bytes_);
  }
  keys_ = arena.take_bytes("kv pool", rows * row_bytes_);
  values_ = arena.take_bytes("kv pool", rows * row_bytes_);
  facts_ = arena.take<SlotFacts>("kv pool", slots);
  if (n_marks_ > 0) marks_ = arena.take<float>("kv pool", slots * n_marks_);
  std::uint32_t* free = arena.take<std::uint32_t>("kv tables", static_cast<std::size_t>(n_blocks_));
  if (arena.measures()) return;
  pages_free_.blocks = free;
  rows_free_.blocks = free + n_pages_;
  reset();
}

void Pool::reset() noexcept {
  const auto fill = [](Stack& stack, std::uint32_t first, std::uint32_t end) {
    stack.n = static_cast<int>(end - first);
    for (int i = 0; i < stack.n; ++i)
      stack.blocks[i] = end - 1 - static_cast<std::uint32_t>(i);  // the first goes first
  };
  fill(pages_free_, 0, n_pages_);
  fill(rows_free_, n_pages_, static_cast<std::uint32_t>(n_blocks_));
}

std::uint32_t Pool::take() noexcept {
  SHRIKE_CHECK(rows_free_.n > 0);
  return rows_free_.blocks[--rows_free_.n];
}

std::uint32_t Pool::take_page() noexcept {
  SHRIKE_CHECK(pages_free_.n > 0);
  return pages_free_.blocks[--pages_free_.n];
}

void Pool::give_back(std::uint32_t block) noexcept {
  SHRIKE_CHECK(block < static_cast<std::uint32_t>(n_blocks_), block, n_blocks_);
  Stack& stack = stack_of(block);
  const int n_max = is_page(block) ? static_cast<int>(n_pages_) : n_blocks_ - static_cast<int>(n_pages_);
  SHRIKE_CHECK(stack.n < n_max, stack.n, n_max);
  stack.blocks[stack.n++] = block;
}

std::size_t Pool::bytes_used() const noexcept {
  const auto pages = static_cast<std::size_t>(static_cast<int>(n_pages_) - pages_free_.n);
  const auto rows = static_cast<std::size_t>(n_blocks_ - static_cast<int>(n_pages_) - rows_free_.n);
  const int marks = static_cast<int>(n_marks_);
  return pages * block_bytes(*codec_, head_dim_, marks) + rows * block_bytes(row_bytes_, marks);
}

void Pool::read_keys(const Kernels& kernels, float* out, std::uint32_t block, int first,
                     int n) const noexcept {
  if (!is_page(block)) return codec_->decode(kernels, out, key_row(block, first), n, head_dim_);
  float page[kBlockSlots * limits::kHeadDimMax];
  codec_->page->keys(kernels, page, page_keys(block), head_dim_);
  pick_rows(out, page, &facts(block, first), n, head_dim_);
}

void Pool::read_values(const Kernels& kernels, float* out, std::uint32_t block, int first,
                       int n) const noexcept {
  if (!is_page(block)) return codec_->decode(kernels, out, value_row(block, first), n, head_dim_);
  float page[kBlockSlots * limits::kHeadDimMax];
  codec_->page->values(kernels, page, page_values(block), head_dim_);
  pick_rows(out, page, &facts(block, first), n, head_dim_);
}

void Pool::copy_facts(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot) noexcept {
  facts(to, to_slot) = facts(from, from_slot);
  const std::span<float> marks_from = marks(from, from_slot);
  std::copy(marks_from.begin(), marks_from.end(), marks(to, to_slot).begin());
}

void Pool::copy_beside_key(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot) noexcept {
  if (!is_page(from)) std::memmove(value_row(to, to_slot), value_row(from, from_slot), row_bytes_);
  copy_facts(from, from_slot, to, to_slot);
}

}  // namespace shrike::kv
