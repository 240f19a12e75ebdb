// How kv::Memory makes room: survey, share, choose, merge, drop.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/kv/memory.hpp"
#include "platform/check.hpp"

namespace shrike::kv {

namespace {

// Of each table, for slots that no token can use: behind the opening words, in front of the oldest frame of
// which the first tokens have left, and behind the last token. The first two lose up to 15 each, and what
// stands between them and behind goes on without a gap, so that two blocks are enough; with less every
// eviction would have to move slots from block to block, and their keys are rounded again each time.
int spare_blocks(const Memory::Shape& shape) noexcept { return shape.evicts ? 2 : 0; }

}  // namespace

int Memory::stream_tokens_max(const Shape& shape) noexcept {
  const int beside = shape.has_pages() ? 0 : shape.reserve;  // there it has blocks of its own
  const int in_blocks = (shape.n_blocks / shape.n_tables() - spare_blocks(shape)) * kBlockSlots - beside;
  return std::max(0, std::min(in_blocks, shape.n_ctx - shape.reserve));
}

int Memory::blocks_min(const Shape& shape, int n_kept, int n_frame) noexcept {
  const int beside = shape.has_pages() ? 0 : shape.reserve;
  return (div_ceil(n_kept + n_frame + beside, kBlockSlots) + spare_blocks(shape)) * shape.n_tables();
}

bool Memory::must_compress(int n_new) const noexcept {
  return !has_room(n_new) || (shape_.n_kept > 0 && n_slots() > shape_.n_kept * shape_.n_tables());
}

Room Memory::make_room(int n_new, const Policy& policy) noexcept {
  const bool fits = !must_compress(n_new);
  if (!policy.evicts()) {
    if (fits) seal();
    return fits ? Room::ok : Room::full;
  }
  const int before = n_slots();
  const int n_held = before / shape_.n_tables();
  int n_max = std::max(0, shape_.has_pages()
                              ? std::min(stream_tokens_max(shape_), shape_.n_ctx - shape_.reserve - n_new)
                              : stream_tokens_max(shape_) - n_new);
  if (shape_.n_kept > 0) n_max = std::min(n_max, shape_.n_kept);
  const int wanted = policy.when.run({fits, n_new, n_held, n_max, n_frames_since_}, policy.when.args);
  if (fits && (wanted == kEnough || wanted > n_held)) {
    seal();
    return Room::ok;
  }

  Room room = Room::full;
  // Less and less may stay, for what holes and half-used blocks cost; a policy that keeps whole frames fits
  // at once.
  for (int keep = wanted == kEnough ? n_max : std::min(wanted, n_max); room == Room::full;
       keep -= kBlockSlots) {
    if (keep <= 0) thaw();  // the pinned ones alone: a choice for ever yields to the budget
    evict(std::max(0, keep), policy);
    seal();
    find_positions(n_new);
    if (has_room(n_new) || repack(n_new, policy)) room = Room::compressed;
    if (keep <= 0) break;
  }
  std::copy_n(share_now_, shape_.n_layers, share_before_);
  n_frames_since_ = 0;
  n_evicted_ += (before - n_slots()) / shape_.n_tables();
  return room;
}

void Memory::thaw() noexcept {
  for (int t = 0; t < shape_.n_tables(); ++t)
    for (int b = 0; b < tables_[t].n_blocks; ++b) {
      const BlockRef& ref = tables_[t].blocks[b];
      for (int slot = ref.first; slot < ref.end; ++slot)
        pool_.facts(ref.block, slot).token.flags &= static_cast<std::uint8_t>(~kFrozen);
    }
}

void Memory::evict(int slots_per_table, const Policy& policy) noexcept {
  survey(policy);
  allocate(slots_per_table * shape_.n_tables(), policy);
  for (int layer = 0; layer < shape_.n_layers; ++layer)
    for (int kv_head = 0; kv_head < shape_.n_kv_heads; ++kv_head) compress(layer, kv_head, policy);
  close_gaps(policy.place);
}

// Every slot gets its score before anything is shared or leaves, because some share by scores.
void Memory::survey(const Policy& policy) noexcept {
  int begin = 0;
  for (int t = 0; t < shape_.n_tables(); ++t) {
    const Candidates slots = gather(t / shape_.n_kv_heads, t % shape_.n_kv_heads, policy.score_needs);
    const std::size_t n = slots.facts.size();
    const std::span<float> score{scores_ + begin, n};
    policy.score.run(slots, policy.score.args, score);
    first_[t] = begin;
    n_slots_[t] = slots.n();
    n_pinned_[t] = 0;
    for (int i = 0; i < slots.n(); ++i) {
      float& s = score[static_cast<std::size_t>(i)];
      if (!std::isfinite(s)) s = 0;  // a part's promise, but a model may bring numbers that are none
      if (slots.pinned(i)) s = std::numeric_limits<float>::infinity();
      n_pinned_[t] += slots.pinned(i) ? 1 : 0;
    }
    begin += slots.n();
  }
  if (policy.tied) tie_heads();
}

// The heads of a layer hold the same tokens, in the same order, so the scores of one token lie at one index.
void Memory::tie_heads() noexcept {
  for (int layer = 0; layer < shape_.n_layers; ++layer) {
    const int* n = n_slots_ + layer * shape_.n_kv_heads;
    const int* first = first_ + layer * shape_.n_kv_heads;
    for (int i = 0; i < n[0]; ++i) {
      float sum = 0;
      for (int head = 0; head < shape_.n_kv_heads; ++head) sum += i < n[head] ? scores_[first[head] + i] : 0;
      for (int head = 0; head < shape_.n_kv_heads; ++head)
        if (i < n[head]) scores_[first[head] + i] = sum / static_cast<float>(shape_.n_kv_heads);
    }
  }
}

void Memory::allocate(int total, const Policy& policy) noexcept {
  const std::size_t n_tables = static_cast<std::size_t>(shape_.n_tables());
  const std::size_t n_layers = static_cast<std::size_t>(shape_.n_layers);
  const std::size_t n_all = static_cast<std::size_t>(first_[n_tables - 1] + n_slots_[n_tables - 1]);
  const Overview all{shape_.n_layers,    shape_.n_kv_heads, {n_slots_, n_tables}, {n_pinned_, n_tables},
                     {first_, n_tables}, {scores_, n_all},  {shown_, n_layers},   {share_before_, n_layers},
                     {order_, n_all},    n_window_};
  policy.layers.run(all, policy.layers.args, total, {layer_budget_, n_layers});
  for (int layer = 0; layer < shape_.n_layers; ++layer) {
    share_now_[layer] =
        total > 0 ? static_cast<float>(layer_budget_[layer]) / static_cast<float>(total) : 0.0f;
    policy.heads.run(all, layer, policy.heads.args, layer_budget_[layer],
                     {budget_ + layer * shape_.n_kv_heads, static_cast<std::size_t>(shape_.n_kv_heads)});
  }
}

void Memory::compress(int layer, int kv_head, const Policy& policy) noexcept {
  const Candidates slots = gather(layer, kv_head, policy.keep_needs);
  const int t = layer * shape_.n_kv_heads + kv_head;
  const std::size_t n = slots.facts.size();
  const std::span<const float> score{scores_ + first_[t], n};
  const std::span<std::uint8_t> keep{keep_, n};
  policy.select.run(slots, policy.select.args, score, budget_[t], keep, {order_, n});
  if (policy.merge.run != nullptr) {
    std::fill_n(changed_, n, std::uint8_t{0});
    for (std::size_t i = 0; i < n; ++i) count_[i] = slots.facts[i].merged;
    const Merging merging{slots,
                          keep,
                          score,
                          keys_,
                          values_,
                          {count_, n},
                          {changed_, n},
                          {order_, n},
                          {target_, n},
                          {scratch_, 2 * n},
                          {cosines_, n},
                          directions_,
                          merge_memory_ + 2 * t};
    policy.merge.run(merging, policy.merge.args);
    put_back(layer, kv_head, policy.keep_needs);
  }
  keep_in(at(layer, kv_head));
}

Candidates Memory::gather(int layer, int kv_head, Needs needs) noexcept {
  const Table& table = at(layer, kv_head);
  const std::size_t columns = static_cast<std::size_t>(shape_.slots_max());
  const std::size_t head_dim = static_cast<std::size_t>(shape_.head_dim);
  const std::size_t marks = static_cast<std::size_t>(n_marks(shape_.needs));
  std::size_t n = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    const BlockRef& ref = table.blocks[b];
    if ((needs & kNeedKeys) != 0)
      pool_.read_keys(*kernels_, keys_ + n * head_dim, ref.block, ref.first, ref.n_live());
    if ((needs & kNeedValues) != 0)
      pool_.read_values(*kernels_, values_ + n * head_dim, ref.block, ref.first, ref.n_live());
    for (int slot = ref.first; slot < ref.end; ++slot, ++n) {
      facts_[n] = pool_.facts(ref.block, slot);
      positions_[n] = ref.base + facts_[n].offset;
      for (std::size_t m = 0; m < marks; ++m) marks_[m * columns + n] = pool_.marks(ref.block, slot)[m];
      if ((needs & kNeedKeys) != 0 && !pool_.is_page(ref.block))
        rope(layer).turn_back(keys_ + n * head_dim, place_of(facts_[n].token, facts_[n].offset));
    }
  }
  Candidates slots{layer, kv_head, {facts_, n}, {positions_, n}};
  for (int m = 0; m < kMarks; ++m)
    if ((shape_.needs & need(static_cast<Mark>(m))) != 0)
      slots.marks[m] =
          marks_ + static_cast<std::size_t>(mark_index(shape_.needs, static_cast<Mark>(m))) * columns;
  slots.keys = keys_;
  slots.values = values_;
  slots.head_dim = shape_.head_dim;
  slots.next_position = next_position_;
  slots.rope = &rope(layer);
  slots.kernels = kernels_;
  slots.n_window = std::min(n_window_, slots.n());
  slots.scratch = {scratch_, 2 * n};
  std::copy_n(worth_ + 2 * (layer * shape_.n_kv_heads + kv_head), 2, slots.worth);
  if (query_mean_ == nullptr) return slots;
  slots.group = shape_.group;
  const std::size_t numbers = static_cast<std::size_t>(shape_.group) * head_dim;
  const std::size_t from = static_cast<std::size_t>(layer * shape_.n_kv_heads + kv_head) * numbers;
  slots.query_mean = query_mean_ + from;
  slots.query_variance = query_variance_;
  for (std::size_t i = 0; i < numbers; ++i)
    query_variance_[i] =
        std::max(0.0f, query_square_[from + i] - query_mean_[from + i] * query_mean_[from + i]);
  return slots;
}

// The merged rows of kept slots go back to where they came from, turned to their place again; what was not
// gathered for the merge stays as it is.
void Memory::put_back(int layer, int kv_head, Needs gathered) noexcept {
  const Table& table = at(layer, kv_head);
  const std::size_t head_dim = static_cast<std::size_t>(shape_.head_dim);
  constexpr float kCountMax = std::numeric_limits<std::uint16_t>::max();
  std::size_t i = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    const BlockRef& ref = table.blocks[b];
    for (int slot = ref.first; slot < ref.end; ++slot, ++i) {
      if (changed_[i] == 0 || keep_[i] == 0) continue;
      SlotFacts& facts = pool_.facts(ref.block, slot);
      facts.merged = static_cast<std::uint16_t>(std::min(count_[i], kCountMax));
      if ((gathered & kNeedKeys) != 0) {
        rope(layer).turn(turned_, keys_ + i * head_dim, place_of(facts.token, facts.offset), shape_.head_dim);
        pool_.codec().encode(*kernels_, pool_.key_row(ref.block, slot), turned_, shape_.head_dim);
      }
      if ((gathered & kNeedValues) != 0)
        pool_.codec().encode(*kernels_, pool_.value_row(ref.block, slot), values_ + i * head_dim,
                             shape_.head_dim);
    }
  }
}

// Drops what keep_ (in gathered order) does not name. A block whose survivors lie together is trimmed,
// nothing moves.
void Memory::keep_in(Table& table) noexcept {
  const std::uint8_t* keep = keep_;
  int n_blocks = 0;
  for (int b = 0; b < table.n_blocks; ++b) {
    BlockRef ref = table.blocks[b];
    const int n = ref.n_live();
    for (int i = 0; i < n; ++i)
      if (keep[i] == 2) pool_.facts(ref.block, ref.first + i).token.flags |= kFrozen;
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
  for (int from = skipped; from < n; ++from) {
    if (keep[from] == 0) continue;
    if (to != first + from) move(ref.block, first + from, ref.block, to);
    ++to;
  }
  ref.end = static_cast<std::uint8_t>(to);
}

// One slot to another place, its key turned by `turn_by` more, at most kOffsetMax either way, as `layer` turns.
void Memory::move(std::uint32_t from, int from_slot, std::uint32_t to, int to_slot, int turn_by,
                  int layer) noexcept {
  if (pool_.is_page(to)) {  // its rows stay where they are, and are not turned
    SHRIKE_DCHECK(from == to, from, to);
  } else if (std::byte* key = pool_.key_row(to, to_slot); turn_by == 0) {
    std::memmove(key, pool_.key_row(from, from_slot), pool_.row_bytes());
  } else {
    pool_.codec().decode(*kernels_, turned_, pool_.key_row(from, from_slot), 1, shape_.head_dim);
    if (turn_by > 0)
      rope(layer).turn(turned_, turned_, turn_by, shape_.head_dim);
    else
      rope(layer).turn_back(turned_, -turn_by);
    pool_.codec().encode(*kernels_, key, turned_, shape_.head_dim);
  }
  if (from != to || from_slot != to_slot) pool_.copy_beside_key(from, from_slot, to, to_slot);
  SlotFacts& facts = pool_.facts(to, to_slot);
  facts.offset = static_cast<std::uint16_t>(facts.offset + turn_by);
}

}  // namespace shrike::kv
