#include "core/model/vision_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/limits.hpp"
#include "platform/check.hpp"

namespace shrike {
namespace {

constexpr int kPanelRows = 24;  // queries that go over a head's keys together: 24 x 1024 scores stay in L2
constexpr int kTurns = 4;       // that attention takes: less memory, and still wide products
constexpr int kPackedTogether = 128;  // keys of one task; a multiple of every panel's depth
constexpr int kFfTurns = 4;  // that the feed-forward takes at most where numbers lie between its products

}  // namespace

void VisionEncoder::lay_out(Arena& arena, const Compute& compute, const TileLimits& limits) noexcept {
  const VisionConfig& c = *config_;
  const auto floats = [&](int rows, int cols) {
    return arena.take<float>("vision", static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  };
  const int n_patches = limits.patches_max(c.patch_size);
  const int n = n_rows_max_ = n_patches + places_.first_row();
  x_ = floats(n, c.dim);
  planes_ = h_ = floats(n, std::max(c.dim, c.patch_numbers()));
  // A crew has work with a head for each of it.
  heads_at_once_ = std::min(c.n_heads, std::max(compute.threads.count(), div_ceil(c.n_heads, kTurns)));
  const int cols = heads_at_once_ * c.head_dim(), attention = c.dim + 3 * cols;
  // Patches are over when attention begins, attention when the feed-forward does: they share their room.
  const std::size_t n_room = std::max(
      {static_cast<std::size_t>(n) * static_cast<std::size_t>(std::max(c.patch_numbers(), attention)),
       static_cast<std::size_t>(div_ceil(n, kFfTurns)) * static_cast<std::size_t>(c.n_ff * (c.gated ? 2 : 1)),
       feed_forward_room(compute.kernels, n, c.n_ff)});
  room_ = {arena.take<float>("vision", n_room), n_room};
  if (c.layer_scale) branch_ = floats(n, c.dim);
  if (room_.data() != nullptr) {
    const auto behind = [&](int before) { return room_.data() + static_cast<std::ptrdiff_t>(n) * before; };
    mixed_ = room_.data();
    q_ = behind(c.dim);
    k_ = behind(c.dim + cols);
    v_ = behind(c.dim + 2 * cols);
  }
  scores_ = floats(compute.threads.count() * kPanelRows, n);
  places_.lay_out(arena, n_patches, limits.side_max() / c.patch_size);
  in_bytes_ = compute.kernels.narrow.fast &&
              std::all_of(weights_->layers.begin(), weights_->layers.end(), [](const VisionLayer& layer) {
                return is_quantised(layer.q.weight.type) && is_quantised(layer.k.weight.type) &&
                       is_quantised(layer.v.weight.type) && is_quantised(layer.o.weight.type);
              });
  const PanelKernels& panels = panels_in(compute.kernels);
  if (!panels.fast) return;
  const PanelForm& form = panels.form;
  const int head_dim = c.head_dim();
  const auto bytes = [&](std::size_t n_bytes) { return arena.take_bytes("vision", n_bytes); };
  key_bytes_ = static_cast<std::size_t>(div_ceil(n, form.outs)) * form.strip_bytes(head_dim);
  value_bytes_ = static_cast<std::size_t>(div_ceil(head_dim, form.outs)) * form.strip_bytes(n);
  row_bytes_ = kPanelRows * std::max(form.row_bytes(n), form.row_bytes(head_dim));
  row_bytes_ = align_up(row_bytes_, Arena::kAlignment);
  keys_ = bytes(static_cast<std::size_t>(heads_at_once_) * key_bytes_);
  values_ = bytes(static_cast<std::size_t>(heads_at_once_) * value_bytes_);
  packed_ = bytes(static_cast<std::size_t>(compute.threads.count()) * row_bytes_);
}

std::array<Compute::Size, 2> VisionEncoder::products() const noexcept {
  const VisionConfig& c = *config_;
  return {{{n_rows_max_, std::max(c.dim, c.patch_numbers())}, {div_ceil(n_rows_max_, kFfTurns), c.n_ff}}};
}

// The convolution's stride is its width, so it is a product: each patch becomes three planes of patch x
// patch.
void VisionEncoder::unfold(const Compute& compute) noexcept {
  const PatchGrid grid = places_.grid();
  const int p = config_->patch_size;
  const std::ptrdiff_t width = std::ptrdiff_t{grid.columns} * p, height = std::ptrdiff_t{grid.rows} * p;
  each_row(compute, grid.n(), [&](int index) {
    const int patch = places_.patch_at(index);
    const int py = patch / grid.columns, px = patch % grid.columns;
    float* out = room_.data() + static_cast<std::ptrdiff_t>(index) * config_->patch_numbers();
    for (int channel = 0; channel < 3; ++channel)
      for (int y = 0; y < p; ++y, out += p)
        std::memcpy(out, planes_ + (channel * height + py * p + y) * width + px * p,
                    static_cast<std::size_t>(p) * sizeof(float));
  });
}

// Some keys and values of a head as panels: what one row of queries is multiplied with, and then one row of weights.
void VisionEncoder::pack_keys(const PanelKernels& panels, Heads heads, int head, int first) noexcept {
  const PanelForm& form = panels.form;
  const int head_dim = config_->head_dim(), end = std::min(first + kPackedTogether, n_rows_);
  const std::ptrdiff_t stride = std::ptrdiff_t{heads.n} * head_dim;
  for (int key = first; key < end; key += form.outs) {
    std::byte* to = keys_ + static_cast<std::size_t>(head) * key_bytes_ +
                    static_cast<std::size_t>(key / form.outs) * form.strip_bytes(head_dim);
    for (int i = 0; i < head_dim; i += form.depth) {
      const int n_here = std::min(form.depth, head_dim - i);
      panels.pack_outs(to, k_ + at_hand(heads, head, key) + i, stride, std::min(form.outs, end - key),
                       n_here);
      to += form.block_bytes(n_here);
    }
  }
  for (int i = 0; i < head_dim; i += form.outs) {
    std::byte* to = values_ + static_cast<std::size_t>(head) * value_bytes_ +
                    static_cast<std::size_t>(i / form.outs) * form.strip_bytes(n_rows_) +
                    static_cast<std::size_t>(first / form.depth) * form.block_bytes(form.depth);
    for (int key = first; key < end; key += form.depth, to += form.block_bytes(form.depth))
      panels.pack_columns(to, v_ + at_hand(heads, head, key) + i, stride, std::min(form.outs, head_dim - i),
                          std::min(form.depth, end - key));
  }
}

// softmax(q k^T / sqrt(head_dim)) v of some rows of a head.
void VisionEncoder::attend_panels(const Kernels& kernels, Heads heads, int head, int first, int rows,
                                  int thread) noexcept {
  const PanelKernels& panels = panels_in(kernels);
  const int n = n_rows_, head_dim = config_->head_dim();
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n;
  std::byte* packed = packed_ + static_cast<std::size_t>(thread) * row_bytes_;
  PanelTask task;
  task.rows = packed;
  task.n_rows = rows;
  for (int row = 0; row < rows; ++row) {
    float* q = q_ + at_hand(heads, head, first + row);
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
    std::byte* to = packed + static_cast<std::size_t>(row) * panels.form.row_bytes(n);
    if (panels.pack_softmax != nullptr) {
      panels.pack_softmax(to, weights, n, {});
      continue;
    }
    kernels.softmax(weights, n);
    panels.pack_row(to, weights, n);
  }
  task.panel = values_ + static_cast<std::size_t>(head) * value_bytes_;
  task.n_in = n;
  task.n_outs = head_dim;
  task.y = mixed_ + at_out(heads, head, first);
  task.y_stride = config_->dim;
  panels.multiply(task);
}

// The same in floats, where integers are no faster, over the keys of some rows.
void VisionEncoder::attend_floats(const Kernels& kernels, Heads heads, int head, int first, int rows,
                                  int keys_begin, int keys_end, int thread) noexcept {
  const int n = keys_end - keys_begin, head_dim = config_->head_dim(), stride = heads.n * head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  // As far apart as for all keys: windows differ in size, and threads are in different ones.
  float* scores = scores_ + static_cast<std::ptrdiff_t>(thread) * kPanelRows * n_rows_;
  kernels.attn_scores_f32(scores, n, q_ + at_hand(heads, head, first), stride, rows,
                          k_ + at_hand(heads, head, keys_begin), stride, n, head_dim, scale);
  for (int row = 0; row < rows; ++row) {
    kernels.softmax(scores + static_cast<std::ptrdiff_t>(row) * n, n);
    std::fill_n(mixed_ + at_out(heads, head, first + row), head_dim, 0.0f);
  }
  kernels.attn_mix_f32(mixed_ + at_out(heads, head, first), config_->dim, scores, n, rows,
                       v_ + at_hand(heads, head, keys_begin), stride, n, head_dim);
}

// No mask; one task per head and panel of queries.
void VisionEncoder::attend(const Compute& compute, Heads heads, bool in_floats) noexcept {
  const Kernels& kernels = compute.kernels;
  const int n = n_rows_;
  const int n_panels = div_ceil(n, kPanelRows);
  const PanelKernels& panels = panels_in(kernels);
  const bool in_panels = panels.fast && !in_floats;
  if (in_panels) {
    const int n_tasks = div_ceil(n, kPackedTogether);
    compute.threads.parallel_for(heads.n * n_tasks, [&](int task, int) {
      pack_keys(panels, heads, task / n_tasks, task % n_tasks * kPackedTogether);
    });
  }
  compute.threads.parallel_for(heads.n * n_panels, [&](int task, int thread) {
    const int head = task / n_panels, first = task % n_panels * kPanelRows;
    const int rows = std::min(kPanelRows, n - first);
    if (in_panels)
      attend_panels(kernels, heads, head, first, rows, thread);
    else
      attend_floats(kernels, heads, head, first, rows, 0, n, thread);
  });
}

// Rows see those of their window; one task per head and window.
void VisionEncoder::attend_windows(const Compute& compute, Heads heads) noexcept {
  const int n_windows = places_.n_windows();
  compute.threads.parallel_for(heads.n * n_windows, [&](int task, int thread) {
    const int begin = places_.window(task % n_windows), end = places_.window(task % n_windows + 1);
    for (int first = begin; first < end; first += kPanelRows)
      attend_floats(compute.kernels, heads, task / n_windows, first, std::min(kPanelRows, end - first), begin,
                    end, thread);
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
void VisionEncoder::turn(const Compute& compute, Heads heads) noexcept {
  const int head_dim = config_->head_dim();
  each_row(compute, n_rows_, [&](int row) {
    float cos[limits::kHeadDimMax / 2], sin[limits::kHeadDimMax / 2];
    places_.angles(places_.patch_at(row), cos, sin);
    for (float* base : {q_, k_})
      for (int head = 0; head < heads.n; ++head) {
        float* x = base + at_hand(heads, head, row);
        compute.kernels.rope_halves(x, x, cos, sin, head_dim / 2);
      }
  });
}

// x += scale * (w in + bias), the scale where there is one: the product that ends a branch, and what follows it.
Product VisionEncoder::into_stream(const AffineView& w, const float* scale) const noexcept {
  return {w.weight, w.bias, scale != nullptr ? branch_ : x_, scale == nullptr};
}
void VisionEncoder::add_branch(const Compute& compute, const float* scale) noexcept {
  if (scale == nullptr) return;
  each_row(compute, n_rows_, [&](int row) {
    float* x = row_at(x_, row);
    const float* add = row_at(branch_, row);
    for (int i = 0; i < config_->dim; ++i) x[i] += scale[i] * add[i];
  });
}

void VisionEncoder::feed_forward(const Compute& compute, const VisionLayer& w) noexcept {
  const FeedForward f{w.gate, w.up, config_->activation, into_stream(w.down, w.ls2)};
  shrike::feed_forward(compute, h_, n_rows_, f, room_);
  add_branch(compute, w.ls2);
}

void VisionEncoder::begin(const Compute& compute, PatchGrid grid) noexcept {
  const VisionConfig& c = *config_;
  const Kernels& k = compute.kernels;
  const int first = places_.first_row();
  SHRIKE_CHECK(grid.n() > 0 && grid.n() + first <= n_rows_max_, grid.n(), n_rows_max_);
  places_.set(grid);
  n_rows_ = grid.n() + first;
  unfold(compute);
  const auto place = [&](int index) {
    places_.table_row(k, places_.patch_at(index), row_at(x_, first + index));
  };
  if (c.places != PlaceTable::none && c.table_side == 0)
    each_row(compute, grid.n(), place);
  else  // rows between the table's are blended in one place
    for (int index = 0; index < grid.n() && c.places != PlaceTable::none; ++index) place(index);
  float* x = row_at(x_, first);
  linear(compute, room_.data(), grid.n(),
         {{weights_->patch.weight, weights_->patch.bias, x, c.places != PlaceTable::none}});
  if (c.two_frames) linear(compute, room_.data(), grid.n(), {{weights_->second_frame, nullptr, x, true}});
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
  for (int first = 0; first < c.n_heads; first += heads_at_once_) {
    const Heads heads{first, std::min(heads_at_once_, c.n_heads - first)};
    const auto of = [&](const AffineView& all) {
      return all.outputs(heads.first * c.head_dim(), heads.n * c.head_dim());
    };
    const AffineView q = of(w.q), k = of(w.k), v = of(w.v);
    linear(compute, h_, n_rows_, {{q.weight, q.bias, q_}, {k.weight, k.bias, k_}, {v.weight, v.bias, v_}});
    if (c.rotary) turn(compute, heads);
    if (c.sees_windows(index))
      attend_windows(compute, heads);
    else
      attend(compute, heads, w.q.weight.type == DType::f32);
  }
  linear(compute, mixed_, n_rows_, {into_stream(w.o, w.ls1)});
  add_branch(compute, w.ls1);
  norm(compute, w.ln2, h_);
  feed_forward(compute, w);
}

void VisionEncoder::finish(const Compute& compute) noexcept {
  if (!config_->post_norm) return;
  norm(compute, weights_->post_ln, h_);
  rows_ = h_;
}

}  // namespace shrike
