#include "core/model/vision_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/limits.hpp"
#include "platform/check.hpp"

namespace shrike {
namespace {

constexpr int kPanelRows = 24;  // queries that go over a head's keys together: 24 x 1024 scores stay in L2

void activate(const Kernels& k, Activation activation, float* x, int n) noexcept {
  activation == Activation::gelu ? k.gelu(x, n) : k.gelu_quick(x, n);
}

}  // namespace

void VisionEncoder::lay_out(Arena& arena, const Compute& compute, const TileLimits& limits) noexcept {
  const VisionConfig& c = *config_;
  const auto floats = [&](int rows, int cols) {
    return arena.take<float>("vision", static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  };
  const int n_patches = limits.patches_max(c.patch_size);
  const int n = n_rows_max_ = n_patches + places_.first_row();
  planes_ = floats(3 * c.patch_size * c.patch_size, n_patches);
  x_ = floats(n, c.dim);
  h_ = floats(n, c.dim);
  // Patches are over when attention begins, attention when the feed-forward does: they share their room.
  const int ff = c.gated ? 2 * c.n_ff : c.n_ff, in_use = std::max(3 * c.dim, ff);
  room_ = floats(n, std::max(c.patch_numbers(), c.layer_scale ? in_use + c.dim : in_use));
  if (room_ != nullptr) {
    const auto behind = [&](int cols) { return room_ + static_cast<std::ptrdiff_t>(n) * cols; };
    q_ = room_;
    k_ = behind(c.dim);
    v_ = behind(2 * c.dim);
    if (c.gated) gated_ = behind(c.n_ff);
    if (c.layer_scale) branch_ = behind(in_use);
  }
  scores_ = floats(compute.threads.count() * kPanelRows, n);
  places_.lay_out(arena, n_patches, limits.side_max() / c.patch_size);
  if (!compute.kernels.wide.fast) return;
  const PanelForm& form = compute.kernels.wide.form;
  const int head_dim = c.head_dim();
  const auto bytes = [&](std::size_t n_bytes) { return arena.take_bytes("vision", n_bytes); };
  key_bytes_ = static_cast<std::size_t>(div_ceil(n, form.outs)) * form.strip_bytes(head_dim);
  value_bytes_ = static_cast<std::size_t>(div_ceil(head_dim, form.outs)) * form.strip_bytes(n);
  row_bytes_ = kPanelRows * std::max(form.row_bytes(n), form.row_bytes(head_dim));
  row_bytes_ = align_up(row_bytes_, Arena::kAlignment);
  keys_ = bytes(static_cast<std::size_t>(c.n_heads) * key_bytes_);
  values_ = bytes(static_cast<std::size_t>(c.n_heads) * value_bytes_);
  packed_ = bytes(static_cast<std::size_t>(compute.threads.count()) * row_bytes_);
}

// The convolution's stride is its width, so it is a product: each patch becomes three planes of patch x
// patch.
void VisionEncoder::unfold() noexcept {
  const PatchGrid grid = places_.grid();
  const int p = config_->patch_size;
  const std::ptrdiff_t width = std::ptrdiff_t{grid.columns} * p, height = std::ptrdiff_t{grid.rows} * p;
  float* out = room_;
  for (int index = 0; index < grid.n(); ++index) {
    const int patch = places_.patch_at(index);
    const int py = patch / grid.columns, px = patch % grid.columns;
    for (int channel = 0; channel < 3; ++channel)
      for (int y = 0; y < p; ++y, out += p)
        std::memcpy(out, planes_ + (channel * height + py * p + y) * width + px * p,
                    static_cast<std::size_t>(p) * sizeof(float));
  }
}

// A head's keys and values as panels: what one row of queries is multiplied with, and then one row of weights.
void VisionEncoder::pack_head(const PanelKernels& panels, int head) noexcept {
  const VisionConfig& c = *config_;
  const PanelForm& form = panels.form;
  const int n = n_rows_, head_dim = c.head_dim(), column = head * head_dim;
  std::byte* to = keys_ + static_cast<std::size_t>(head) * key_bytes_;
  for (int key = 0; key < n; key += form.outs)
    for (int i = 0; i < head_dim; i += form.depth) {
      const int n_here = std::min(form.depth, head_dim - i);
      panels.pack_outs(to, k_ + static_cast<std::ptrdiff_t>(key) * c.dim + column + i, c.dim,
                       std::min(form.outs, n - key), n_here);
      to += form.block_bytes(n_here);
    }
  to = values_ + static_cast<std::size_t>(head) * value_bytes_;
  for (int i = 0; i < head_dim; i += form.outs)
    for (int key = 0; key < n; key += form.depth) {
      const int n_here = std::min(form.depth, n - key);
      panels.pack_columns(to, v_ + static_cast<std::ptrdiff_t>(key) * c.dim + column + i, c.dim,
                          std::min(form.outs, head_dim - i), n_here);
      to += form.block_bytes(n_here);
    }
}

// softmax(q k^T / sqrt(head_dim)) v of some rows of a head. Writes h_.
void VisionEncoder::attend_panels(const Kernels& kernels, int head, int first, int rows,
                                  int thread) noexcept {
  const VisionConfig& c = *config_;
  const PanelKernels& panels = kernels.wide;
  const int n = n_rows_, head_dim = c.head_dim();
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * c.dim + head * head_dim;
  float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n;
  std::byte* packed = packed_ + static_cast<std::size_t>(thread) * row_bytes_;
  PanelTask task;
  task.rows = packed;
  task.n_rows = rows;
  for (int row = 0; row < rows; ++row) {
    float* q = q_ + at + static_cast<std::ptrdiff_t>(row) * c.dim;
    for (int i = 0; i < head_dim; ++i) q[i] *= scale;
    panels.pack_row(packed + static_cast<std::size_t>(row) * panels.form.row_bytes(head_dim), q, head_dim);
  }
  task.panel = keys_ + static_cast<std::size_t>(head) * key_bytes_;
  task.n_in = head_dim;
  task.n_outs = task.y_stride = n;
  task.y = scores;
  panels.multiply(task);
  for (int row = 0; row < rows; ++row) {
    float* weights = scores + static_cast<std::ptrdiff_t>(row) * n;
    kernels.softmax(weights, n);
    panels.pack_row(packed + static_cast<std::size_t>(row) * panels.form.row_bytes(n), weights, n);
  }
  task.panel = values_ + static_cast<std::size_t>(head) * value_bytes_;
  task.n_in = n;
  task.n_outs = head_dim;
  task.y = h_ + at;
  task.y_stride = c.dim;
  panels.multiply(task);
}

// The same in floats, where integers are no faster, over the keys of some rows.
void VisionEncoder::attend_floats(const Kernels& kernels, int head, int first, int rows, int keys_begin,
                                  int keys_end, int thread) noexcept {
  const VisionConfig& c = *config_;
  const int n = keys_end - keys_begin, head_dim = c.head_dim(), column = head * head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * c.dim + column;
  float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n;
  kernels.attn_scores_f32(scores, n, q_ + at, c.dim, rows, row_at(k_, keys_begin) + column, c.dim, n,
                          head_dim, scale);
  for (int row = 0; row < rows; ++row) {
    kernels.softmax(scores + static_cast<std::ptrdiff_t>(row) * n, n);
    std::memset(h_ + at + static_cast<std::ptrdiff_t>(row) * c.dim, 0,
                static_cast<std::size_t>(head_dim) * sizeof(float));
  }
  kernels.attn_mix_f32(h_ + at, c.dim, scores, n, rows, row_at(v_, keys_begin) + column, c.dim, n, head_dim);
}

// No mask; one task per head and panel of queries.
void VisionEncoder::attend(const Compute& compute, bool in_floats) noexcept {
  const VisionConfig& c = *config_;
  const Kernels& kernels = compute.kernels;
  const int n = n_rows_;
  const int n_panels = div_ceil(n, kPanelRows);
  const bool in_panels = kernels.wide.fast && !in_floats;
  if (in_panels)
    compute.threads.parallel_for(c.n_heads, [&](int head, int) { pack_head(kernels.wide, head); });
  compute.threads.parallel_for(c.n_heads * n_panels, [&](int task, int thread) {
    const int head = task / n_panels, first = task % n_panels * kPanelRows;
    const int rows = std::min(kPanelRows, n - first);
    if (in_panels)
      attend_panels(kernels, head, first, rows, thread);
    else
      attend_floats(kernels, head, first, rows, 0, n, thread);
  });
}

// Rows see those of their window; one task per head and window.
void VisionEncoder::attend_windows(const Compute& compute) noexcept {
  const int n_windows = places_.n_windows();
  compute.threads.parallel_for(config_->n_heads * n_windows, [&](int task, int thread) {
    const int begin = places_.window(task % n_windows), end = places_.window(task % n_windows + 1);
    for (int first = begin; first < end; first += kPanelRows)
      attend_floats(compute.kernels, task / n_windows, first, std::min(kPanelRows, end - first), begin, end,
                    thread);
  });
}

void VisionEncoder::norm(const Compute& compute, const NormView& w, float* out) noexcept {
  const VisionConfig& c = *config_;
  each_row(compute, n_rows_, [&](int row) {
    if (c.norm == NormKind::rms)
      compute.kernels.rms_norm(row_at(out, row), row_at(x_, row), w.weight, c.dim, c.eps);
    else
      compute.kernels.layer_norm(row_at(out, row), row_at(x_, row), w.weight, w.bias, c.dim, c.eps);
  });
}

// Queries and keys by row and column of their patch.
void VisionEncoder::turn(const Compute& compute) noexcept {
  const int head_dim = config_->head_dim();
  each_row(compute, n_rows_, [&](int row) {
    float cos[limits::kHeadDimMax / 2], sin[limits::kHeadDimMax / 2];
    places_.angles(places_.patch_at(row), cos, sin);
    for (float* base : {q_, k_})
      for (int head = 0; head < config_->n_heads; ++head) {
        float* x = row_at(base, row) + head * head_dim;
        compute.kernels.rope_halves(x, x, cos, sin, head_dim / 2);
      }
  });
}

// x += scale * (w in + bias), the scale where there is one.
void VisionEncoder::branch(const Compute& compute, const float* in, const AffineView& w,
                           const float* scale) noexcept {
  if (scale == nullptr) return linear(compute, in, n_rows_, {{w.weight, w.bias, x_, true}});
  linear(compute, in, n_rows_, {{w.weight, w.bias, branch_}});
  each_row(compute, n_rows_, [&](int row) {
    float* x = row_at(x_, row);
    const float* add = row_at(branch_, row);
    for (int i = 0; i < config_->dim; ++i) x[i] += scale[i] * add[i];
  });
}

void VisionEncoder::feed_forward(const Compute& compute, const VisionLayer& w) noexcept {
  const VisionConfig& c = *config_;
  const auto ff_row = [&](float* base, int row) { return base + static_cast<std::ptrdiff_t>(row) * c.n_ff; };
  if (c.gated) {
    linear(compute, h_, n_rows_, {{w.gate.weight, w.gate.bias, room_}, {w.up.weight, w.up.bias, gated_}});
    each_row(compute, n_rows_,
             [&](int row) { compute.kernels.silu_mul(ff_row(room_, row), ff_row(gated_, row), c.n_ff); });
  } else {
    linear(compute, h_, n_rows_, {{w.up.weight, w.up.bias, room_}});
    each_row(compute, n_rows_,
             [&](int row) { activate(compute.kernels, c.activation, ff_row(room_, row), c.n_ff); });
  }
  branch(compute, room_, w.down, w.ls2);
}

void VisionEncoder::begin(const Compute& compute, PatchGrid grid) noexcept {
  const VisionConfig& c = *config_;
  const Kernels& k = compute.kernels;
  const int first = places_.first_row();
  SHRIKE_CHECK(grid.n() > 0 && grid.n() + first <= n_rows_max_, grid.n(), n_rows_max_);
  places_.set(grid);
  n_rows_ = grid.n() + first;
  unfold();
  for (int index = 0; index < grid.n() && c.places != PlaceTable::none; ++index)
    places_.table_row(k, places_.patch_at(index), row_at(x_, first + index));
  float* x = row_at(x_, first);
  linear(compute, room_, grid.n(),
         {{weights_->patch.weight, weights_->patch.bias, x, c.places != PlaceTable::none}});
  if (c.two_frames) linear(compute, room_, grid.n(), {{weights_->second_frame, nullptr, x, true}});
  if (c.class_token) {
    matrix_row(k, weights_->position, 0, x_);
    k.add(x_, weights_->class_token, c.dim);
  }
  if (c.pre_norm) norm(compute, weights_->pre_ln, x_);
  rows_ = x_;
}

void VisionEncoder::layer(const Compute& compute, int index) noexcept {
  const VisionConfig& c = *config_;
  const VisionLayer& w = weights_->layers[static_cast<std::size_t>(index)];
  norm(compute, w.ln1, h_);
  linear(compute, h_, n_rows_,
         {{w.q.weight, w.q.bias, q_}, {w.k.weight, w.k.bias, k_}, {w.v.weight, w.v.bias, v_}});
  if (c.rotary) turn(compute);
  if (c.sees_windows(index))
    attend_windows(compute);
  else
    attend(compute, w.q.weight.type == DType::f32);
  branch(compute, h_, w.o, w.ls1);
  norm(compute, w.ln2, h_);
  feed_forward(compute, w);
}

void VisionEncoder::finish(const Compute& compute) noexcept {
  if (!config_->post_norm) return;
  norm(compute, weights_->post_ln, h_);
  rows_ = h_;
}

}  // namespace shrike
