// How kv::Memory keeps full blocks as pages, where its codec has them.
#include <algorithm>

#include "core/kv/memory.hpp"
#include "core/limits.hpp"
#include "platform/check.hpp"

namespace shrike::kv {

int Memory::fresh_blocks(const Shape& shape, int n_frame) noexcept {
  if (!shape.has_pages()) return 0;
  // A block begun by what came before, a frame and the reserve; one that lost slots and is not full any more; and
  // while pages are made anew, one that is filled and one that is emptied.
  const int per_table = div_ceil(kBlockSlots - 1 + n_frame + shape.reserve, kBlockSlots) + 1;
  return per_table * shape.n_tables() + 2;
}

// Blocks of rows that would be free if every full block became a page.
int Memory::n_sealable() const noexcept {
  if (!shape_.has_pages()) return 0;
  int n = 0;
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      const BlockRef& ref = tables_[t].blocks[b];
      n += !pool_.is_page(ref.block) && ref.n_live() == kBlockSlots ? 1 : 0;
    }
  return std::min(n, pool_.n_free_pages());
}

// The oldest first, as far as there are pages.
void Memory::seal() noexcept {
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks && pool_.n_free_pages() > 0; ++b) {
      BlockRef& ref = tables_[t].blocks[b];
      if (!pool_.is_page(ref.block) && ref.n_live() == kBlockSlots) seal(ref, t);
    }
}

void Memory::seal(BlockRef& ref, int table) noexcept {
  SHRIKE_DCHECK(ref.first == 0 && ref.end == kBlockSlots, ref.first, ref.end);
  const int dim = shape_.head_dim;
  float keys[kBlockSlots * limits::kHeadDimMax], values[kBlockSlots * limits::kHeadDimMax];
  float importance[kBlockSlots], squares[limits::kHeadDimMax];
  pool_.read_keys(*kernels_, keys, ref.block, 0, kBlockSlots);
  pool_.read_values(*kernels_, values, ref.block, 0, kBlockSlots);
  const RopeTable& rope = this->rope(table / shape_.n_kv_heads);
  PageRows rows{keys, values, nullptr, nullptr, dim, rope.turns_with(kernels_->rope_neighbours)};
  const std::uint32_t page = pool_.take_page();
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    pool_.copy_facts(ref.block, slot, page, slot);
    SlotFacts& facts = pool_.facts(page, slot);
    facts.row = static_cast<std::uint8_t>(slot);
    rope.turn_back(keys + slot * dim, place_of(facts.token, facts.offset));
    if ((shape_.needs & need(Mark::mass)) != 0) {
      importance[slot] = pool_.mark(page, slot, Mark::mass);
      rows.importance = importance;
    }
  }
  if (query_square_ != nullptr) {
    const float* from = query_square_ + static_cast<std::ptrdiff_t>(table) * shape_.group * dim;
    std::fill_n(squares, dim, 0.0f);
    for (int g = 0; g < shape_.group; ++g)
      for (int i = 0; i < dim; ++i) squares[i] += from[g * dim + i];
    rows.query_squares = squares;
  }
  pool_.codec().page->seal(*kernels_, pool_.page_keys(page), pool_.page_values(page), rows);
  pool_.give_back(ref.block);
  ref.block = page;
}

// A page becomes a block of rows again, if there is one.
void Memory::melt(BlockRef& ref, int table) noexcept {
  if (pool_.n_free() == 0) return;
  const int n = ref.n_live(), dim = shape_.head_dim;
  float keys[kBlockSlots * limits::kHeadDimMax], values[kBlockSlots * limits::kHeadDimMax];
  read_keys(*kernels_, keys, table / shape_.n_kv_heads, ref, ref.first, n);
  pool_.read_values(*kernels_, values, ref.block, ref.first, n);
  const std::uint32_t block = pool_.take();
  for (int i = 0; i < n; ++i) {
    pool_.copy_facts(ref.block, ref.first + i, block, i);
    pool_.codec().encode(*kernels_, pool_.key_row(block, i), keys + i * dim, dim);
    pool_.codec().encode(*kernels_, pool_.value_row(block, i), values + i * dim, dim);
  }
  pool_.give_back(ref.block);
  ref.block = block;
  ref.first = 0;
  ref.end = static_cast<std::uint8_t>(n);
}

void Memory::read_keys(const Kernels& kernels, float* out, int layer, const BlockRef& ref, int first,
                       int n) const noexcept {
  pool_.read_keys(kernels, out, ref.block, first, n);
  if (!pool_.is_page(ref.block)) return;
  for (int i = 0; i < n; ++i) {
    float* key = out + static_cast<std::ptrdiff_t>(i) * shape_.head_dim;
    const SlotFacts& facts = pool_.facts(ref.block, first + i);
    rope(layer).turn(key, key, place_of(facts.token, facts.offset), shape_.head_dim);
  }
}

}  // namespace shrike::kv
