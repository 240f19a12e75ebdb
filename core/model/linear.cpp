#include "core/model/linear.hpp"

#include <algorithm>
#include <cstring>

#include "platform/check.hpp"
#include "platform/fetch.hpp"
#include "platform/kernels/groups.hpp"

namespace shrike {
namespace {

// Fewer multiply-adds than this are done before a sleeping thread is awake.
constexpr std::int64_t kAloneMacs = 40'000;
// Some, so that the last one to finish keeps nobody waiting for long; few, because to hand one out takes as long as
// ten thousand weights do.
constexpr int kTasksPerThread = 4;         // over panels
constexpr int kTasksPerThreadInPlace = 2;  // over weights as they lie
constexpr int kOutputsPerCut = 48;         // of one row: a multiple of every kernel's tile

// A panel and the rows that go over it should stay in a core's L2.
constexpr std::size_t kPanelBytes = 192 * 1024;
constexpr int kStageOuts = 32;    // the most outputs that a strip has
constexpr int kStageDepth = 256;  // a multiple of every qblock and of every panel's depth
constexpr int kSliceIn =
    12 * kStageDepth;  // inputs that go over panels together, as long as one strip fills them

// n numbers of any type that has kernels, from a place where a qblock begins.
void unpack(const Kernels& kernels, DType type, const std::byte* from, int n, float* out) noexcept {
  switch (type) {
    case DType::f32:
      std::memcpy(out, from, static_cast<std::size_t>(n) * sizeof(float));
      break;
    case DType::f16:
      kernels.f16_to_f32(out, reinterpret_cast<const f16*>(from), n);
      break;
    case DType::bf16:
      kernels.bf16_to_f32(out, reinterpret_cast<const bf16*>(from), n);
      break;
    default:
      kernels.quants_to_f32(type, out, from, n);
  }
}

// Null: many rows are multiplied with the weights as they lie, too.
const PanelKernels* panels_for(const Kernels& kernels, DType type) noexcept {
  if (type == DType::f32) return nullptr;
  if (is_quantised(type) && kernels.narrow.fast) return &kernels.narrow;
  return kernels.wide.fast ? &kernels.wide : nullptr;
}

void multiply_in_place(const Compute& c, const float* x, int n_rows, const Product& p, int begin,
                       int end) noexcept {
  Matmul task;
  task.w = p.w.data;
  task.w_row_bytes = p.w.row_bytes;
  task.n_in = p.w.n_cols;
  task.out_begin = begin;
  task.out_end = end;
  task.n_rows = n_rows;
  task.x = x;
  task.x_stride = p.w.n_cols;
  task.xq = c.q8.q;
  task.xd = c.q8.d;
  task.xsum = c.q8.sum;
  task.bias = p.bias;
  task.y = p.y;
  task.y_stride = p.w.n_rows;
  task.accumulate = p.accumulate;
  switch (p.w.type) {
    case DType::f32:
      c.kernels.matmul_f32(task);
      break;
    case DType::f16:
      c.kernels.matmul_f16(task);
      break;
    case DType::bf16:
      c.kernels.matmul_bf16(task);
      break;
    case DType::q8_0:
      c.kernels.matmul_q8_0(task);
      break;
    default:
      c.kernels.matmul_quants(p.w.type, task);
  }
}

// The same of types that a panel takes as they are.
void pack_panel_groups(const Compute& c, const PanelKernels& panels, const MatrixView& w, int begin, int end,
                       std::byte* panel) noexcept {
  constexpr int kStageGroups = kStageDepth / kQ8Group;
  const DTypeInfo info = dtype_info(w.type);
  Group groups[kStageOuts * kStageGroups];
  for (int first = begin; first < end; first += panels.form.outs) {
    const int n_outs = std::min(panels.form.outs, end - first);
    const std::byte* next =
        w.row(first) + static_cast<std::ptrdiff_t>(n_outs) * w.row_bytes;  // in order of memory
    for (int group = 0; group < w.n_cols / kQ8Group; group += kStageGroups) {
      const int n = std::min(kStageGroups, w.n_cols / kQ8Group - group);
      const std::size_t n_bytes = static_cast<std::size_t>(n * kQ8Group / info.weights * info.bytes);
      for (int out = 0; out < n_outs; ++out, next += n_bytes) {
        if (first + panels.form.outs < end) fetch_ahead(next, n_bytes);
        c.kernels.unpack(w.type, w.row(first + out), group, n, groups + out * kStageGroups);
      }
      for (int g = 0; g < n; ++g, panel += panels.form.block_bytes(kQ8Group))
        panels.pack_groups(panel, groups + g, kStageGroups, n_outs);
    }
  }
}

// Outputs [begin, end) of w become strips, one behind the other.
void pack_panel(const Compute& c, const PanelKernels& panels, const MatrixView& w, int begin, int end,
                float* stage, std::byte* panel) noexcept {
  const PanelForm& form = panels.form;
  const DTypeInfo info = dtype_info(w.type);
  for (int first = begin; first < end; first += form.outs) {
    const int n_outs = std::min(form.outs, end - first);
    for (int k = 0; k < w.n_cols; k += kStageDepth) {
      const int n = std::min(kStageDepth, w.n_cols - k);
      const std::size_t at = static_cast<std::size_t>(k / info.weights * info.bytes);
      for (int out = 0; out < n_outs; ++out)
        unpack(c.kernels, w.type, w.row(first + out) + at, n, stage + out * kStageDepth);
      for (int d = 0; d < n; d += form.depth) {
        const int n_here = std::min(form.depth, n - d);
        panels.pack_outs(panel, stage + d, kStageDepth, n_outs, n_here);
        panel += form.block_bytes(n_here);
      }
    }
  }
}

void multiply_panel(const Compute& c, const PanelKernels& panels, int n_rows, const Product& p, int begin,
                    int end, int thread) noexcept {
  std::byte* panel = c.panel.panels + static_cast<std::size_t>(thread) * c.panel.panel_bytes;
  float* stage = c.panel.stages + static_cast<std::ptrdiff_t>(thread) * kStageOuts * kStageDepth;
  if (panels.pack_groups != nullptr && has_one_scale(p.w.type))
    pack_panel_groups(c, panels, p.w, begin, end, panel);
  else
    pack_panel(c, panels, p.w, begin, end, stage, panel);
  PanelTask task;
  task.panel = panel;
  task.rows = c.panel.rows;
  task.n_in = p.w.n_cols;
  task.n_outs = end - begin;
  task.n_rows = n_rows;
  task.bias = p.bias != nullptr ? p.bias + begin : nullptr;
  task.y = p.y + begin;
  task.y_stride = p.w.n_rows;
  task.accumulate = p.accumulate;
  panels.multiply(task);
}

// Cuts the outputs of all products into pieces of outs_per_cut and shares them out: each(product, begin, end,
// thread).
template <class Each>
void over_cuts(Threads& threads, std::initializer_list<Product> products, int outs_per_cut, bool alone,
               Each each) noexcept {
  int n_cuts = 0;
  for (const Product& p : products) n_cuts += div_ceil(p.w.n_rows, outs_per_cut);
  const auto cut = [&](int index, int thread) {
    for (const Product& p : products) {
      const int n_here = div_ceil(p.w.n_rows, outs_per_cut);
      if (index < n_here)
        return each(p, index * outs_per_cut, std::min((index + 1) * outs_per_cut, p.w.n_rows), thread);
      index -= n_here;
    }
  };
  if (!alone) return threads.parallel_for(n_cuts, cut);
  for (int index = 0; index < n_cuts; ++index) cut(index, 0);
}

// n_in inputs from `first` on; those behind the first ones add to what is there.
void linear_slice(const Compute& c, const PanelKernels& panels, const float* x, int n_rows,
                  std::initializer_list<Product> products, int first, int n_in) noexcept {
  const PanelForm& form = panels.form;
  const std::ptrdiff_t x_stride = products.begin()->w.n_cols;
  const std::size_t row_bytes = form.row_bytes(n_in);
  SHRIKE_CHECK(row_bytes * static_cast<std::size_t>(n_rows) <= c.panel.rows_bytes, n_rows, n_in);
  each_row(c, n_rows, [&](int row) {
    panels.pack_row(c.panel.rows + static_cast<std::size_t>(row) * row_bytes, x + row * x_stride + first,
                    n_in);
  });
  int n_strips = 0;
  for (const Product& p : products) n_strips += div_ceil(p.w.n_rows, form.outs);
  const int strips_max = static_cast<int>(c.panel.panel_bytes / form.strip_bytes(n_in));
  SHRIKE_CHECK(strips_max > 0, n_in);
  const int strips = std::clamp(n_strips / (c.threads.count() * kTasksPerThread), 1, strips_max);
  over_cuts(c.threads, products, strips * form.outs, false, [&](Product p, int begin, int end, int thread) {
    p.w = p.w.inputs(first, n_in);
    if (first > 0) {
      p.bias = nullptr;
      p.accumulate = true;
    }
    multiply_panel(c, panels, n_rows, p, begin, end, thread);
  });
}

void linear_panels(const Compute& c, const PanelKernels& panels, const float* x, int n_rows,
                   std::initializer_list<Product> products) noexcept {
  const int n_in = products.begin()->w.n_cols;
  for (int first = 0; first < n_in; first += kSliceIn)
    linear_slice(c, panels, x, n_rows, products, first, std::min(kSliceIn, n_in - first));
}

void linear_in_place(const Compute& c, const float* x, int n_rows,
                     std::initializer_list<Product> products) noexcept {
  const int n_in = products.begin()->w.n_cols;
  std::int64_t n_outputs = 0;
  bool any_q8 = false;
  for (const Product& p : products) {
    n_outputs += p.w.n_rows;
    any_q8 = any_q8 || is_quantised(p.w.type);
  }
  const bool alone = c.threads.count() == 1 || n_outputs * n_in * n_rows < kAloneMacs;
  if (any_q8)
    each_row(c, n_rows, [&](int row) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) * n_in;
      c.kernels.quantize_q8(c.q8.q + at, c.q8.d + at / kQ8Group, x + at, n_in);
      c.kernels.q8_sums(c.q8.sum + at / kQ8Sum, c.q8.q + at, n_in);
    });
  // A few cuts at a time, so that a long output (the vocabulary) does not mean thousands of hand-outs.
  const auto n_cuts = static_cast<int>(n_outputs / kOutputsPerCut);
  const int cuts =
      alone ? std::max(1, n_cuts) : std::max(1, n_cuts / (c.threads.count() * kTasksPerThreadInPlace));
  over_cuts(
      c.threads, products, cuts * kOutputsPerCut, alone,
      [&](const Product& p, int begin, int end, int) { multiply_in_place(c, x, n_rows, p, begin, end); });
}

}  // namespace

void Compute::lay_out(Arena& arena, std::string_view section, std::span<const Size> sizes) noexcept {
  int n_in_max = 0;
  std::size_t q8_numbers = 0;
  panel.rows_bytes = panel.panel_bytes = 0;
  for (const Size& size : sizes) {
    n_in_max = std::max(n_in_max, size.n_in);
    for (const PanelKernels* panels : {&kernels.wide, &kernels.narrow}) {
      if (!panels->fast) continue;
      const int n_in = std::min(size.n_in, kSliceIn);
      panel.rows_bytes =
          std::max(panel.rows_bytes, panels->form.row_bytes(n_in) * static_cast<std::size_t>(size.n_rows));
      panel.panel_bytes = std::max({panel.panel_bytes, kPanelBytes, panels->form.strip_bytes(n_in)});
    }
    const bool in_panels = kernels.wide.fast || kernels.narrow.fast;
    q8_numbers = std::max(q8_numbers, static_cast<std::size_t>(in_panels ? 1 : size.n_rows) *
                                          static_cast<std::size_t>(align_up(size.n_in, kQ8Group)));
  }
  q8.q = arena.take<std::int8_t>(section, q8_numbers);
  q8.d = arena.take<float>(section, q8_numbers / kQ8Group);
  q8.sum = arena.take<std::int32_t>(section, q8_numbers / kQ8Sum);
  if (panel.panel_bytes == 0) return;
  const std::size_t n_threads = static_cast<std::size_t>(threads.count());
  panel.panel_bytes = align_up(panel.panel_bytes, Arena::kAlignment);
  panel.rows = arena.take_bytes(section, panel.rows_bytes);
  panel.panels = arena.take_bytes(section, n_threads * panel.panel_bytes);
  panel.stages = arena.take<float>(section, n_threads * kStageOuts * kStageDepth);
}

void linear(const Compute& c, const float* x, int n_rows, std::initializer_list<Product> products) noexcept {
  const PanelKernels* panels = n_rows > 1 ? panels_for(c.kernels, products.begin()->w.type) : nullptr;
  for (const Product& p : products) {
    SHRIKE_DCHECK(p.w.n_cols == products.begin()->w.n_cols, p.w.n_cols, products.begin()->w.n_cols);
    if (n_rows == 1 || panels_for(c.kernels, p.w.type) == panels) continue;
    for (const Product& alone : products) linear(c, x, n_rows, {alone});  // a file that mixes types
    return;
  }
  if (panels != nullptr)
    linear_panels(c, *panels, x, n_rows, products);
  else
    linear_in_place(c, x, n_rows, products);
}

void matrix_row(const Kernels& kernels, const MatrixView& w, int r, float* out) noexcept {
  SHRIKE_CHECK(r >= 0 && r < w.n_rows, r, w.n_rows);
  unpack(kernels, w.type, w.row(r), w.n_cols, out);
}

}  // namespace shrike
