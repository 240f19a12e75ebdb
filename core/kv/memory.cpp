#include "core/kv/memory.hpp"

#include <algorithm>
#include "platform/check.hpp"

namespace shrike::kv {

// A block keeps at least one live slot and a table at most n_ctx of them, but a table of one-slot blocks is
// repacked long before; twice what dense blocks need, and some, is where repacking must have happened.
int Memory::Shape::blocks_per_table() const noexcept {
  const int dense = div_ceil(slots_max(), kBlockSlots);
  return std::min(n_blocks + n_fresh, evicts ? 2 * dense + 4 : dense);
}

void Memory::lay_out(Arena& arena, const Shape& shape, const RopeTable& rope, const Kernels& kernels,
                     const RopeTable* near_rope) noexcept {
  shape_ = shape;
  rope_ = &rope;
  near_rope_ = near_rope != nullptr ? near_rope : &rope;
  kernels_ = &kernels;
  pool_.lay_out(arena, shape.n_blocks, shape.n_fresh, shape.head_dim, shape.codec_or_f16(), shape.needs);
  const std::size_t n_tables = static_cast<std::size_t>(shape.n_tables());
  const std::size_t n_layers = static_cast<std::size_t>(shape.n_layers);
  const std::size_t per_table = static_cast<std::size_t>(shape.blocks_per_table());
  const std::size_t head_dim = static_cast<std::size_t>(shape.head_dim);
  tables_ = arena.take<Table>("kv tables", n_tables);
  BlockRef* blocks = arena.take<BlockRef>("kv tables", n_tables * per_table);
  shown_ = arena.take<LayerShown>("kv tables", n_layers);
  share_before_ = arena.take<float>("kv tables", n_layers);
  share_now_ = arena.take<float>("kv tables", n_layers);
  budget_ = arena.take<int>("kv tables", n_tables);
  merge_memory_ = arena.take<float>("kv tables", 2 * n_tables);
  worth_ = arena.take<float>("kv tables", 2 * n_tables);
  if ((shape.needs & kNeedQueries) != 0) {
    const std::size_t numbers = n_tables * static_cast<std::size_t>(shape.group) * head_dim;
    query_mean_ = arena.take<float>("kv tables", numbers);
    query_square_ = arena.take<float>("kv tables", numbers);
  }
  if (shape.evicts) lay_out_compression(arena);
  if (arena.measures()) return;
  for (std::size_t t = 0; t < n_tables; ++t) tables_[t].blocks = blocks + t * per_table;
  std::fill_n(worth_, 2 * n_tables, 1.0f);
}

void Memory::lay_out_compression(Arena& arena) noexcept {
  const Shape& shape = shape_;
  const std::size_t n_tables = static_cast<std::size_t>(shape.n_tables());
  const std::size_t n_layers = static_cast<std::size_t>(shape.n_layers);
  const std::size_t head_dim = static_cast<std::size_t>(shape.head_dim);
  if ((shape.needs & kNeedQueries) != 0)
    query_variance_ = arena.take<float>("compress", static_cast<std::size_t>(shape.group) * head_dim);
  const std::size_t n = static_cast<std::size_t>(shape.slots_max());
  facts_ = arena.take<SlotFacts>("compress", n);
  positions_ = arena.take<std::int32_t>("compress", n);
  if (n_marks(shape.needs) > 0)
    marks_ = arena.take<float>("compress", n * static_cast<std::size_t>(n_marks(shape.needs)));
  if ((shape.needs & kNeedKeys) != 0) keys_ = arena.take<float>("compress", n * head_dim);
  if ((shape.needs & kNeedValues) != 0) values_ = arena.take<float>("compress", n * head_dim);
  keep_ = arena.take<std::uint8_t>("compress", n);
  changed_ = arena.take<std::uint8_t>("compress", n);
  count_ = arena.take<float>("compress", n);
  target_ = arena.take<std::int32_t>("compress", n);
  scratch_ = arena.take<float>("compress", 2 * n);
  cosines_ = arena.take<float>("compress", n);
  if ((shape.needs & kNeedMatch) != 0)
    directions_ = arena.take<std::int16_t>("compress", direction_room(shape.slots_max(), shape.head_dim));
  turned_ = arena.take<float>("compress", head_dim);
  rank_ = arena.take<std::int32_t>("compress", static_cast<std::size_t>(rope_positions(shape.n_ctx)));
  const std::size_t all = static_cast<std::size_t>(shape.n_blocks + shape.n_fresh) * kBlockSlots;
  scores_ = arena.take<float>("compress", all);
  order_ = arena.take<std::int32_t>("compress", all);
  first_ = arena.take<int>("compress", n_tables);
  n_slots_ = arena.take<int>("compress", n_tables);
  n_pinned_ = arena.take<int>("compress", n_tables);
  layer_budget_ = arena.take<int>("compress", n_layers);
}

void Memory::reset() noexcept {
  pool_.reset();
  const int n_tables = shape_.n_tables();
  for (int t = 0; t < n_tables; ++t) tables_[t].n_blocks = 0;
  std::fill_n(shown_, shape_.n_layers, LayerShown{});
  std::fill_n(share_before_, shape_.n_layers, 0.0f);
  std::fill_n(share_now_, shape_.n_layers, 0.0f);
  std::fill_n(budget_, n_tables, 0);
  std::fill_n(merge_memory_, 2 * n_tables, 0.0f);
  if (query_mean_ != nullptr) {
    std::fill_n(query_mean_, n_tables * shape_.group * shape_.head_dim, 0.0f);
    std::fill_n(query_square_, n_tables * shape_.group * shape_.head_dim, 0.0f);
  }
  next_position_ = 0;
  grid_position_ = 0;
  n_evicted_ = 0;
  n_window_ = 0;
  n_frames_since_ = 0;
  newest_frame_ = kNoFrame;
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

int Memory::n_slots() const noexcept {
  int n = 0;
  for (int layer = 0; layer < shape_.n_layers; ++layer)
    for (int kv_head = 0; kv_head < shape_.n_kv_heads; ++kv_head) n += n_live(layer, kv_head);
  return n;
}

int Memory::n_live_mean() const noexcept { return n_slots() / shape_.n_tables(); }

void Memory::set_worth(std::span<const float> worth) noexcept {
  SHRIKE_CHECK(static_cast<int>(worth.size()) == 2 * shape_.n_tables(), worth.size(), shape_.n_tables());
  std::copy(worth.begin(), worth.end(), worth_);
}

void Memory::hide(int layer, int kv_head, Modality modality, bool hidden) noexcept {
  SHRIKE_CHECK(shape_.bias);
  for (const BlockRef& ref : table(layer, kv_head))
    for (int slot = ref.first; slot < ref.end; ++slot) {
      SlotFacts& facts = pool_.facts(ref.block, slot);
      const bool past = facts.token.frame != kNoFrame && facts.token.frame < newest_frame_;
      if (past && facts.token.modality == modality && facts.merged <= 1) facts.merged = hidden ? 0 : 1;
    }
}

// --- appending ---------------------------------------------------------------------------------------------

// Slots behind the last one of a table that may still be used: the block has them, and their offsets are in
// range.
int Memory::n_open(const Table& table) const noexcept {
  if (table.n_blocks == 0) return 0;
  const BlockRef& last = table.blocks[table.n_blocks - 1];
  if (pool_.is_page(last.block)) return 0;
  const int n = kBlockSlots - last.end;
  return next_position_ + n - 1 - last.base <= kOffsetMax ? n : 0;
}

bool Memory::has_room(int n_new) const noexcept {
  const int n = n_new + shape_.reserve;
  if (!has_positions(n_new)) return false;
  std::int64_t wanted = 0;
  for (int t = 0; t < shape_.n_tables(); ++t) {
    const Table& table = tables_[t];
    const int open = n_open(table);
    const int blocks = n > open ? div_ceil(n - open, kBlockSlots) : 0;
    if (table.n_blocks + blocks > shape_.blocks_per_table()) return false;
    if (shape_.grids && n_live(t / shape_.n_kv_heads, t % shape_.n_kv_heads) + n > shape_.slots_max())
      return false;
    wanted += blocks;
  }
  return wanted <= pool_.n_free() + n_sealable();
}

// The position of the token that comes next, which is moved on.
int Memory::place_next(const TokenFacts& token) noexcept {
  if ((token.flags & kGrid) == 0) return next_position_++;
  if (token.i == 0 && token.j == 0) grid_position_ = next_position_;
  next_position_ = std::max(next_position_, grid_position_ + reach_of(token) + 1);
  return grid_position_;
}

void Memory::append(std::span<const TokenFacts> tokens) noexcept {
  const int n = static_cast<int>(tokens.size());
  SHRIKE_CHECK(next_position_ + n <= shape_.n_ctx, next_position_ + n, shape_.n_ctx);
  const int next = next_position_, grid = grid_position_;
  for (int t = 0; t < shape_.n_tables(); ++t) {
    Table& table = tables_[t];
    const bool open = n_open(table) > 0;
    table.append_block = open ? table.n_blocks - 1 : table.n_blocks;
    table.append_slot = open ? table.blocks[table.n_blocks - 1].end : 0;
    next_position_ = next;  // the same in every table
    grid_position_ = grid;
    for (int row = 0; row < n; ++row) {
      const int position = place_next(tokens[static_cast<std::size_t>(row)]);
      if (table.append_slot + row >= kBlockSlots * (table.n_blocks - table.append_block)) {
        SHRIKE_CHECK(table.n_blocks < shape_.blocks_per_table(), table.n_blocks, shape_.blocks_per_table());
        table.blocks[table.n_blocks++] = {pool_.take(), position, 0, 0};
      }
      BlockRef& ref = table.blocks[table.n_blocks - 1];
      const int offset = position - ref.base;
      const std::span<float> marks = pool_.marks(ref.block, ref.end);
      std::fill(marks.begin(), marks.end(), 0.0f);
      SlotFacts& facts = pool_.facts(ref.block, ref.end++);
      facts = {};
      facts.token = tokens[static_cast<std::size_t>(row)];
      facts.offset = static_cast<std::uint16_t>(offset & kOffsetMax);
    }
  }
  for (const TokenFacts& token : tokens) {
    if (token.frame <= newest_frame_) continue;
    newest_frame_ = token.frame;
    ++n_frames_since_;
  }
}

void Memory::store(const Kernels& kernels, int layer, int kv_head, int row, float* key,
                   const float* value) noexcept {
  const auto [ref, slot] = appended_slot(at(layer, kv_head), row);
  const SlotFacts& facts = pool_.facts(ref->block, slot);
  rope(layer).turn(key, key, place_of(facts.token, facts.offset), shape_.head_dim);
  const Codec& codec = pool_.codec();
  codec.encode(kernels, pool_.key_row(ref->block, slot), key, shape_.head_dim);
  codec.encode(kernels, pool_.value_row(ref->block, slot), value, shape_.head_dim);
}

Memory::Slot Memory::appended_slot(const Table& table, int row) const noexcept {
  const int slot = table.append_slot + row;
  return {&table.blocks[table.append_block + slot / kBlockSlots], slot % kBlockSlots};
}

Place Memory::appended(int layer, int kv_head, int row) const noexcept {
  const auto [ref, slot] = appended_slot(at(layer, kv_head), row);
  const SlotFacts& facts = pool_.facts(ref->block, slot);
  return place_of(facts.token, ref->base + facts.offset);
}

int Memory::n_unseen(int layer, int kv_head, int row) const noexcept {
  if (!shape_.is_near(layer)) return 0;
  const int first = appended(layer, kv_head, row).t - shape_.sight + 1;  // position in sight
  const auto before = [&](const BlockRef& ref, int slot) {
    return ref.base + pool_.facts(ref.block, slot).offset < first;
  };
  int n = 0;
  for (const BlockRef& ref : table(layer, kv_head)) {
    if (before(ref, ref.end - 1)) {
      n += ref.n_live();
      continue;
    }
    for (int slot = ref.first; before(ref, slot); ++slot) ++n;
    break;
  }
  return n;
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

}  // namespace shrike::kv
