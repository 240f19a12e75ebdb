#include "core/model/projector.hpp"

#include <algorithm>
#include <cstring>

namespace shrike {
namespace {

int n_hidden_of(const VisionWeights& w) noexcept {
  int n = w.projector.second.weight ? w.projector.first.weight.n_rows : 0;
  for (const Projection& p : w.deepstack) n = std::max(n, p.first.weight.n_rows);
  return n;
}

}  // namespace

void Projector::lay_out(Arena& arena, int n_patches_max) noexcept {
  const VisionConfig& c = *config_;
  const int n_tokens = n_patches_max / (c.shuffle * c.shuffle);
  const auto floats = [&](int cols) {
    return arena.take<float>("vision", static_cast<std::size_t>(n_tokens) * static_cast<std::size_t>(cols));
  };
  if (const int n = n_hidden_of(*weights_); n > 0) hidden_ = floats(n);
  if (!c.deepstack.empty()) dense_ = floats(c.projection_dim);
}

int Projector::n_in_max() const noexcept { return std::max(n_joined(), n_hidden_of(*weights_)); }

void Projector::see(const Compute& compute, VisionEncoder& encoder, PatchGrid grid, float* out) noexcept {
  const VisionConfig& c = *config_;
  encoder.begin(compute, grid);
  joined_ = encoder.room();
  std::size_t tapped = 0;
  for (int layer = 0; layer < c.n_layers; ++layer) {
    encoder.layer(compute, layer);
    if (tapped == c.deepstack.size() || c.deepstack[tapped] != layer) continue;
    const Projection& w = weights_->deepstack[tapped++];
    project(compute, encoder, w, out + static_cast<std::ptrdiff_t>(tapped) * c.projection_dim);
  }
  encoder.finish(compute);
  project(compute, encoder, weights_->projector, out);
}

void Projector::join(const Compute& compute, const VisionEncoder& encoder) noexcept {
  const VisionConfig& c = *config_;
  const PatchGrid grid = encoder.grid();
  const int s = c.shuffle, columns = grid.columns / s;
  each_row(compute, grid.rows / s * columns, [&](int token) {
    float* to = joined_ + static_cast<std::ptrdiff_t>(token) * n_joined();
    if (c.join == Join::mean) std::fill_n(to, c.dim, 0.0f);
    for (int dy = 0; dy < s; ++dy)
      for (int dx = 0; dx < s; ++dx) {
        const int row = encoder.row_of(token / columns * s + dy, token % columns * s + dx);
        const float* from = encoder.rows() + static_cast<std::ptrdiff_t>(row) * c.dim;
        if (c.join == Join::mean) {
          for (int i = 0; i < c.dim; ++i) to[i] += from[i] / static_cast<float>(s * s);
        } else {
          to = std::copy_n(from, c.dim, to);
        }
      }
  });
}

void Projector::norm(const Compute& compute, const NormView& w, int n_rows) noexcept {
  const VisionConfig::Projection& p = config_->projection;
  const float eps = p.norm != nullptr ? p.eps : config_->eps;
  const int n = n_joined();
  each_row(compute, n_rows, [&](int row) {
    float* x = joined_ + static_cast<std::ptrdiff_t>(row) * n;
    if (w.bias == nullptr)
      compute.kernels.rms_norm(x, x, w.weight, n, eps);
    else
      compute.kernels.layer_norm(x, x, w.weight, w.bias, n, eps);
  });
}

void Projector::project(const Compute& compute, const VisionEncoder& encoder, const Projection& w,
                        float* out) noexcept {
  const VisionConfig& c = *config_;
  const int n = encoder.grid().n() / (c.shuffle * c.shuffle);
  float* to = dense_ != nullptr ? dense_ : out;
  join(compute, encoder);
  if (w.norm.weight != nullptr) norm(compute, w.norm, n);
  if (c.projection.turned) {
    turned(compute, w.first.weight, n, to);
  } else if (!w.second.weight) {
    linear(compute, joined_, n, {{w.first.weight, w.first.bias, to}});
  } else {
    const int n_hidden = w.first.weight.n_rows;
    linear(compute, joined_, n, {{w.first.weight, w.first.bias, hidden_}});
    each_row(compute, n, [&](int row) {
      compute.kernels.gelu(hidden_ + static_cast<std::ptrdiff_t>(row) * n_hidden, n_hidden);
    });
    linear(compute, hidden_, n, {{w.second.weight, w.second.bias, to}});
  }
  for (int row = 0; row < n && dense_ != nullptr; ++row)
    std::copy_n(dense_ + static_cast<std::ptrdiff_t>(row) * c.projection_dim, c.projection_dim,
                out + static_cast<std::ptrdiff_t>(row) * c.row_numbers());
}

// out = sum over the file's rows of x times that row: a mix, as of values by weights.
void Projector::turned(const Compute& compute, const MatrixView& w, int n_rows, float* out) noexcept {
  constexpr int kColumns = 64;
  const int n_out = w.n_cols;
  std::fill_n(out, static_cast<std::ptrdiff_t>(n_rows) * n_out, 0.0f);
  compute.threads.parallel_for((n_out + kColumns - 1) / kColumns, [&](int cut, int) {
    const int at = cut * kColumns, n = std::min(kColumns, n_out - at);
    if (w.type == DType::f32)
      compute.kernels.attn_mix_f32(out + at, n_out, joined_, w.n_rows, n_rows,
                                   reinterpret_cast<const float*>(w.data) + at, n_out, w.n_rows, n);
    else
      compute.kernels.attn_mix_f16(out + at, n_out, joined_, w.n_rows, n_rows,
                                   reinterpret_cast<const f16*>(w.data) + at, n_out, w.n_rows, n);
  });
}

}  // namespace shrike
