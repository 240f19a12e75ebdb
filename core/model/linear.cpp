#include "core/model/linear.hpp"

#include <algorithm>
#include <cstring>

#include "platform/check.hpp"

namespace shrike {
namespace {

// Fewer multiply-adds than this are done before a sleeping thread is awake.
constexpr std::int64_t kAloneMacs = 40'000;
constexpr int kOutputsPerCut = 48;  // a multiple of every kernel's tile

void multiply(const Compute& c, const float* x, int n_rows, const Product& p, int begin, int end) noexcept {
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

}  // namespace

void Compute::lay_out(Arena& arena, std::string_view section, int n_rows_max, int n_in_max) noexcept {
  const std::size_t n =
      static_cast<std::size_t>(n_rows_max) * static_cast<std::size_t>(align_up(n_in_max, kQ8Group));
  q8.q = arena.take<std::int8_t>(section, n);
  q8.d = arena.take<float>(section, n / kQ8Group);
  q8.sum = arena.take<std::int32_t>(section, n / kQ8Sum);
}

void linear(const Compute& c, const float* x, int n_rows, std::initializer_list<Product> products) noexcept {
  const int n_in = products.begin()->w.n_cols;
  std::int64_t n_outputs = 0;
  int n_cuts = 0;
  bool any_q8 = false;
  for (const Product& p : products) {
    SHRIKE_DCHECK(p.w.n_cols == n_in, p.w.n_cols, n_in);
    n_outputs += p.w.n_rows;
    n_cuts += div_ceil(p.w.n_rows, kOutputsPerCut);
    any_q8 = any_q8 || is_quantised(p.w.type);
  }
  if (any_q8) {
    each_row(c, n_rows, [&](int row) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) * n_in;
      c.kernels.quantize_q8(c.q8.q + at, c.q8.d + at / kQ8Group, x + at, n_in);
      c.kernels.q8_sums(c.q8.sum + at / kQ8Sum, c.q8.q + at, n_in);
    });
  }
  if (c.threads.count() == 1 || n_outputs * n_in * n_rows < kAloneMacs) {
    for (const Product& p : products) multiply(c, x, n_rows, p, 0, p.w.n_rows);
    return;
  }
  // A few cuts at a time, so that a long output (the vocabulary) does not mean thousands of hand-outs.
  const int cuts_per_task = std::max(1, n_cuts / (c.threads.count() * 8));
  c.threads.parallel_for(div_ceil(n_cuts, cuts_per_task), [&](int task, int) {
    int cut = task * cuts_per_task;
    int left = std::min(cuts_per_task, n_cuts - cut);
    for (const Product& p : products) {
      const int cuts_here = div_ceil(p.w.n_rows, kOutputsPerCut);
      if (cut < cuts_here && left > 0) {
        const int taken = std::min(left, cuts_here - cut);
        multiply(c, x, n_rows, p, cut * kOutputsPerCut, std::min((cut + taken) * kOutputsPerCut, p.w.n_rows));
        left -= taken;
        cut = 0;
      } else if (left > 0) {
        cut -= cuts_here;
      }
    }
  });
}

void matrix_row(const Kernels& kernels, const MatrixView& w, int r, float* out) noexcept {
  SHRIKE_CHECK(r >= 0 && r < w.n_rows, r, w.n_rows);
  switch (w.type) {
    case DType::f32:
      std::memcpy(out, w.row(r), static_cast<std::size_t>(w.n_cols) * sizeof(float));
      break;
    case DType::f16:
      kernels.f16_to_f32(out, reinterpret_cast<const f16*>(w.row(r)), w.n_cols);
      break;
    case DType::bf16:
      kernels.bf16_to_f32(out, reinterpret_cast<const bf16*>(w.row(r)), w.n_cols);
      break;
    default:
      kernels.quants_to_f32(w.type, out, w.row(r), w.n_cols);
  }
}

}  // namespace shrike
