#include "core/kv/memory.hpp"

#include <algorithm>
#include <cstring>

#include "platform/check.hpp"

namespace shrike::kv {

// A block keeps at least one live slot and a table at most n_ctx of them, but a table of one-slot blocks is
// repacked long before; twice what dense blocks need, and some, is where repacking must have happened.
int Memory::Shape::blocks_per_table() const noexcept {
  return std::min(n_blocks, 2 * div_ceil(slots_max(), kBlockSlots) + 4);
}

void Memory::lay_out(Arena& arena, const Shape& shape, const RopeTable& rope) noexcept {
  shape_ = shape;
  rope_ = &rope;
  pool_.lay_out(arena, shape.n_blocks, shape.head_dim);
  const std::size_t n_tables = static_cast<std::size_t>(shape.n_tables());
  const std::size_t per_table = static_cast<std::size_t>(shape.blocks_per_table());
  tables_ = arena.take<Table>("kv tables", n_tables);
  BlockRef* blocks = arena.take<BlockRef>("kv tables", n_tables * per_table);
  const std::size_t n = static_cast<std::size_t>(shape.slots_max());
  facts_ = arena.take<SlotFacts>("compress", n);
  positions_ = arena.take<std::int32_t>("compress", n);
  scores_ = arena.take<float>("compress", n);
  keep_ = arena.take<std::uint8_t>("compress", n);
  order_ = arena.take<std::int32_t>("compress", n);
  layer_budget_ = arena.take<int>("compress", static_cast<std::size_t>(shape.n_layers));
  head_budget_ = arena.take<int>("compress", static_cast<std::size_t>(shape.n_kv_heads));
  rank_ = arena.take<std::int32_t>("compress", static_cast<std::size_t>(rope_positions(shape.n_ctx)));
  turned_ = arena.take<float>("compress", static_cast<std::size_t>(shape.head_dim));
  if (arena.measures()) return;
  for (std::size_t t = 0; t < n_tables; ++t) tables_[t].blocks = blocks + t * per_table;
}

void Memory::reset() noexcept {
  pool_.reset();
  for (int t = 0; t < shape_.n_tables(); ++t) tables_[t].n_blocks = 0;
  next_position_ = 0;
  n_evicted_ = 0;
}

std::span<const BlockRef> Memory::table(int layer, int kv_head) const noexcept {
  const Table& t = at(layer, kv_head);
  return {t.blocks, static_cast<std::size_t>(t.n_blocks)};
}

int Memory::n_live(int layer, int kv_head) const noexcept {
  int n = 0;
  for (const BlockRef& ref : table(layer, kv_head)) n += ref.n_live();
  return n;
}

// --- appending ---------------------------------------------------------------------------------------------

// Slots behind the last one of a table that may still be used: the block has them, and their offsets are in
// range.
int Memory::n_open(const Table& table) const noexcept {
  if (table.n_blocks == 0) return 0;
  const BlockRef& last = table.blocks[table.n_blocks - 1];
  const int n = kBlockSlots - last.end;
  return next_position_ + n - 1 - last.base <= kOffsetMax ? n : 0;
}

bool Memory::fits(int n_new) const noexcept {
  const int n = n_new + shape_.reserve;
  if (next_position_ + n > shape_.n_ctx) return false;
  std::int64_t wanted = 0;
  for (int t = 0; t < shape_.n_tables(); ++t) {
    const Table& table = tables_[t];
    const int open = n_open(table);
    const int blocks = n > open ? div_ceil(n - open, kBlockSlots) : 0;
    if (table.n_blocks + blocks > shape_.blocks_per_table()) return false;
    wanted += blocks;
  }
  return wanted <= pool_.n_free();
}

void Memory::append(std::span<const TokenFacts> tokens) noexcept {
  const int n = static_cast<int>(tokens.size());
  SHRIKE_CHECK(next_position_ + n <= shape_.n_ctx, next_position_ + n, shape_.n_ctx);
  for (int t = 0; t < shape_.n_tables(); ++t) {
    Table& table = tables_[t];
    const bool open = n_open(table) > 0;
    table.append_block = open ? table.n_blocks - 1 : table.n_blocks;
    table.append_slot = open ? table.blocks[table.n_blocks - 1].end : 0;
    for (int row = 0; row < n; ++row) {
      if (table.append_slot + row >= kBlockSlots * (table.n_blocks - table.append_block)) {
        SHRIKE_CHECK(table.n_blocks < shape_.blocks_per_table(), table.n_blocks, shape_.blocks_per_table());
        table.blocks[table.n_blocks++] = {pool_.take(), next_position_ + row, 0, 0};
      }
      BlockRef& ref = table.blocks[table.n_blocks - 1];
      const int offset = next_position_ + row - ref.base;
      pool_.facts(ref.block, ref.end++) = {tokens[static_cast<std::size_t>(row)],
                                           static_cast<std::uint16_t>(offset), 1, 0.0f};
    }
  }
  next_position_ += n;
}

void Memory::store(const Kernels& kernels, int layer, int kv_head, int row, float* key,
                   const float* value) noexcept {
  const Table& table = at(layer, kv_head);
  const int slot = (table.append_slot + row) % kBlockSlots;
  const BlockRef& ref = table.blocks[table.append_block + (table.append_slot + row) / kBlockSlots];
  rope_->turn(key, key, pool_.facts(ref.block, slot).offset, shape_.head_dim);
  kernels.f32_to_f16(pool_.key(ref.block, slot), key, shape_.head_dim);
  kernels.f32_to_f16(pool_.value(ref.block, slot), value, shape_.head_dim);
}

void Memory::mark() noexcept {
  for (int t = 0; t < shape_.n_tables(); ++t) {
    Table& table = tables_[t];
    table.mark_blocks = table.n_blocks;
    table.mark_end = table.n_blocks > 0 ? table.blocks[table.n_blocks - 1].end : 0;
  }
  mark_position_ = next_position_;
  mark_free_ = pool_.n_free();
}

void Memory::roll_back() noexcept {
  for (int t = 0; t < shape_.n_tables(); ++t) {
    Table& table = tables_[t];
    table.n_blocks = table.mark_blocks;
    if (table.n_blocks > 0) table.blocks[table.n_blocks - 1].end = table.mark_end;
  }
  next_position_ = mark_position_;
  pool_.rewind(mark_free_);
}

// --- making room -------------------------------------------------------------------------------------------

int Memory::stream_tokens_max(const Shape& shape) noexcept {
  // The opening words may leave a block half used behind them, and so may the oldest frame: two blocks a
  // table.
  const int blocks = shape.n_blocks / shape.n_tables();
  const int in_blocks = (blocks - div_ceil(shape.reserve, kBlockSlots) - 2) * kBlockSlots;
  return std::max(0, std::min(in_blocks, shape.n_ctx - shape.reserve));
}

int Memory::blocks_min(const Shape& shape, int n_pinned, int n_frame) noexcept {
  return (div_ceil(n_pinned, kBlockSlots) + div_ceil(n_frame + shape.reserve, kBlockSlots) + 2) *
         shape.n_tables();
}

Room Memory::make_room(int n_new, const Policy& policy) noexcept {
  if (fits(n_new)) return Room::ok;
  if (!policy.evicts()) return Room::full;
  // Less and less may stay, for what holes and half-used blocks cost; a policy that keeps whole frames fits
  // at once.
  for (int keep = std::max(0, stream_tokens_max(shape_) - n_new); keep > 0; keep -= kBlockSlots) {
    evict(keep, policy);
    if (fits(n_new)) return Room::compressed;
    repack();
    if (fits(n_new)) return Room::compressed;
  }
  evict(0, policy);  // the pinned ones alone
  repack();
  return fits(n_new) ? Room::compressed : Room::full;
}

void Memory::evict(int slots_per_table, const Policy& policy) noexcept {
  const std::span<int> layer_budget{layer_budget_, static_cast<std::size_t>(shape_.n_layers)};
  const std::span<int> head_budget{head_budget_, static_cast<std::size_t>(shape_.n_kv_heads)};
  const int before = n_live(0, 0);
  policy.layers(slots_per_table * shape_.n_tables(), layer_budget);
  for (int layer = 0; layer < shape_.n_layers; ++layer) {
    policy.heads(layer_budget[static_cast<std::size_t>(layer)], head_budget);
    for (int kv_head = 0; kv_head < shape_.n_kv_heads; ++kv_head) {
      Table& table = at(layer, kv_head);
      const std::size_t n = static_cast<std::size_t>(gather(table));
      const Candidates slots{layer, kv_head, {facts_, n}, {positions_, n}};
      policy.score(slots, {scores_, n});
      policy.select(slots, {scores_, n}, head_budget[static_cast<std::size_t>(kv_head)], {keep_, n},
                    {order_, n});
      if (policy.merge != nullptr) policy.merge(pool_, this->table(layer, kv_head), *rope_, {keep_, n});
      keep_in(table);
    }
  }
  close_gaps();
  n_evicted_ += before - n_live(0, 0);
}

int Memory::gather(const Table& table) noexcept {
  int n = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    const BlockRef& ref = table.blocks[b];
    for (int slot = ref.first; slot < ref.end; ++slot, ++n) {
      facts_[n] = pool_.facts(ref.block, slot);
      positions_[n] = ref.base + facts_[n].offset;
    }
  }
  return n;
}

// Drops what keep_ (in gathered order) does not name. A block whose survivors lie together is trimmed,
// nothing moves.
void Memory::keep_in(Table& table) noexcept {
  const std::uint8_t* keep = keep_;
  int n_blocks = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    BlockRef ref = table.blocks[b];
    const int n = ref.n_live();
    squeeze(ref, keep);
    keep += n;
    if (ref.n_live() > 0)
      table.blocks[n_blocks++] = ref;
    else
      pool_.give_back(ref.block);
  }
  table.n_blocks = n_blocks;
}

// keep [ref.n_live()]. Survivors with a hole between them close up towards the first; their keys stay as they
// are turned, because the offset goes along.
void Memory::squeeze(BlockRef& ref, const std::uint8_t* keep) noexcept {
  const int first = ref.first;
  const int n = ref.n_live();
  int skipped = 0;
  while (skipped < n && keep[skipped] == 0) ++skipped;
  int to = first + skipped;
  ref.first = static_cast<std::uint8_t>(to);
  const std::size_t bytes = static_cast<std::size_t>(shape_.head_dim) * sizeof(f16);
  for (int from = skipped; from < n; ++from) {
    if (keep[from] == 0) continue;
    if (to != first + from) {
      std::memcpy(pool_.key(ref.block, to), pool_.key(ref.block, first + from), bytes);
      std::memcpy(pool_.value(ref.block, to), pool_.value(ref.block, first + from), bytes);
      pool_.facts(ref.block, to) = pool_.facts(ref.block, first + from);
    }
    ++to;
  }
  ref.end = static_cast<std::uint8_t>(to);
}

void Memory::repack() noexcept {
  for (int t = 0; t < shape_.n_tables(); ++t) repack(tables_[t]);
  close_gaps();
}

// Moves each block's slots into the one before it where they fit: the only place where a key is turned again,
// by the difference of the bases, once a move.
void Memory::repack(Table& table) noexcept {
  int n_blocks = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    const BlockRef from = table.blocks[b];
    BlockRef* to = n_blocks > 0 ? &table.blocks[n_blocks - 1] : nullptr;
    const int delta = to != nullptr ? from.base - to->base : 0;
    const int last_offset = pool_.facts(from.block, from.end - 1).offset + delta;
    if (to == nullptr || to->n_live() + from.n_live() > kBlockSlots || last_offset > kOffsetMax ||
        delta < 0) {
      table.blocks[n_blocks++] = from;
      continue;
    }
    const std::size_t bytes = static_cast<std::size_t>(shape_.head_dim) * sizeof(f16);
    const auto move = [&](std::uint32_t block, int slot, int to_slot, int turn_by) {
      f16* key = pool_.key(to->block, to_slot);
      if (turn_by == 0) {
        std::memmove(key, pool_.key(block, slot), bytes);
      } else {
        for (int i = 0; i < shape_.head_dim; ++i) turned_[i] = f16_to_f32(pool_.key(block, slot)[i]);
        rope_->turn(turned_, turned_, turn_by, shape_.head_dim);
        for (int i = 0; i < shape_.head_dim; ++i) key[i] = f32_to_f16(turned_[i]);
      }
      std::memmove(pool_.value(to->block, to_slot), pool_.value(block, slot), bytes);
      SlotFacts facts = pool_.facts(block, slot);
      facts.offset = static_cast<std::uint16_t>(facts.offset + turn_by);
      pool_.facts(to->block, to_slot) = facts;
    };
    const int n = to->n_live();
    if (to->end + from.n_live() > kBlockSlots) {  // no space behind: close up to the front first
      for (int i = 0; i < n; ++i) move(to->block, to->first + i, i, 0);
      to->first = 0;
      to->end = static_cast<std::uint8_t>(n);
    }
    for (int slot = from.first; slot < from.end; ++slot) move(from.block, slot, to->end++, delta);
    pool_.give_back(from.block);
  }
  table.n_blocks = n_blocks;
}

// Positions between the first and the last slot of any block are in use; all others are given up, and every
// block moves down by the unused positions below it. One map for all tables, so order and distances hold
// across layers and heads.
void Memory::close_gaps() noexcept {
  std::fill(rank_, rank_ + next_position_ + 1, 0);
  const auto first_position = [&](const BlockRef& ref) {
    return ref.base + pool_.facts(ref.block, ref.first).offset;
  };
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      const BlockRef& ref = tables_[t].blocks[b];
      const int last = ref.base + pool_.facts(ref.block, ref.end - 1).offset;
      std::fill(rank_ + first_position(ref), rank_ + last + 1, 1);
    }
  int below = 0;
  for (int position = 0; position <= next_position_; ++position) {
    const int used = rank_[position];
    rank_[position] = below;
    below += used;
  }
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      BlockRef& ref = tables_[t].blocks[b];
      const int position = first_position(ref);
      ref.base -= position - rank_[position];
    }
  next_position_ = rank_[next_position_];
}

}  // namespace shrike::kv
