#include "core/model/vision_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shrike {
namespace {

constexpr int kPanelRows = 24;  // queries that go over a head's keys together: 24 x 1024 scores stay in L2

void activate(const Kernels& k, Activation activation, float* x, int n) noexcept {
  activation == Activation::gelu ? k.gelu(x, n) : k.gelu_quick(x, n);
}

}  // namespace

void VisionEncoder::lay_out(Arena& arena, const Compute& compute) noexcept {
  const VisionConfig& c = *config_;
  const auto floats = [&](int rows, int cols) {
    return arena.take<float>("vision", static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  };
  planes_ = floats(3 * c.image_size, c.image_size);
  x_ = floats(c.n_patches(), c.dim);
  h_ = floats(c.n_patches(), c.dim);
  // Patches are over when attention begins, attention when the feed-forward does: they share their room.
  room_ = floats(c.n_patches(), std::max({c.patch_numbers(), 3 * c.dim, c.n_ff}));
  if (room_ != nullptr) {
    q_ = room_;
    k_ = q_ + static_cast<std::ptrdiff_t>(c.n_patches()) * c.dim;
    v_ = k_ + static_cast<std::ptrdiff_t>(c.n_patches()) * c.dim;
  }
  scores_ = floats(compute.threads.count() * kPanelRows, c.n_patches());
  if (!compute.kernels.wide.fast) return;
  const PanelForm& form = compute.kernels.wide.form;
  const int n = c.n_patches(), head_dim = c.head_dim();
  const auto bytes = [&](std::size_t n_bytes) { return arena.take_bytes("vision", n_bytes); };
  key_bytes_ = static_cast<std::size_t>(div_ceil(n, form.outs)) * form.strip_bytes(head_dim);
  value_bytes_ = static_cast<std::size_t>(div_ceil(head_dim, form.outs)) * form.strip_bytes(n);
  row_bytes_ = kPanelRows * std::max(form.row_bytes(n), form.row_bytes(head_dim));
  row_bytes_ = align_up(row_bytes_, Arena::kAlignment);
  keys_ = bytes(static_cast<std::size_t>(c.n_heads) * key_bytes_);
  values_ = bytes(static_cast<std::size_t>(c.n_heads) * value_bytes_);
  rows_ = bytes(static_cast<std::size_t>(compute.threads.count()) * row_bytes_);
}

// The convolution's stride is its width, so it is a product: each patch becomes three planes of patch x
// patch.
void VisionEncoder::unfold() noexcept {
  const VisionConfig& c = *config_;
  const int side = c.image_size;
  const int p = c.patch_size;
  float* out = room_;
  for (int py = 0; py < c.grid(); ++py)
    for (int px = 0; px < c.grid(); ++px)
      for (int channel = 0; channel < 3; ++channel)
        for (int y = 0; y < p; ++y, out += p)
          std::memcpy(out,
                      planes_ + (static_cast<std::ptrdiff_t>(channel) * side + py * p + y) * side + px * p,
                      static_cast<std::size_t>(p) * sizeof(float));
}

// A head's keys and values as panels: what one row of queries is multiplied with, and then one row of weights.
void VisionEncoder::pack_head(const PanelKernels& panels, int head) noexcept {
  const VisionConfig& c = *config_;
  const PanelForm& form = panels.form;
  const int n = c.n_patches(), head_dim = c.head_dim(), column = head * head_dim;
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
  const int n = c.n_patches(), head_dim = c.head_dim();
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * c.dim + head * head_dim;
  float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n;
  std::byte* packed = rows_ + static_cast<std::size_t>(thread) * row_bytes_;
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

// The same in floats, where integers are no faster.
void VisionEncoder::attend_floats(const Kernels& kernels, int head, int first, int rows,
                                  int thread) noexcept {
  const VisionConfig& c = *config_;
  const int n = c.n_patches(), head_dim = c.head_dim(), column = head * head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * c.dim + column;
  float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n;
  kernels.attn_scores_f32(scores, n, q_ + at, c.dim, rows, k_ + column, c.dim, n, head_dim, scale);
  for (int row = 0; row < rows; ++row) {
    kernels.softmax(scores + static_cast<std::ptrdiff_t>(row) * n, n);
    std::memset(h_ + at + static_cast<std::ptrdiff_t>(row) * c.dim, 0,
                static_cast<std::size_t>(head_dim) * sizeof(float));
  }
  kernels.attn_mix_f32(h_ + at, c.dim, scores, n, rows, v_ + column, c.dim, n, head_dim);
}

// No mask; one task per head and panel of queries.
void VisionEncoder::attend(const Compute& compute, bool in_floats) noexcept {
  const VisionConfig& c = *config_;
  const Kernels& kernels = compute.kernels;
  const int n = c.n_patches();
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
      attend_floats(kernels, head, first, rows, thread);
  });
}

const float* VisionEncoder::encode(const Compute& compute) noexcept {
  const VisionConfig& c = *config_;
  const Kernels& k = compute.kernels;
  const int n = c.n_patches();
  const auto row_of = [&](float* base, int row) { return base + static_cast<std::ptrdiff_t>(row) * c.dim; };
  const auto norm = [&](const NormView& w) {
    each_row(compute, n, [&](int row) {
      k.layer_norm(row_of(h_, row), row_of(x_, row), w.weight, w.bias, c.dim, c.eps);
    });
  };

  unfold();
  for (int row = 0; row < n; ++row) matrix_row(k, weights_->position, row, row_of(x_, row));
  linear(compute, room_, n, {{weights_->patch.weight, weights_->patch.bias, x_, true}});
  for (const VisionLayer& layer : weights_->layers) {
    norm(layer.ln1);
    linear(compute, h_, n,
           {{layer.q.weight, layer.q.bias, q_},
            {layer.k.weight, layer.k.bias, k_},
            {layer.v.weight, layer.v.bias, v_}});
    attend(compute, layer.q.weight.type == DType::f32);
    linear(compute, h_, n, {{layer.o.weight, layer.o.bias, x_, true}});
    norm(layer.ln2);
    linear(compute, h_, n, {{layer.up.weight, layer.up.bias, room_}});
    each_row(compute, n, [&](int row) {
      activate(k, c.activation, room_ + static_cast<std::ptrdiff_t>(row) * c.n_ff, c.n_ff);
    });
    linear(compute, room_, n, {{layer.down.weight, layer.down.bias, x_, true}});
  }
  norm(weights_->post_ln);
  return h_;
}

}  // namespace shrike
