#include "core/kv/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shrike::kv {
namespace {

// A panel's scores should stay in a core's L2 while values are read: 128 Ki floats are 512 KiB.
constexpr int kPanelScores = 128 * 1024;
constexpr int kPanelRowsMax = 8;

}  // namespace

void Attention::lay_out(Arena& arena, const Memory::Shape& shape, int group, int n_rows_max, int n_threads,
                        bool evidence) noexcept {
  group_ = group;
  head_dim_ = shape.head_dim;
  columns_ = shape.slots_max();
  panel_rows_ = std::clamp(kPanelScores / std::max(1, group * columns_), 1, kPanelRowsMax);
  panels_max_ = div_ceil(n_rows_max, panel_rows_);
  const std::size_t panel = static_cast<std::size_t>(panel_rows_ * group);
  const std::size_t threads = static_cast<std::size_t>(n_threads);
  scores_ = arena.take<float>("attention", threads * panel * static_cast<std::size_t>(columns_));
  turned_ = arena.take<float>("attention", threads * panel * static_cast<std::size_t>(head_dim_));
  mixed_ = arena.take<float>("attention", threads * panel * static_cast<std::size_t>(head_dim_));
  if (!evidence) return;
  const std::size_t panels = static_cast<std::size_t>(shape.n_kv_heads * panels_max_);
  panel_mass_ = arena.take<float>("attention", panels * static_cast<std::size_t>(columns_));
  panel_rows_sums_ = arena.take<RowSums>("attention", panels * 2);
  modality_ = arena.take<std::uint8_t>("attention", static_cast<std::size_t>(shape.n_kv_heads * columns_));
}

void Attention::attend(const Kernels& kernels, Threads& threads, const Memory& memory, int layer,
                       const float* q, float* out, int n_rows, const Modality* query_class,
                       Evidence* evidence) noexcept {
  const int n_kv_heads = memory.shape().n_kv_heads;
  const int n_panels = div_ceil(n_rows, panel_rows_);
  if (evidence != nullptr) {
    for (int kv_head = 0; kv_head < n_kv_heads; ++kv_head) {
      std::uint8_t* modality = modality_ + static_cast<std::ptrdiff_t>(kv_head) * columns_;
      for (const BlockRef& ref : memory.table(layer, kv_head))
        for (int slot = ref.first; slot < ref.end; ++slot)
          *modality++ = static_cast<std::uint8_t>(memory.pool().facts(ref.block, slot).token.modality);
    }
  }
  threads.parallel_for(n_kv_heads * n_panels, [&](int task, int thread) {
    Panel panel;
    panel.layer = layer;
    panel.kv_head = task / n_panels;
    panel.first_row = task % n_panels * panel_rows_;
    panel.n_rows = std::min(panel_rows_, n_rows - panel.first_row);
    const int n_slots = memory.n_live(layer, panel.kv_head);
    panel.n_columns = n_slots - (n_rows - panel.first_row - panel.n_rows);
    RowSums* rows = nullptr;
    float* mass = nullptr;
    if (evidence != nullptr) {
      const int slot = panel.kv_head * panels_max_ + task % n_panels;
      rows = panel_rows_sums_ + 2 * slot;
      mass = panel_mass_ + static_cast<std::ptrdiff_t>(slot) * columns_;
      rows[0] = rows[1] = {};
      std::fill(mass, mass + n_slots, 0.0f);
    }
    scores(kernels, memory, panel, q, n_rows, thread);
    weigh(kernels, panel, n_rows, n_slots, thread, query_class, rows, mass);
    mix(kernels, memory, panel, n_kv_heads * group_, out, thread);
  });
  if (evidence == nullptr) return;
  for (int kv_head = 0; kv_head < n_kv_heads; ++kv_head) {
    float* mass = evidence->mass + static_cast<std::ptrdiff_t>(kv_head) * columns_;
    const int n_slots = memory.n_live(layer, kv_head);
    std::fill(mass, mass + n_slots, 0.0f);
    for (int c = 0; c < 2; ++c) evidence->rows[2 * kv_head + c] = {};
    for (int p = 0; p < n_panels; ++p) {
      const int slot = kv_head * panels_max_ + p;
      kernels.add(mass, panel_mass_ + static_cast<std::ptrdiff_t>(slot) * columns_, n_slots);
      for (int c = 0; c < 2; ++c) {
        const RowSums& from = panel_rows_sums_[2 * slot + c];
        RowSums& to = evidence->rows[2 * kv_head + c];
        to.n_rows += from.n_rows;
        to.entropy += from.entropy;
        for (int key_class = 0; key_class < 2; ++key_class) {
          to.class_entropy[key_class] += from.class_entropy[key_class];
          to.class_mass[key_class] += from.class_mass[key_class];
        }
      }
    }
  }
}

// scores[row * group + g][column] = (q turned by its distance) . key / sqrt(head_dim)
void Attention::scores(const Kernels& kernels, const Memory& memory, const Panel& panel, const float* q,
                       int n_chunk, int thread) noexcept {
  const int n_heads = memory.shape().n_kv_heads * group_;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
  const int first_position = memory.next_position() - n_chunk + panel.first_row;
  float* turned = turned_of(thread);
  int column = 0;
  for (const BlockRef& ref : memory.table(panel.layer, panel.kv_head)) {
    const int n = std::min(ref.n_live(), panel.n_columns - column);
    if (n <= 0) break;
    for (int row = 0; row < panel.n_rows; ++row) {
      // A row before this block sees none of it; its scores are cut off later, any turn will do.
      const int distance = std::max(0, first_position + row - ref.base);
      const float* from =
          q +
          (static_cast<std::ptrdiff_t>(panel.first_row + row) * n_heads + panel.kv_head * group_) * head_dim_;
      for (int g = 0; g < group_; ++g)
        memory.rope().turn(turned + static_cast<std::ptrdiff_t>(row * group_ + g) * head_dim_,
                           from + static_cast<std::ptrdiff_t>(g) * head_dim_, distance, head_dim_);
    }
    kernels.attn_scores_f16(scores_of(thread) + column, columns_, turned, head_dim_, panel.n_rows * group_,
                            memory.pool().key(ref.block, ref.first), head_dim_, n, head_dim_, scale);
    column += n;
  }
}

void Attention::weigh(const Kernels& kernels, const Panel& panel, int n_chunk, int n_slots, int thread,
                      const Modality* query_class, RowSums* rows, float* mass) noexcept {
  for (int row = 0; row < panel.n_rows; ++row) {
    const int visible = n_slots - (n_chunk - 1 - panel.first_row - row);
    for (int g = 0; g < group_; ++g) {
      float* p = scores_of(thread) + static_cast<std::ptrdiff_t>(row * group_ + g) * columns_;
      if (rows == nullptr) {
        kernels.softmax(p, visible);
      } else {
        RowEvidence shown;
        kernels.softmax_evidence(p, modality_ + static_cast<std::ptrdiff_t>(panel.kv_head) * columns_,
                                 visible, &shown);
        RowSums& sums = rows[static_cast<int>(query_class[panel.first_row + row])];
        ++sums.n_rows;
        sums.entropy += shown.entropy;
        for (int c = 0; c < 2; ++c) {
          sums.class_entropy[c] += shown.class_entropy[c];
          sums.class_mass[c] += shown.mass[c];
        }
      }
      std::fill(p + visible, p + panel.n_columns, 0.0f);
    }
  }
  if (mass != nullptr)
    kernels.column_mass(mass, scores_of(thread), columns_, panel.n_rows * group_, panel.n_columns);
}

void Attention::mix(const Kernels& kernels, const Memory& memory, const Panel& panel, int n_heads, float* out,
                    int thread) noexcept {
  const int n = panel.n_rows * group_;
  float* mixed = mixed_of(thread);
  std::fill(mixed, mixed + static_cast<std::ptrdiff_t>(n) * head_dim_, 0.0f);
  int column = 0;
  for (const BlockRef& ref : memory.table(panel.layer, panel.kv_head)) {
    const int n_keys = std::min(ref.n_live(), panel.n_columns - column);
    if (n_keys <= 0) break;
    kernels.attn_mix_f16(mixed, head_dim_, scores_of(thread) + column, columns_, n,
                         memory.pool().value(ref.block, ref.first), head_dim_, n_keys, head_dim_);
    column += n_keys;
  }
  for (int row = 0; row < panel.n_rows; ++row)
    std::memcpy(
        out + (static_cast<std::ptrdiff_t>(panel.first_row + row) * n_heads + panel.kv_head * group_) *
                  head_dim_,
        mixed + static_cast<std::ptrdiff_t>(row) * group_ * head_dim_,
        static_cast<std::size_t>(group_ * head_dim_) * sizeof(float));
}

}  // namespace shrike::kv
