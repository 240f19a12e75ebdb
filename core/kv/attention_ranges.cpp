// Attention of one row, as when an answer is decoded: every kv head is cut into ranges of blocks, so that a crew
// larger than the kv heads has work, and keys and values of a range are read once, for all its query heads.
#include <algorithm>
#include <cmath>

#include "core/kv/attention.hpp"
#include "platform/fetch.hpp"

namespace shrike::kv {
namespace {

constexpr int kRangeBlocks = 32;   // of 16 slots: scores of a group stay in L1
constexpr std::size_t kAhead = 3;  // blocks that are fetched while one is read

}  // namespace

bool Attention::in_ranges(const Memory& memory, int n_rows, const Evidence* evidence) noexcept {
  return n_rows == 1 && evidence == nullptr && !memory.shape().has_pages() && memory.shape().constant == 0;
}

// Blocks need not be full, so there may be more of them than slots_max fills.
void Attention::lay_out_ranges(Arena& arena, int n_kv_heads, int blocks_per_table) noexcept {
  ranges_max_ = div_ceil(blocks_per_table, kRangeBlocks);
  states_ = arena.take<float>("attention", static_cast<std::size_t>(n_kv_heads * ranges_max_ * group_) *
                                               static_cast<std::size_t>(1 + head_dim_));
}

// The blocks of which the row sees anything; n_unseen: slots of the first of them that it does not see.
std::span<const BlockRef> Attention::in_sight(const Memory& memory, int layer, int kv_head,
                                              int& n_unseen) noexcept {
  std::span<const BlockRef> blocks = memory.table(layer, kv_head);
  n_unseen = memory.n_unseen(layer, kv_head, 0);
  for (; n_unseen > 0 && n_unseen >= blocks[0].n_live(); blocks = blocks.subspan(1))
    n_unseen -= blocks[0].n_live();
  return blocks;
}

void Attention::attend_ranges(const Kernels& kernels, Threads& threads, const Memory& memory, int layer,
                              const float* q, float* out) noexcept {
  const int n_kv_heads = memory.shape().n_kv_heads;
  int n_ranges = 0;
  for (int kv_head = 0, n_unseen; kv_head < n_kv_heads; ++kv_head)
    n_ranges =
        std::max(n_ranges,
                 div_ceil(static_cast<int>(in_sight(memory, layer, kv_head, n_unseen).size()), kRangeBlocks));
  const auto range = [&](int task, int thread) {
    attend_range(kernels, memory, layer, task / n_ranges, task % n_ranges, q, thread);
  };
  if (n_ranges > 1)
    threads.parallel_for(n_kv_heads * n_ranges, range);
  else  // done before a sleeping thread is awake
    for (int kv_head = 0; kv_head < n_kv_heads; ++kv_head) range(kv_head, 0);
  for (int head = 0; head < n_kv_heads * group_; ++head)
    join_ranges(head / group_, head % group_, n_ranges, out + static_cast<std::ptrdiff_t>(head) * head_dim_);
}

void Attention::attend_range(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int range,
                             const float* q, int thread) noexcept {
  const Pool& pool = memory.pool();
  const Codec& codec = pool.codec();
  int n_unseen = 0;
  const std::span<const BlockRef> table = in_sight(memory, layer, kv_head, n_unseen);
  const std::size_t begin = std::min(table.size(), static_cast<std::size_t>(range * kRangeBlocks));
  const std::span<const BlockRef> blocks =
      table.subspan(begin, std::min(table.size() - begin, static_cast<std::size_t>(kRangeBlocks)));
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
  const Place place = memory.appended(layer, kv_head, 0);
  float* turned = turned_of(thread);
  float* scores = scores_of(thread);
  const auto seen = [&](std::size_t b) {
    BlockRef ref = blocks[b];
    if (range == 0 && b == 0) ref.first = static_cast<std::uint8_t>(ref.first + n_unseen);
    return ref;
  };
  // Blocks lie anywhere, so no processor guesses the next one.
  const auto fetch = [&](std::size_t block, auto row) {
    if (block < blocks.size())
      fetch_ahead((pool.*row)(blocks[block].block, 0), kBlockSlots * pool.row_bytes());
  };
  int column = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const BlockRef ref = seen(b);
    fetch(b + kAhead, &Pool::key_row);
    const Place distance{place.t - ref.base, place.row, place.column};
    for (int g = 0; g < group_; ++g)
      memory.rope(layer).turn(turned + static_cast<std::ptrdiff_t>(g) * head_dim_,
                              q + static_cast<std::ptrdiff_t>(kv_head * group_ + g) * head_dim_, distance,
                              head_dim_);
    codec.scores(kernels, scores + column, stride_, turned, group_, pool.key_row(ref.block, ref.first),
                 ref.n_live(), head_dim_, scale);
    if (memory.shape().bias) add_bias(pool, ref, ref.n_live(), group_, scores + column, stride_);
    column += ref.n_live();
  }
  float* mixed = mixed_of(thread);
  std::fill_n(mixed, static_cast<std::ptrdiff_t>(group_) * head_dim_, 0.0f);
  for (int g = 0; g < group_; ++g)
    state_of(kv_head, range, g)[0] =
        column > 0 ? kernels.softmax(scores + static_cast<std::ptrdiff_t>(g) * stride_, column) : -INFINITY;
  column = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const BlockRef ref = seen(b);
    fetch(b + kAhead, &Pool::value_row);
    codec.mix(kernels, mixed, scores + column, stride_, group_, pool.value_row(ref.block, ref.first),
              ref.n_live(), head_dim_);
    column += ref.n_live();
  }
  for (int g = 0; g < group_; ++g)
    std::copy_n(mixed + static_cast<std::ptrdiff_t>(g) * head_dim_, head_dim_,
                state_of(kv_head, range, g) + 1);
}

// out = sum over ranges of w value, where w is a range's part of the sum of all.
void Attention::join_ranges(int kv_head, int g, int n_ranges, float* out) const noexcept {
  float largest = -INFINITY, sum = 0.0f;
  for (int range = 0; range < n_ranges; ++range) largest = std::max(largest, *state_of(kv_head, range, g));
  for (int range = 0; range < n_ranges; ++range) sum += std::exp(*state_of(kv_head, range, g) - largest);
  std::fill_n(out, head_dim_, 0.0f);
  for (int range = 0; range < n_ranges; ++range) {
    const float* state = state_of(kv_head, range, g);
    const float weight = std::exp(*state - largest) / sum;
    for (int i = 0; i < head_dim_; ++i) out[i] += weight * state[1 + i];
  }
}

}  // namespace shrike::kv
