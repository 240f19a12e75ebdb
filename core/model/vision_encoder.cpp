#include "core/model/vision_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shrike {
namespace {

constexpr int kPanelRows = 16;  // queries that go over a head's keys together: 16 x 1024 scores stay in L2

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
  patches_ = floats(c.n_patches(), c.patch_numbers());
  x_ = floats(c.n_patches(), c.dim);
  h_ = floats(c.n_patches(), c.dim);
  q_ = floats(c.n_patches(), c.dim);
  k_ = floats(c.n_patches(), c.dim);
  v_ = floats(c.n_patches(), c.dim);
  ff_ = floats(c.n_patches(), c.n_ff);
  scores_ = floats(compute.threads.count() * kPanelRows, c.n_patches());
}

// The convolution's stride is its width, so it is a product: each patch becomes three planes of patch x
// patch.
void VisionEncoder::unfold() noexcept {
  const VisionConfig& c = *config_;
  const int side = c.image_size;
  const int p = c.patch_size;
  float* out = patches_;
  for (int py = 0; py < c.grid(); ++py)
    for (int px = 0; px < c.grid(); ++px)
      for (int channel = 0; channel < 3; ++channel)
        for (int y = 0; y < p; ++y, out += p)
          std::memcpy(out,
                      planes_ + (static_cast<std::ptrdiff_t>(channel) * side + py * p + y) * side + px * p,
                      static_cast<std::size_t>(p) * sizeof(float));
}

// softmax(q k^T / sqrt(head_dim)) v, no mask; one task per head and panel of queries. Writes h_.
void VisionEncoder::attend(const Compute& compute) noexcept {
  const VisionConfig& c = *config_;
  const Kernels& kernels = compute.kernels;
  const int n = c.n_patches();
  const int head_dim = c.head_dim();
  const int n_panels = div_ceil(n, kPanelRows);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  compute.threads.parallel_for(c.n_heads * n_panels, [&](int task, int thread) {
    const int column = task / n_panels * head_dim;
    const int first = task % n_panels * kPanelRows;
    const int rows = std::min(kPanelRows, n - first);
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * c.dim + column;
    float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n;
    kernels.attn_scores_f32(scores, n, q_ + at, c.dim, rows, k_ + column, c.dim, n, head_dim, scale);
    for (int row = 0; row < rows; ++row) {
      kernels.softmax(scores + static_cast<std::ptrdiff_t>(row) * n, n);
      std::memset(h_ + at + static_cast<std::ptrdiff_t>(row) * c.dim, 0,
                  static_cast<std::size_t>(head_dim) * sizeof(float));
    }
    kernels.attn_mix_f32(h_ + at, c.dim, scores, n, rows, v_ + column, c.dim, n, head_dim);
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
  linear(compute, patches_, n, {{weights_->patch.weight, weights_->patch.bias, x_, true}});
  for (const VisionLayer& layer : weights_->layers) {
    norm(layer.ln1);
    linear(compute, h_, n,
           {{layer.q.weight, layer.q.bias, q_},
            {layer.k.weight, layer.k.bias, k_},
            {layer.v.weight, layer.v.bias, v_}});
    attend(compute);
    linear(compute, h_, n, {{layer.o.weight, layer.o.bias, x_, true}});
    norm(layer.ln2);
    linear(compute, h_, n, {{layer.up.weight, layer.up.bias, ff_}});
    each_row(compute, n, [&](int row) {
      activate(k, c.activation, ff_ + static_cast<std::ptrdiff_t>(row) * c.n_ff, c.n_ff);
    });
    linear(compute, ff_, n, {{layer.down.weight, layer.down.bias, x_, true}});
  }
  norm(weights_->post_ln);
  return h_;
}

}  // namespace shrike
