#include "core/kv/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/check.hpp"

namespace shrike::kv {
namespace {

// A panel's scores should stay in a core's L2 while values are read: 128 Ki floats are 512 KiB.
constexpr int kPanelScores = 128 * 1024;
constexpr float kHidden = -1e4f;    // a logit's: nothing is left of it
constexpr int kThreadsPerHead = 2;  // that the panels of rows over one kv head keep busy

float constant_of(const Memory& memory) noexcept {
  return memory.n_evicted() > 0 ? memory.shape().constant : 0.0f;
}

// p = e^s / sum e^s becomes e^s / (constant + sum e^s), `top` the largest s: its p is e^0 over what it was divided
// by.
void scale_for(float constant, float top, float* p, int n) noexcept {
  const float largest = *std::max_element(p, p + n);
  const float by = 1 / (1 + constant * std::exp(-top) * largest);
  for (int j = 0; j < n; ++j) p[j] *= by;
}

}  // namespace

void Attention::lay_out(Arena& arena, const Kernels& kernels, const Memory::Shape& shape, int group,
                        int n_shown_max, int n_threads, Needs needs, bool in_bytes) noexcept {
  group_ = group;
  head_dim_ = shape.head_dim;
  columns_ = shape.slots_max();
  in_bytes_ = in_bytes && kernels.narrow.fast;
  const PanelKernels& panels = panels_in(kernels);
  stride_ = panels.fast ? align_up(columns_, panels.form.depth) : columns_;
  panel_rows_ = std::clamp(kPanelScores / std::max(1, group * stride_), 1, kPanelRowsMax);
  panels_max_ = div_ceil(n_shown_max, panel_rows_);
  const std::size_t panel = static_cast<std::size_t>(panel_rows_ * group);
  const std::size_t threads = static_cast<std::size_t>(n_threads);
  const std::size_t columns = static_cast<std::size_t>(columns_);
  scores_ = arena.take<float>("attention", threads * panel * static_cast<std::size_t>(stride_));
  turned_ = arena.take<float>("attention", threads * panel * static_cast<std::size_t>(head_dim_));
  mixed_ = arena.take<float>("attention", threads * panel * static_cast<std::size_t>(head_dim_));
  if (shape.has_pages() || panel_rows_ * group > shape.codec_or_f16().in_place_max)
    block_ = arena.take<float>("attention", threads * kBlockSlots * static_cast<std::size_t>(head_dim_));
  lay_out_ranges(arena, shape.n_kv_heads, shape.blocks_per_table());
  heads_at_once_ = std::min(shape.n_kv_heads, div_ceil(n_threads, kThreadsPerHead));
  if (panels.fast) lay_out_panels(arena, kernels, n_threads);
  const std::size_t heads = static_cast<std::size_t>(heads_at_once_);
  const std::size_t n_panels = heads * static_cast<std::size_t>(panels_max_);
  if ((needs & need(Mark::mass)) != 0) panel_mass_ = arena.take<float>("attention", n_panels * columns);
  if ((needs & kNeedEntropy) != 0) {
    panel_rows_sums_ = arena.take<RowSums>("attention", n_panels * 2);
    modality_ = arena.take<std::uint8_t>("attention", static_cast<std::size_t>(shape.n_kv_heads * stride_));
  }
  if ((needs & kNeedWindow) == 0) return;
  window_panels_ = std::min(panels_max_, div_ceil(shape.window, panel_rows_) + 1);
  panel_windows_ =
      arena.take<float>("attention", heads * static_cast<std::size_t>(window_panels_) * kWindows * columns);
}

void Attention::attend(const Kernels& kernels, Threads& threads, const Memory& memory, int layer,
                       const float* q, float* out, int n_rows, const Modality* query_class,
                       Evidence* evidence, const Look& look, const RowRange* pictures) noexcept {
  if (in_ranges(memory, n_rows, evidence)) return attend_ranges(kernels, threads, memory, layer, q, out);
  const int n_kv_heads = memory.shape().n_kv_heads;
  if (evidence != nullptr && evidence->rows != nullptr) note_modality(memory, layer);
  const bool panels = in_panels(kernels, n_rows);
  const int n_panels = div_ceil(n_rows, panel_rows_);
  SHRIKE_CHECK(evidence == nullptr || n_panels <= panels_max_, n_rows, panels_max_);
  const int heads = panels || evidence != nullptr ? heads_at_once_ : n_kv_heads;
  for (int first = 0; first < n_kv_heads; first += heads) {
    const int n_heads = std::min(heads, n_kv_heads - first);
    if (panels) pack_heads(kernels, threads, memory, layer, first, n_heads);
    threads.parallel_for(n_heads * n_panels, [&](int task, int thread) {
      Panel panel;
      panel.layer = layer;
      panel.kv_head = first + task / n_panels;
      panel.first_row = task % n_panels * panel_rows_;
      panel.n_rows = std::min(panel_rows_, n_rows - panel.first_row);
      panel.n_chunk = n_rows;
      panel.n_slots = memory.n_live(layer, panel.kv_head);
      see(memory, panel, pictures);
      PanelShown shown;
      if (evidence != nullptr)
        shown = shown_of(panel.kv_head, task % n_panels, n_rows, panel.n_slots, *evidence, look);
      if (panels) {
        panel.first_column -= panel.first_column % depth_;
        panel.n_columns = align_up(panel.n_columns, depth_);  // what is not seen weighs nothing
        panel_scores(kernels, memory, panel, q, thread);
        const bool at_once = panels_in(kernels).pack_softmax != nullptr && constant_of(memory) == 0 &&
                             shown.windows[0] == nullptr && shown.last == nullptr;
        if (at_once) {
          pack_softmax(kernels, panel, thread, query_class, shown);
        } else {
          weigh(kernels, memory, panel, thread, query_class, shown);
          pack_weights(kernels, panel, thread);
        }
        panel_mix(kernels, panel, n_kv_heads * group_, out, thread);
      } else {
        scores(kernels, memory, panel, q, thread);
        weigh(kernels, memory, panel, thread, query_class, shown);
        mix(kernels, memory, panel, n_kv_heads * group_, out, thread);
      }
    });
    for (int kv_head = first; evidence != nullptr && kv_head < first + n_heads; ++kv_head)
      reduce(kernels, memory, layer, kv_head, n_rows, *evidence, look);
  }
  if (evidence != nullptr && evidence->query_sum != nullptr)
    sum_queries(threads, q, n_rows, n_kv_heads * group_, *evidence);
}

void Attention::see(const Memory& memory, Panel& panel, const RowRange* pictures) noexcept {
  const int before = panel.n_slots - panel.n_chunk;  // slots that were there before the chunk
  for (int row = 0; row < panel.n_rows; ++row) {
    const int chunk_row = panel.first_row + row;
    int& begin = panel.begin[row] = memory.n_unseen(panel.layer, panel.kv_head, chunk_row);
    int& end = panel.end[row] = before + chunk_row + 1;
    if (pictures == nullptr) continue;
    begin = std::min(begin, before + pictures[chunk_row].first);
    end = std::max(end, before + pictures[chunk_row].end);
  }
  panel.first_column = panel.begin[0];
  panel.n_columns = panel.end[panel.n_rows - 1];
  panel.ahead = pictures != nullptr;
}

void Attention::note_modality(const Memory& memory, int layer) noexcept {
  for (int kv_head = 0; kv_head < memory.shape().n_kv_heads; ++kv_head) {
    std::uint8_t* modality = modality_of(kv_head);
    for (const BlockRef& ref : memory.table(layer, kv_head))
      for (int slot = ref.first; slot < ref.end; ++slot)
        *modality++ = static_cast<std::uint8_t>(memory.pool().facts(ref.block, slot).token.modality);
  }
}

Attention::PanelShown Attention::shown_of(int kv_head, int panel, int n_rows, int n_slots,
                                          const Evidence& evidence, const Look& look) noexcept {
  PanelShown shown;
  const int n_panels = div_ceil(n_rows, panel_rows_);
  const int here = kv_head % heads_at_once_, slot = here * panels_max_ + panel;
  const auto cleared = [&](float* from, int index) {
    float* row = from + static_cast<std::ptrdiff_t>(index) * columns_;
    std::fill(row, row + n_slots, 0.0f);
    return row;
  };
  if (evidence.rows != nullptr) {
    shown.rows = panel_rows_sums_ + 2 * slot;
    shown.rows[0] = shown.rows[1] = {};
  }
  if (evidence.mass != nullptr) shown.mass = cleared(panel_mass_, slot);
  shown.window_first = look.window ? look.window_first : n_rows;
  if (evidence.window_text != nullptr && panel >= window_panel(n_panels))
    for (int w = 0; w < kWindows && (w != kVotes || evidence.votes != nullptr); ++w)
      shown.windows[w] =
          cleared(panel_windows_, (here * window_panels_ + panel - window_panel(n_panels)) * kWindows + w);
  if (evidence.last != nullptr && panel == n_panels - 1) shown.last = cleared(evidence.last, kv_head);
  return shown;
}

// Panels in ascending order, so that the sums are the same for any number of threads.
void Attention::reduce(const Kernels& kernels, const Memory& memory, int layer, int kv_head, int n_rows,
                       Evidence& evidence, const Look& look) noexcept {
  const int n_panels = div_ceil(n_rows, panel_rows_), here = kv_head % heads_at_once_;
  const int n_slots = memory.n_live(layer, kv_head);
  const auto add = [&](float* to, const float* from, int index) {
    kernels.add(to, from + static_cast<std::ptrdiff_t>(index) * columns_, n_slots);
  };
  const auto row_of = [&](float* rows) { return rows + static_cast<std::ptrdiff_t>(kv_head) * columns_; };
  if (evidence.mass != nullptr) {
    std::fill_n(row_of(evidence.mass), n_slots, 0.0f);
    for (int p = 0; p < n_panels; ++p) add(row_of(evidence.mass), panel_mass_, here * panels_max_ + p);
  }
  float* windows[kWindows] = {evidence.window_text, evidence.window_image, evidence.votes};
  for (int w = 0; w < kWindows && windows[w] != nullptr; ++w) {
    std::fill_n(row_of(windows[w]), n_slots, 0.0f);
    if (!look.window || look.window_first >= n_rows) continue;
    for (int p = window_panel(n_panels); p < n_panels; ++p)
      add(row_of(windows[w]), panel_windows_,
          (here * window_panels_ + p - window_panel(n_panels)) * kWindows + w);
  }
  for (int c = 0; c < 2 && evidence.rows != nullptr; ++c) {
    RowSums& to = evidence.rows[2 * kv_head + c] = {};
    for (int p = 0; p < n_panels; ++p) {
      const RowSums& from = panel_rows_sums_[2 * (here * panels_max_ + p) + c];
      to.n_rows += from.n_rows;
      to.entropy += from.entropy;
      for (int key_class = 0; key_class < 2; ++key_class) {
        to.class_entropy[key_class] += from.class_entropy[key_class];
        to.n_class_rows[key_class] += from.n_class_rows[key_class];
      }
    }
  }
}

// query_sum, query_square: over the chunk's rows, in ascending order.
void Attention::sum_queries(Threads& threads, const float* q, int n_rows, int n_heads,
                            Evidence& evidence) noexcept {
  evidence.n_query_rows = n_rows;
  threads.parallel_for(n_heads, [&](int head, int) {
    float* sum = evidence.query_sum + static_cast<std::ptrdiff_t>(head) * head_dim_;
    float* square = evidence.query_square + static_cast<std::ptrdiff_t>(head) * head_dim_;
    std::fill_n(sum, head_dim_, 0.0f);
    std::fill_n(square, head_dim_, 0.0f);
    for (int row = 0; row < n_rows; ++row) {
      const float* x = q + (static_cast<std::ptrdiff_t>(row) * n_heads + head) * head_dim_;
      for (int i = 0; i < head_dim_; ++i) {
        sum[i] += x[i];
        square[i] += x[i] * x[i];
      }
    }
  });
}

// scores[row * group + g][column] = (q turned by its distance) . key / sqrt(head_dim)
void Attention::scores(const Kernels& kernels, const Memory& memory, const Panel& panel, const float* q,
                       int thread) noexcept {
  const int n_heads = memory.shape().n_kv_heads * group_;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
  const Pool& pool = memory.pool();
  const RopeTable& rope = memory.rope(panel.layer);
  float* turned = turned_of(thread);
  Place places[kPanelRowsMax];
  for (int row = 0; row < panel.n_rows; ++row)
    places[row] = memory.appended(panel.layer, panel.kv_head, panel.first_row + row);
  int column = 0;
  for (const BlockRef& ref : memory.table(panel.layer, panel.kv_head)) {
    const int n = std::min(ref.n_live(), panel.n_columns - column);
    if (n <= 0) break;
    if (column + n <= panel.first_column) {
      column += n;
      continue;
    }
    for (int row = 0; row < panel.n_rows; ++row) {
      Place distance = places[row];
      distance.t -= ref.base;
      // A row before this block sees none of it, but where it sees ahead; its scores are cut off later, any turn
      // will do.
      const int back = panel.ahead ? std::max(0, -distance.t) : 0;
      distance.t = std::max(0, distance.t);
      const float* from =
          q +
          (static_cast<std::ptrdiff_t>(panel.first_row + row) * n_heads + panel.kv_head * group_) * head_dim_;
      for (int g = 0; g < group_; ++g) {
        float* to = turned + static_cast<std::ptrdiff_t>(row * group_ + g) * head_dim_;
        rope.turn(to, from + static_cast<std::ptrdiff_t>(g) * head_dim_, distance, head_dim_);
        if (back > 0) rope.turn_back(to, back);
      }
    }
    if (panel.n_rows * group_ <= pool.codec().in_place_max && !pool.is_page(ref.block)) {
      pool.codec().scores(kernels, scores_of(thread) + column, stride_, turned, panel.n_rows * group_,
                          pool.key_row(ref.block, ref.first), n, head_dim_, scale);
    } else {
      memory.read_keys(kernels, block_of(thread), panel.layer, ref, ref.first, n);
      kernels.attn_scores_f32(scores_of(thread) + column, stride_, turned, head_dim_, panel.n_rows * group_,
                              block_of(thread), head_dim_, n, head_dim_, scale);
    }
    if (memory.shape().bias)
      add_bias(pool, ref, n, panel.n_rows * group_, scores_of(thread) + column, stride_);
    column += n;
  }
}

// A slot that stands for c tokens draws the attention of c.  Source: proportional attention, ToMe arXiv
// 2210.09461
void Attention::add_bias(const Pool& pool, const BlockRef& ref, int n, int n_rows, float* scores,
                         int stride) noexcept {
  for (int i = 0; i < n; ++i) {
    const int merged = pool.facts(ref.block, ref.first + i).merged;
    if (merged == 1) continue;
    const float bias = merged > 0 ? std::log(static_cast<float>(merged)) : kHidden;
    for (int row = 0; row < n_rows; ++row) scores[static_cast<std::ptrdiff_t>(row) * stride + i] += bias;
  }
}

void Attention::weigh(const Kernels& kernels, const Memory& memory, const Panel& panel, int thread,
                      const Modality* query_class, const PanelShown& shown) noexcept {
  for (int row = 0; row < panel.n_rows; ++row) {
    const int begin = panel.begin[row], visible = panel.end[row] - begin;
    RowSums* sums = sums_of(panel, row, query_class, shown);
    for (int g = 0; g < group_; ++g) {
      float* all = scores_of(thread) + static_cast<std::ptrdiff_t>(row * group_ + g) * stride_;
      float* p = all + begin;
      const float constant = constant_of(memory);
      const float top = constant > 0 ? *std::max_element(p, p + visible) : 0.0f;
      if (sums != nullptr) {
        RowEvidence seen;
        kernels.softmax_evidence(p, modality_of(panel.kv_head) + begin, visible, &seen);
        add_up(*sums, seen);
      } else {
        kernels.softmax(p, visible);
      }
      if (constant > 0) scale_for(constant, top, p, visible);
      std::fill(all, p, 0.0f);
      std::fill(p + visible, all + panel.n_columns, 0.0f);
    }
    look_at(kernels, panel, row, thread, query_class, shown);
  }
  if (shown.mass != nullptr)
    kernels.column_mass(shown.mass, scores_of(thread), stride_, panel.n_rows * group_,
                        std::min(panel.n_columns, panel.n_slots));
}

// Where a row's entropies are added; null: it is not counted.
RowSums* Attention::sums_of(const Panel& panel, int row, const Modality* query_class,
                            const PanelShown& shown) noexcept {
  if (shown.rows == nullptr) return nullptr;
  const int chunk_row = panel.first_row + row;
  const Modality of = query_class[chunk_row];
  return is_counted(of, chunk_row, panel.n_chunk) ? &shown.rows[static_cast<int>(of)] : nullptr;
}

void Attention::add_up(RowSums& sums, const RowEvidence& seen) noexcept {
  ++sums.n_rows;
  sums.entropy += seen.entropy;
  for (int c = 0; c < 2; ++c) {
    sums.class_entropy[c] += seen.class_entropy[c];
    sums.n_class_rows[c] += seen.mass[c] > 0 ? 1 : 0;
  }
}

// What one row adds to the window and to the last row.
void Attention::look_at(const Kernels& kernels, const Panel& panel, int row, int thread,
                        const Modality* query_class, const PanelShown& shown) noexcept {
  const int chunk_row = panel.first_row + row;
  const float* p = scores_of(thread) + static_cast<std::ptrdiff_t>(row * group_) * stride_;
  const int n = panel.end[row];
  if (shown.last != nullptr && chunk_row == panel.n_chunk - 1)
    kernels.column_mass(shown.last, p, stride_, group_, n);
  if (shown.windows[0] == nullptr || chunk_row < shown.window_first) return;
  const int from = query_class[chunk_row] == Modality::text ? kText : kImage;
  kernels.column_mass(shown.windows[from], p, stride_, group_, n);
  if (shown.windows[kVotes] != nullptr)
    kernels.column_votes(shown.windows[kVotes], p, stride_, group_, n,
                         1.0f / static_cast<float>(n - panel.begin[row]));
}

void Attention::mix(const Kernels& kernels, const Memory& memory, const Panel& panel, int n_heads, float* out,
                    int thread) noexcept {
  const int n = panel.n_rows * group_;
  const Pool& pool = memory.pool();
  float* mixed = mixed_of(thread);
  std::fill(mixed, mixed + static_cast<std::ptrdiff_t>(n) * head_dim_, 0.0f);
  int column = 0;
  for (const BlockRef& ref : memory.table(panel.layer, panel.kv_head)) {
    const int n_keys = std::min(ref.n_live(), panel.n_columns - column);
    if (n_keys <= 0) break;
    if (column + n_keys <= panel.first_column) {
      column += n_keys;
      continue;
    }
    if (n <= pool.codec().in_place_max && !pool.is_page(ref.block)) {
      pool.codec().mix(kernels, mixed, scores_of(thread) + column, stride_, n,
                       pool.value_row(ref.block, ref.first), n_keys, head_dim_);
    } else {
      pool.read_values(kernels, block_of(thread), ref.block, ref.first, n_keys);
      kernels.attn_mix_f32(mixed, head_dim_, scores_of(thread) + column, stride_, n, block_of(thread),
                           head_dim_, n_keys, head_dim_);
    }
    column += n_keys;
  }
  put_out(panel, n_heads, out, mixed);
}

void Attention::put_out(const Panel& panel, int n_heads, float* out, const float* mixed) const noexcept {
  for (int row = 0; row < panel.n_rows; ++row)
    std::memcpy(
        out + (static_cast<std::ptrdiff_t>(panel.first_row + row) * n_heads + panel.kv_head * group_) *
                  head_dim_,
        mixed + static_cast<std::ptrdiff_t>(row) * group_ * head_dim_,
        static_cast<std::size_t>(group_ * head_dim_) * sizeof(float));
}

}  // namespace shrike::kv
