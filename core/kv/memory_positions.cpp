// How kv::Memory keeps blocks dense and positions few.
#include <algorithm>

#include "core/kv/catalogue.hpp"
#include "core/kv/memory.hpp"
#include "platform/check.hpp"

namespace shrike::kv {
namespace {

const Part<PlacePart> kCloseAll{parts::place_close.run, defaults(parts::place_close.args)};

}  // namespace

// When positions have run out whatever the policy's placement: first those that no block spans, then those
// inside blocks, then the oldest slots.
void Memory::find_positions(int n_new) noexcept {
  if (!has_positions(n_new)) close_gaps(kCloseAll);
  if (!has_positions(n_new)) close_inner_gaps();
  if (!has_positions(n_new)) forget_oldest(next_position_ + n_new + shape_.reserve - shape_.n_ctx);
}

// First whole blocks into the one before them, which turns the fewest keys; if that is not enough, slot by
// slot.
bool Memory::repack(int n_new, const Policy& policy) noexcept {
  for (const bool split : {false, true}) {
    for (int t = 0; t < shape_.n_tables(); ++t) repack(t, split);
    seal();
    close_gaps(policy.place);
    find_positions(n_new);
    if (has_room(n_new)) return true;
  }
  return false;
}

// Moves each block's slots into the one before it, where they fit: the only place besides merging and closing
// inner gaps where a key is turned again, by the difference of the bases, once a move.
void Memory::repack(int t, bool split) noexcept {
  Table& table = tables_[t];
  const int layer = t / shape_.n_kv_heads;
  const auto close_up = [&](BlockRef& ref) {
    const int n = ref.n_live();
    if (ref.first == 0) return;
    for (int i = 0; i < n; ++i) move(ref.block, ref.first + i, ref.block, i);
    ref.first = 0;
    ref.end = static_cast<std::uint8_t>(n);
  };
  // A block that loses slots in front and gains others behind would lag behind its slots until none fits.
  const auto rebase = [&](BlockRef& ref) {
    const int lag = pool_.facts(ref.block, ref.first).offset;
    if (lag == 0) return;
    for (int slot = ref.first; slot < ref.end; ++slot) move(ref.block, slot, ref.block, slot, -lag, layer);
    ref.base += lag;
  };
  int n_blocks = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    BlockRef from = table.blocks[b];
    BlockRef* to = n_blocks > 0 ? &table.blocks[n_blocks - 1] : nullptr;
    if (pool_.is_page(from.block) && (from.n_live() < kBlockSlots || split)) {
      if (to != nullptr && !pool_.is_page(to->block) && to->n_live() == kBlockSlots &&
          pool_.n_free_pages() > 0)
        seal(*to, t);
      melt(from, t);
    }
    if (to != nullptr && (pool_.is_page(from.block) || pool_.is_page(to->block))) {
      table.blocks[n_blocks++] = from;
      continue;
    }
    // Below 0 where a block lost its first slots; offsets stay above 0 all the same, as positions ascend.
    int delta = to != nullptr ? from.base - to->base : 0;
    if (to != nullptr) {
      if (pool_.facts(from.block, from.end - 1).offset + delta > kOffsetMax) {
        rebase(*to);
        delta = from.base - to->base;
      }
      int n = 0;  // slots that may go
      const int room = kBlockSlots - to->n_live();
      while (n < std::min(room, from.n_live()) &&
             pool_.facts(from.block, from.first + n).offset + delta <= kOffsetMax)
        ++n;
      if (!split && n < from.n_live()) n = 0;
      if (to->end + n > kBlockSlots) close_up(*to);
      for (; n > 0; --n) move(from.block, from.first++, to->block, to->end++, delta, layer);
    }
    if (from.n_live() > 0)
      table.blocks[n_blocks++] = from;
    else
      pool_.give_back(from.block);
  }
  if (split && n_blocks > 0) close_up(table.blocks[n_blocks - 1]);  // what comes next goes behind it
  table.n_blocks = n_blocks;
}

// The first position behind all that the slots of a block take up.
int Memory::end_of(const BlockRef& ref) const noexcept {
  int end = 0;
  for (int slot = shape_.grids ? ref.first : ref.end - 1; slot < ref.end; ++slot) {
    const SlotFacts& facts = pool_.facts(ref.block, slot);
    end = std::max(end, ref.base + facts.offset + reach_of(facts.token) + 1);
  }
  return end;
}

// Positions between the first and the last slot of any block are in use. The placement says where each goes,
// and every block moves with its first slot, by changing its base.
void Memory::close_gaps(const Part<PlacePart>& place) noexcept {
  std::fill(rank_, rank_ + next_position_ + 1, 0);
  const auto first_position = [&](const BlockRef& ref) {
    return ref.base + pool_.facts(ref.block, ref.first).offset;
  };
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      const BlockRef& ref = tables_[t].blocks[b];
      std::fill(rank_ + first_position(ref), rank_ + end_of(ref), 1);
    }
  place.run({rank_, static_cast<std::size_t>(next_position_) + 1}, place.args);
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      BlockRef& ref = tables_[t].blocks[b];
      const int position = first_position(ref);
      ref.base -= position - rank_[position];
    }
  next_position_ = rank_[next_position_];
}

// Gives up every position without a slot, also those inside blocks; what stands behind one in its block is
// turned back by as much.
void Memory::close_inner_gaps() noexcept {
  std::fill(rank_, rank_ + next_position_ + 1, 0);
  const auto each = [&](auto visit) {
    for (int t = 0; t < shape_.n_tables(); ++t)
      for (int b = 0; b < tables_[t].n_blocks; ++b) visit(tables_[t].blocks[b], t / shape_.n_kv_heads);
  };
  each([&](const BlockRef& ref, int) {
    for (int slot = ref.first; slot < ref.end; ++slot) {
      const SlotFacts& facts = pool_.facts(ref.block, slot);
      std::fill_n(rank_ + ref.base + facts.offset, reach_of(facts.token) + 1, 1);
    }
  });
  int below = 0;
  for (int position = 0; position <= next_position_; ++position) {
    const int used = rank_[position];
    rank_[position] = below;
    below += used;
  }
  each([&](BlockRef& ref, int layer) {
    const int old_base = ref.base;
    const int first = pool_.facts(ref.block, ref.first).offset;
    ref.base = rank_[old_base + first] - first;
    for (int slot = ref.first; slot < ref.end; ++slot) {
      const int offset = pool_.facts(ref.block, slot).offset;
      const int turn_by = rank_[old_base + offset] - ref.base - offset;
      if (turn_by != 0) move(ref.block, slot, ref.block, slot, turn_by, layer);
    }
  });
  next_position_ = rank_[next_position_];
}

// The n_positions oldest positions that no pinned slot stands at leave every table.
void Memory::forget_oldest(int n_positions) noexcept {
  std::fill(rank_, rank_ + next_position_ + 1, 0);
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      const BlockRef& ref = tables_[t].blocks[b];
      for (int slot = ref.first; slot < ref.end; ++slot) {
        const SlotFacts& facts = pool_.facts(ref.block, slot);
        const int use = (facts.token.flags & kPinned) != 0 ? 2 : 1;
        for (int reach = 0; reach <= reach_of(facts.token); ++reach) {
          std::int32_t& at = rank_[ref.base + facts.offset + reach];
          at = std::max(at, use);
        }
      }
    }
  int threshold = 0;
  for (int left = n_positions; threshold < next_position_ && left > 0; ++threshold)
    left -= rank_[threshold] == 1 ? 1 : 0;
  for (int t = 0; t < shape_.n_tables(); ++t) {
    std::uint8_t* keep = keep_;
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      const BlockRef& ref = tables_[t].blocks[b];
      for (int slot = ref.first; slot < ref.end; ++slot) {
        const int position = ref.base + pool_.facts(ref.block, slot).offset;
        *keep++ = position >= threshold || rank_[position] == 2 ? 1 : 0;
      }
    }
    keep_in(tables_[t]);
  }
  close_gaps(kCloseAll);
}

}  // namespace shrike::kv
