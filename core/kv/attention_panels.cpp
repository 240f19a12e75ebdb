// Attention of many rows: keys and values as panels of integers, packed once for all rows of a chunk.
#include <algorithm>
#include <cmath>

#include "core/kv/attention.hpp"
#include "platform/check.hpp"

namespace shrike::kv {
namespace {

constexpr int kRowsMin = 16;  // fewer do not repay the packing

// x turned by a position of either sign: the first blocks may begin before 0.
void turn_to(const RopeTable& rope, float* x, int position, int head_dim) noexcept {
  if (position > 0)
    rope.turn(x, x, position, head_dim);
  else if (position < 0)
    rope.turn_back(x, -position);
}

}  // namespace

bool Attention::in_panels(const Kernels& kernels, int n_rows) const noexcept {
  return panels_in(kernels).fast && n_rows >= kRowsMin;
}

void Attention::lay_out_panels(Arena& arena, const Kernels& kernels, int n_threads) noexcept {
  const PanelForm& form = panels_in(kernels).form;
  SHRIKE_CHECK(form.depth % form.outs == 0 && kPackedTogether % form.depth == 0, form.depth, form.outs);
  depth_ = form.depth;
  const auto bytes = [&](std::size_t n) { return arena.take_bytes("attention", n); };
  const std::size_t heads = static_cast<std::size_t>(heads_at_once_);
  const std::size_t threads = static_cast<std::size_t>(n_threads);
  key_bytes_ = static_cast<std::size_t>(stride_ / form.outs) * form.strip_bytes(head_dim_);
  value_strip_bytes_ = form.strip_bytes(stride_);
  rows_bytes_ =
      align_up(static_cast<std::size_t>(panel_rows_ * group_) * form.row_bytes(head_dim_), Arena::kAlignment);
  key_panels_ = bytes(heads * key_bytes_);
  value_panels_ =
      bytes(heads * static_cast<std::size_t>(div_ceil(head_dim_, form.outs)) * value_strip_bytes_);
  rows_ = bytes(threads * rows_bytes_);
  stage_ =
      arena.take<float>("attention", threads * 2 * static_cast<std::size_t>(kPackedTogether * head_dim_));
}

void Attention::pack_heads(const Kernels& kernels, Threads& threads, const Memory& memory, int layer,
                           int first, int n) noexcept {
  int n_slots_max = 0;
  for (int kv_head = first; kv_head < first + n; ++kv_head)
    n_slots_max = std::max(n_slots_max, memory.n_live(layer, kv_head));
  const int n_tasks = div_ceil(n_slots_max, kPackedTogether);
  threads.parallel_for(n * n_tasks, [&](int task, int thread) {
    pack_columns(kernels, memory, layer, first + task / n_tasks, task % n_tasks * kPackedTogether, thread);
  });
}

// Keys, turned to their places, and values of columns [first, end) of a kv head, as far as it has them; how many.
int Attention::read_columns(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int first,
                            int end, float* keys, float* values) const noexcept {
  int column = 0, n = 0;
  for (const BlockRef& ref : memory.table(layer, kv_head)) {
    if (column >= end) break;
    const int begin_here = std::max(first, column), end_here = std::min(end, column + ref.n_live());
    const int first_slot = ref.first + begin_here - column, n_here = end_here - begin_here;
    column += ref.n_live();
    if (n_here <= 0) continue;
    float* key = keys + static_cast<std::ptrdiff_t>(n) * head_dim_;
    memory.read_keys(kernels, key, layer, ref, first_slot, n_here);
    memory.pool().read_values(kernels, values + static_cast<std::ptrdiff_t>(n) * head_dim_, ref.block,
                              first_slot, n_here);
    for (int i = 0; i < n_here; ++i, key += head_dim_) turn_to(memory.rope(layer), key, ref.base, head_dim_);
    n += n_here;
  }
  return n;
}

// As many columns as are packed together; those behind the head's last slot are zeros.
void Attention::pack_columns(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int first,
                             int thread) noexcept {
  const PanelKernels& panels = panels_in(kernels);
  const PanelForm& form = panels.form;
  const int n_columns = std::min(kPackedTogether, stride_ - first);
  if (first + n_columns <= memory.n_unseen(layer, kv_head, 0))
    return;  // nor does a later row see any of them
  float* keys = stage_ + static_cast<std::ptrdiff_t>(thread) * 2 * kPackedTogether * head_dim_;
  float* values = keys + static_cast<std::ptrdiff_t>(kPackedTogether) * head_dim_;
  const int n = read_columns(kernels, memory, layer, kv_head, first, first + n_columns, keys, values);
  if (n == 0) return;
  for (float* rest : {keys, values})
    std::fill_n(rest + static_cast<std::ptrdiff_t>(n) * head_dim_,
                static_cast<std::ptrdiff_t>(n_columns - n) * head_dim_, 0.0f);
  for (int c = 0; c < n_columns; c += form.outs) {
    std::byte* to =
        key_panel(kv_head) + static_cast<std::size_t>((first + c) / form.outs) * form.strip_bytes(head_dim_);
    for (int i = 0; i < head_dim_; i += depth_) {
      const int n_here = std::min(depth_, head_dim_ - i);
      panels.pack_outs(to, keys + static_cast<std::ptrdiff_t>(c) * head_dim_ + i, head_dim_, form.outs,
                       n_here);
      to += form.block_bytes(n_here);
    }
  }
  for (int i = 0; i < head_dim_; i += form.outs) {
    std::byte* to = value_strip(kv_head, i / form.outs, form) +
                    static_cast<std::size_t>(first / depth_) * form.block_bytes(depth_);
    for (int c = 0; c < n_columns; c += depth_, to += form.block_bytes(depth_))
      panels.pack_columns(to, values + static_cast<std::ptrdiff_t>(c) * head_dim_ + i, head_dim_,
                          std::min(form.outs, head_dim_ - i), depth_);
  }
}

// scores[row * group + g][column] = (q turned to its position) . key / sqrt(head_dim), and any number in columns
// that no row of the panel sees. Its columns begin and end with a depth.
void Attention::panel_scores(const Kernels& kernels, const Memory& memory, const Panel& panel, const float* q,
                             int thread) noexcept {
  const PanelKernels& panels = panels_in(kernels);
  const int n_heads = memory.shape().n_kv_heads * group_;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
  float* turned = turned_of(thread);
  std::byte* rows = rows_ + static_cast<std::size_t>(thread) * rows_bytes_;
  for (int row = 0; row < panel.n_rows; ++row) {
    const Place place = memory.appended(panel.layer, panel.kv_head, panel.first_row + row);
    for (int g = 0; g < group_; ++g) {
      const int head = panel.kv_head * group_ + g;
      memory.rope(panel.layer)
          .turn(turned, q + (static_cast<std::ptrdiff_t>(panel.first_row + row) * n_heads + head) * head_dim_,
                place, head_dim_);
      for (int i = 0; i < head_dim_; ++i) turned[i] *= scale;
      panels.pack_row(rows + static_cast<std::size_t>(row * group_ + g) * panels.form.row_bytes(head_dim_),
                      turned, head_dim_);
    }
  }
  PanelTask task;
  task.panel = key_panel(panel.kv_head) + static_cast<std::size_t>(panel.first_column / panels.form.outs) *
                                              panels.form.strip_bytes(head_dim_);
  task.rows = rows;
  task.n_in = head_dim_;
  task.n_outs = panel.n_columns - panel.first_column;
  task.n_rows = panel.n_rows * group_;
  task.y = scores_of(thread) + panel.first_column;
  task.y_stride = stride_;
  panels.multiply(task);
  if (!memory.shape().bias) return;
  int column = 0;
  for (const BlockRef& ref : memory.table(panel.layer, panel.kv_head)) {
    const int n = std::min(ref.n_live(), panel.n_columns - column);
    if (n <= 0) break;
    add_bias(memory.pool(), ref, n, panel.n_rows * group_, scores_of(thread) + column, stride_);
    column += n;
  }
}

// Rows of scores become weights and integers, at the front of where they lie: a row of them is shorter than before.
void Attention::pack_softmax(const Kernels& kernels, const Panel& panel, int thread,
                             const Modality* query_class, const PanelShown& shown) noexcept {
  const int first = panel.first_column, n_columns = panel.n_columns - first;
  WeightsShown weights;
  weights.n_mass = std::min(panel.n_columns, panel.n_slots) - first;
  if (shown.mass != nullptr) weights.mass = shown.mass + first;
  if (shown.rows != nullptr) weights.modality = modality_of(panel.kv_head) + first;
  for (int row = 0; row < panel.n_rows; ++row) {
    RowSums* sums = sums_of(panel, row, query_class, shown);
    RowEvidence seen;
    weights.evidence = sums != nullptr ? &seen : nullptr;
    for (int g = 0; g < group_; ++g) {
      const int at = row * group_ + g;
      float* all = scores_of(thread) + static_cast<std::ptrdiff_t>(at) * stride_;
      std::fill(all + first, all + panel.begin[row], -INFINITY);
      std::fill(all + panel.end[row], all + panel.n_columns, -INFINITY);
      panels_in(kernels).pack_softmax(weights_row(kernels, panel, at, thread), all + first, n_columns,
                                      weights);
      if (sums != nullptr) add_up(*sums, seen);
    }
  }
}

void Attention::pack_weights(const Kernels& kernels, const Panel& panel, int thread) noexcept {
  const int n_columns = panel.n_columns - panel.first_column;
  for (int row = 0; row < panel.n_rows * group_; ++row)
    panels_in(kernels).pack_row(
        weights_row(kernels, panel, row, thread),
        scores_of(thread) + static_cast<std::ptrdiff_t>(row) * stride_ + panel.first_column, n_columns);
}

std::byte* Attention::weights_row(const Kernels& kernels, const Panel& panel, int row, int thread) noexcept {
  return reinterpret_cast<std::byte*>(scores_of(thread)) +
         static_cast<std::size_t>(row) *
             panels_in(kernels).form.row_bytes(panel.n_columns - panel.first_column);
}

void Attention::panel_mix(const Kernels& kernels, const Panel& panel, int n_heads, float* out,
                          int thread) noexcept {
  const PanelKernels& panels = panels_in(kernels);
  const PanelForm& form = panels.form;
  PanelTask task;
  task.rows = weights_row(kernels, panel, 0, thread);
  task.n_in = panel.n_columns - panel.first_column;
  task.n_rows = panel.n_rows * group_;
  task.y_stride = head_dim_;
  for (int i = 0; i < head_dim_; i += form.outs) {
    task.panel = value_strip(panel.kv_head, i / form.outs, form) +
                 static_cast<std::size_t>(panel.first_column / depth_) * form.block_bytes(depth_);
    task.n_outs = std::min(form.outs, head_dim_ - i);
    task.y = mixed_of(thread) + i;
    panels.multiply(task);
  }
  put_out(panel, n_heads, out, mixed_of(thread));
}

}  // namespace shrike::kv
