#include "core/model/panel_products.hpp"

#include "core/model/over_cuts.hpp"
#include "platform/check.hpp"
#include "platform/fetch.hpp"
#include "platform/kernels/groups.hpp"

namespace shrike {
namespace {

// Some, so that the last one to finish keeps nobody waiting for long.
constexpr int kTasksPerThread = 4;
constexpr int kStageOuts = Compute::kStageOuts, kStageDepth = Compute::kStageDepth;
static_assert(kSliceIn % kStageDepth == 0);

// The strip behind this one is asked for, row by row in the order of memory, while this one is packed.
class NextStrip {
 public:
  NextStrip(const MatrixView& w, int first, int n_outs, int end)
      : at_(w.row(first + n_outs)),
        left_(first + n_outs < end ? static_cast<std::size_t>(n_outs) * w.row_bytes : 0) {}
  void fetch(std::size_t n_bytes) noexcept {
    n_bytes = std::min(n_bytes, left_);
    fetch_ahead(at_, n_bytes);
    at_ += n_bytes;
    left_ -= n_bytes;
  }

 private:
  const std::byte* at_;
  std::size_t left_;
};

// Of types that a panel takes as they are.
void pack_groups(const Compute& c, const PanelKernels& panels, const MatrixView& w, int begin, int end,
                 std::byte* panel) noexcept {
  constexpr int kStageGroups = kStageDepth / kQ8Group;
  const DTypeInfo info = dtype_info(w.type);
  Group groups[kStageOuts * kStageGroups];
  for (int first = begin; first < end; first += panels.form.outs) {
    const int n_outs = std::min(panels.form.outs, end - first);
    NextStrip next(w, first, n_outs, end);
    for (int group = 0; group < w.n_cols / kQ8Group; group += kStageGroups) {
      const int n = std::min(kStageGroups, w.n_cols / kQ8Group - group);
      for (int out = 0; out < n_outs; ++out) {
        next.fetch(static_cast<std::size_t>(n * kQ8Group / info.weights * info.bytes));
        c.kernels.unpack(w.type, w.row(first + out), group, n, groups + out * kStageGroups);
      }
      for (int g = 0; g < n; ++g, panel += panels.form.block_bytes(kQ8Group))
        panels.pack_groups(panel, groups + g, kStageGroups, n_outs);
    }
  }
}

// Of types that it takes from where they lie.
void pack_qblocks(PanelKernels::PackQBlocks pack, const PanelForm& form, const MatrixView& w, int begin,
                  int end, std::byte* panel) noexcept {
  const std::size_t qblock_bytes = static_cast<std::size_t>(dtype_info(w.type).bytes);
  for (int first = begin; first < end; first += form.outs) {
    const int n_outs = std::min(form.outs, end - first);
    NextStrip next(w, first, n_outs, end);
    const std::byte* from = w.row(first);
    for (int k = 0; k < w.n_cols; k += kQ8Group, from += qblock_bytes, panel += form.block_bytes(kQ8Group)) {
      next.fetch(static_cast<std::size_t>(n_outs) * qblock_bytes);
      pack(panel, from, w.row_bytes, n_outs);
    }
  }
}

// Of all others, through floats.
void pack_numbers(const Compute& c, const PanelKernels& panels, const MatrixView& w, int begin, int end,
                  float* stage, std::byte* panel) noexcept {
  const PanelForm& form = panels.form;
  for (int first = begin; first < end; first += form.outs) {
    const int n_outs = std::min(form.outs, end - first);
    for (int k = 0; k < w.n_cols; k += kStageDepth) {
      const int n = std::min(kStageDepth, w.n_cols - k);
      const MatrixView part = w.inputs(k, n);
      for (int out = 0; out < n_outs; ++out)
        matrix_row(c.kernels, part, first + out, stage + out * kStageDepth);
      for (int d = 0; d < n; d += form.depth) {
        const int n_here = std::min(form.depth, n - d);
        panels.pack_outs(panel, stage + d, kStageDepth, n_outs, n_here);
        panel += form.block_bytes(n_here);
      }
    }
  }
}

// The first strip of the panel that this thread is likely to pack next.
void fetch_strip(const MatrixView& w, int begin, int n_outs) noexcept {
  const DTypeInfo info = dtype_info(w.type);
  const std::size_t n_bytes = static_cast<std::size_t>(w.n_cols / info.weights * info.bytes);
  for (int out = begin; out < std::min(begin + n_outs, w.n_rows); ++out) fetch_ahead(w.row(out), n_bytes);
}

}  // namespace

const PanelKernels* panels_for(const Kernels& kernels, DType type) noexcept {
  if (type == DType::f32) return nullptr;
  if (is_quantised(type) && kernels.narrow.fast) return &kernels.narrow;
  return kernels.wide.fast ? &kernels.wide : nullptr;
}

std::byte* panel_of(const Compute& c, int thread) noexcept {
  return c.panel.panels + static_cast<std::size_t>(thread) * c.panel.panel_bytes;
}

void pack_strips(const Compute& c, const PanelKernels& panels, const MatrixView& w, int begin, int end,
                 int thread, std::byte* at) noexcept {
  const auto pack = w.type == DType::q8_0   ? panels.pack_q8_0
                    : w.type == DType::q4_0 ? panels.pack_q4_0
                                            : nullptr;
  if (pack != nullptr)
    pack_qblocks(pack, panels.form, w, begin, end, at);
  else if (panels.pack_groups != nullptr && has_one_scale(w.type))
    pack_groups(c, panels, w, begin, end, at);
  else
    pack_numbers(c, panels, w, begin, end, c.panel.stage(thread), at);
}

void multiply_slice(const Compute& c, const PanelKernels& panels, const std::byte* rows, int n_rows,
                    std::initializer_list<Product> products, int first) noexcept {
  const PanelForm& form = panels.form;
  const int n_in = std::min(kSliceIn, products.begin()->w.n_cols - first);
  int n_strips = 0;
  for (const Product& p : products) n_strips += div_ceil(p.w.n_rows, form.outs);
  const int strips_max = static_cast<int>(c.panel.panel_bytes / form.strip_bytes(n_in));
  SHRIKE_CHECK(strips_max > 0, n_in);
  const int strips = std::clamp(n_strips / (c.threads.count() * kTasksPerThread), 1, strips_max);
  over_cuts(c.threads, products, strips * form.outs, false,
            [&](const Product& p, int begin, int end, int thread) {
              std::byte* panel = panel_of(c, thread);
              const MatrixView w = p.w.inputs(first, n_in);
              pack_strips(c, panels, w, begin, end, thread, panel);
              fetch_strip(w, begin + c.threads.count() * (end - begin), form.outs);
              PanelTask task;
              task.panel = panel;
              task.rows = rows;
              task.n_in = n_in;
              task.n_outs = end - begin;
              task.n_rows = n_rows;
              task.bias = p.bias != nullptr && first == 0 ? p.bias + begin : nullptr;
              task.y = p.y + begin;
              task.y_stride = p.w.n_rows;
              task.accumulate = p.accumulate || first > 0;
              panels.multiply(task);
            });
}

}  // namespace shrike
