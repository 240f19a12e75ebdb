#include "core/model/linear.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

#include "core/model/over_cuts.hpp"
#include "core/model/panel_products.hpp"
#include "platform/check.hpp"

namespace shrike {
namespace {

// Fewer multiply-adds than this are done before a sleeping thread is awake.
constexpr std::int64_t kAloneMacs = 40'000;
// Few, because to hand one out takes as long as ten thousand weights do.
constexpr int kTasksPerThread = 2;
constexpr int kOutputsPerCut = 48;  // a multiple of every kernel's tile

// A panel and the rows that go over it should stay in a core's L2.
constexpr std::size_t kPanelBytes = 208 * 1024;

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

void linear_panels(const Compute& c, const PanelKernels& panels, const float* x, int n_rows,
                   std::initializer_list<Product> products) noexcept {
  const int n_in = products.begin()->w.n_cols;
  for (int first = 0; first < n_in; first += kSliceIn) {
    const PackedRows rows{panels.form, c.panel.rows, n_rows, std::min(kSliceIn, n_in - first)};
    SHRIKE_CHECK(rows.bytes() <= c.panel.rows_bytes, n_rows, rows.n_in);
    each_row(c, n_rows, [&](int row) {
      panels.pack_row(rows.at(row, 0), x + static_cast<std::ptrdiff_t>(row) * n_in + first, rows.n_in);
    });
    multiply_slice(c, panels, rows.data, n_rows, products, first);
  }
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
  const int cuts = alone ? std::max(1, n_cuts) : std::max(1, n_cuts / (c.threads.count() * kTasksPerThread));
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
  q8.n_max = q8_numbers;
  q8.q = arena.take<std::int8_t>(section, q8_numbers);
  q8.d = arena.take<float>(section, q8_numbers / kQ8Group);
  q8.sum = arena.take<std::int32_t>(section, q8_numbers / kQ8Sum);
  if (panel.panel_bytes == 0) return;
  const std::size_t n_threads = static_cast<std::size_t>(threads.count());
  panel.panel_bytes = align_up(panel.panel_bytes, Arena::kAlignment);
  panel.rows = arena.take_bytes(section, panel.rows_bytes);
  panel.panels = arena.take_bytes(section, n_threads * panel.panel_bytes);
  panel.stages = arena.take<float>(section, n_threads * kStage);
}

int Compute::n_rows_max(DType type, int n_in) const noexcept {
  std::size_t n = INT_MAX;
  if (const PanelKernels* panels = panels_for(kernels, type))
    n = panel.rows_bytes / panels->form.row_bytes(std::min(n_in, kSliceIn));
  else if (is_quantised(type))
    n = q8.n_max / static_cast<std::size_t>(n_in);
  return static_cast<int>(std::min(n, std::size_t{INT_MAX}));
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
