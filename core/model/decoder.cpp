#include "core/model/decoder.hpp"

#include <algorithm>

#include "core/limits.hpp"
#include "platform/check.hpp"

namespace shrike {

void Decoder::lay_out(Arena& arena, const Compute& compute, const kv::Memory::Shape& shape, int n_chunk_max,
                      int n_shown_max, kv::Needs needs) noexcept {
  const TextConfig& c = *config_;
  n_chunk_max_ = n_chunk_max;
  const auto floats = [&](int cols) {
    return arena.take<float>("chunk", static_cast<std::size_t>(n_chunk_max) * static_cast<std::size_t>(cols));
  };
  x_ = floats(c.dim);
  h_ = floats(c.dim);
  // Attention is over when the feed-forward begins, so they share their room.
  const int q_cols = c.n_heads * c.head_dim, kv_cols = c.n_kv_heads * c.head_dim;
  const int conv_cols = c.conv_length > 0 ? 4 * c.dim : 0;
  // Numbers of half of the rows lie between the products of the feed-forward, where they lie there in floats.
  const int cols_max = std::max({c.n_ff, 2 * (q_cols + kv_cols), conv_cols});
  const std::size_t n_room =
      std::max(static_cast<std::size_t>(n_chunk_max) * static_cast<std::size_t>(cols_max),
               feed_forward_room(compute.kernels, n_chunk_max, c.n_ff));
  room_ = {arena.take<float>("chunk", n_room), n_room};
  const auto behind = [&](float* before, int cols) {
    return before != nullptr ? before + static_cast<std::ptrdiff_t>(n_chunk_max) * cols : nullptr;
  };
  q_ = room_.data();
  mixed_ = behind(q_, q_cols);
  k_ = behind(mixed_, q_cols);
  v_ = behind(k_, kv_cols);
  if (c.n_deepstack > 0) deepstack_ = floats(c.n_deepstack * c.dim);
  if (c.conv_length > 0) lay_out_convolutions(arena, compute);
  row_class_ = arena.take<kv::Modality>("chunk", static_cast<std::size_t>(n_chunk_max));
  if (c.both_ways) pictures_ = arena.take<kv::RowRange>("chunk", static_cast<std::size_t>(n_chunk_max));
  logits_ = arena.take<float>("logits", static_cast<std::size_t>(c.n_vocab));
  const bool in_bytes =
      std::all_of(weights_->layers.begin(), weights_->layers.end(), [](const TextLayer& layer) {
        return !layer.o || (is_quantised(layer.q.weight.type) && is_quantised(layer.k.weight.type) &&
                            is_quantised(layer.v.weight.type) && is_quantised(layer.o.type));
      });
  attention_.lay_out(arena, compute.kernels, shape, c.group(), n_shown_max, compute.threads.count(), needs,
                     in_bytes);
}

std::array<Compute::Size, 2> Decoder::products() const noexcept {
  const TextConfig& c = *config_;
  return {{{n_chunk_max_, std::max(c.dim, c.n_heads * c.head_dim)}, {div_ceil(n_chunk_max_, 2), c.n_ff}}};
}

void Decoder::prefill(const Compute& compute, kv::Memory& memory, std::span<const kv::TokenFacts> tokens,
                      bool want_rows, std::span<kv::Evidence> evidence, const kv::Look* look) noexcept {
  const int n_rows = static_cast<int>(tokens.size());
  SHRIKE_CHECK(n_rows > 0 && n_rows <= n_chunk_max_, n_rows, n_chunk_max_);
  note_rows(tokens);
  memory.append(tokens);
  for (int layer = 0; layer < config_->n_layers; ++layer) {
    const TextLayer& w = weights_->layers[static_cast<std::size_t>(layer)];
    const int kv_layer = config_->kv_layer(layer);
    const bool last = layer + 1 == config_->n_layers && !want_rows;
    norm(compute, w.attn_norm, n_rows);
    if (kv_layer < 0) {
      convolve(compute, layer, n_rows);
    } else {
      kv::Evidence* shown = nullptr;
      if (!evidence.empty()) shown = &evidence[evidence.size() == 1 ? 0 : static_cast<std::size_t>(kv_layer)];
      attend(compute, memory, layer, n_rows, shown, look != nullptr ? *look : kv::Look{},
             last && shown == nullptr);
      if (shown != nullptr && look != nullptr) memory.absorb(kv_layer, *shown, n_rows, *look);
    }
    if (last) break;
    norm(compute, w.ffn_norm, n_rows);
    feed_forward(compute, w, n_rows);
    if (layer < config_->n_deepstack) add_deepstack(compute, layer, n_rows);
  }
}

void Decoder::note_rows(std::span<const kv::TokenFacts> tokens) noexcept {
  const int n_rows = static_cast<int>(tokens.size());
  const auto token = [&](int row) -> const kv::TokenFacts& { return tokens[static_cast<std::size_t>(row)]; };
  for (int row = 0; row < n_rows; ++row) row_class_[row] = token(row).modality;
  if (pictures_ == nullptr) return;
  for (int first = 0, end; first < n_rows; first = end) {
    end = first + 1;
    if (row_class_[first] == kv::Modality::image)
      while (end < n_rows && row_class_[end] == kv::Modality::image && !kv::begins_picture(token(end))) ++end;
    std::fill(pictures_ + first, pictures_ + end, kv::RowRange{first, end});
  }
}

void Decoder::norm(const Compute& compute, const float* weight, int n_rows) noexcept {
  const int dim = config_->dim;
  each_row(compute, n_rows, [&](int r) {
    compute.kernels.rms_norm(h_ + static_cast<std::ptrdiff_t>(r) * dim, row(r), weight, dim,
                             config_->rms_eps);
  });
}

void Decoder::attend(const Compute& compute, kv::Memory& memory, int layer, int n_rows,
                     kv::Evidence* evidence, const kv::Look& look, bool keys_only) noexcept {
  const TextConfig& c = *config_;
  const TextLayer& w = weights_->layers[static_cast<std::size_t>(layer)];
  const int kv_layer = c.kv_layer(layer);
  const Product q{w.q.weight, w.q.bias, q_}, k{w.k.weight, w.k.bias, k_}, v{w.v.weight, w.v.bias, v_};
  keys_only ? linear(compute, h_, n_rows, {k, v}) : linear(compute, h_, n_rows, {q, k, v});
  if (c.head_norms) {
    norm_heads(compute, k_, w.k_norm, n_rows, c.n_kv_heads);
    if (!keys_only) norm_heads(compute, q_, w.q_norm, n_rows, c.n_heads);
  }
  each_row(compute, n_rows, [&](int r) {
    for (int kv_head = 0; kv_head < c.n_kv_heads; ++kv_head) {
      const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(r) * c.n_kv_heads + kv_head) * c.head_dim;
      memory.store(compute.kernels, kv_layer, kv_head, r, k_ + at, v_ + at);
    }
  });
  if (keys_only) return;
  attention_.attend(compute.kernels, compute.threads, memory, kv_layer, q_, mixed_, n_rows, row_class_,
                    evidence, look, pictures_);
  linear(compute, mixed_, n_rows, {into_stream(w.o, w.attn_out_norm)});
  add_branch(compute, w.attn_out_norm, n_rows);
}

// What a branch adds: to the stream at once, or to be normed first, where the branch's input was.
Product Decoder::into_stream(const MatrixView& w, const float* out_norm) const noexcept {
  return {w, nullptr, out_norm != nullptr ? h_ : x_, out_norm == nullptr};
}
void Decoder::add_branch(const Compute& compute, const float* out_norm, int n_rows) noexcept {
  if (out_norm == nullptr) return;
  const int dim = config_->dim;
  each_row(compute, n_rows, [&](int r) {
    float* h = h_ + static_cast<std::ptrdiff_t>(r) * dim;
    compute.kernels.rms_norm(h, h, out_norm, dim, config_->rms_eps);
    compute.kernels.add(row(r), h, dim);
  });
}

// The taps of all convolutions, number by number instead of tap by tap, as one loop wants them.
void Decoder::lay_out_convolutions(Arena& arena, const Compute& compute) noexcept {
  const TextConfig& c = *config_;
  const std::size_t dim = static_cast<std::size_t>(c.dim), n = static_cast<std::size_t>(c.n_conv_layers());
  const std::size_t before = n * static_cast<std::size_t>(c.conv_length - 1) * dim;
  taps_ = arena.take<float>("convolutions", n * static_cast<std::size_t>(c.conv_length) * dim);
  before_ = arena.take<float>("convolutions", before);
  marked_ = arena.take<float>("convolutions", before);
  if (arena.measures()) return;
  float* taps = taps_;
  for (int layer = 0; layer < c.n_layers; ++layer) {
    if (c.kv_layer(layer) >= 0) continue;
    float row[limits::kConvMax];
    for (int i = 0; i < c.dim; ++i) {
      matrix_row(compute.kernels, weights_->layers[static_cast<std::size_t>(layer)].conv, i, row);
      for (int k = 0; k < c.conv_length; ++k) taps[static_cast<std::ptrdiff_t>(k) * c.dim + i] = row[k];
    }
    taps += static_cast<std::ptrdiff_t>(c.conv_length) * c.dim;
  }
}

void Decoder::convolve(const Compute& compute, int layer, int n_rows) noexcept {
  const TextConfig& c = *config_;
  const TextLayer& w = weights_->layers[static_cast<std::size_t>(layer)];
  const int dim = c.dim, n_before = c.conv_length - 1;
  int nth = 0;  // of the convolutions
  for (int l = 0; l < layer; ++l) nth += c.kv_layer(l) < 0 ? 1 : 0;
  const float* taps = taps_ + static_cast<std::ptrdiff_t>(nth) * c.conv_length * dim;
  float* before = before_ + static_cast<std::ptrdiff_t>(nth) * n_before * dim;
  float* bcx = room_.data();  // [n_rows][3][dim]
  float* mixed = bcx + static_cast<std::ptrdiff_t>(n_chunk_max_) * 3 * dim;
  const auto part = [&](int r, int which) {
    return bcx + (static_cast<std::ptrdiff_t>(r) * 3 + which) * dim;
  };
  linear(compute, h_, n_rows, {{w.conv_in, nullptr, bcx}});
  each_row(compute, n_rows, [&](int r) {
    for (int i = 0; i < dim; ++i) part(r, 0)[i] *= part(r, 2)[i];
  });
  const auto row_at = [&](int r) {
    return r >= 0 ? part(r, 0) : before + static_cast<std::ptrdiff_t>(n_before + r) * dim;
  };
  each_row(compute, n_rows, [&](int r) {
    float* out = mixed + static_cast<std::ptrdiff_t>(r) * dim;
    std::fill_n(out, dim, 0.0f);
    for (int k = 0; k <= n_before; ++k) {
      const float* from = row_at(r - n_before + k);
      const float* tap = taps + static_cast<std::ptrdiff_t>(k) * dim;
      for (int i = 0; i < dim; ++i) out[i] += tap[i] * from[i];
    }
    for (int i = 0; i < dim; ++i) out[i] *= part(r, 1)[i];
  });
  for (int k = 0; k < n_before; ++k)  // ascending: what is read lies behind what is written
    std::copy_n(row_at(n_rows - n_before + k), dim, before + static_cast<std::ptrdiff_t>(k) * dim);
  linear(compute, mixed, n_rows, {{w.conv_out, nullptr, x_, true}});
}

std::size_t Decoder::n_before() const noexcept {
  const TextConfig& c = *config_;
  return before_ != nullptr
             ? static_cast<std::size_t>(c.n_conv_layers()) * static_cast<std::size_t>(c.conv_length - 1) *
                   static_cast<std::size_t>(c.dim)
             : 0;
}
void Decoder::mark() noexcept { std::copy_n(before_, n_before(), marked_); }
void Decoder::roll_back() noexcept { std::copy_n(marked_, n_before(), before_); }
void Decoder::reset() noexcept { std::fill_n(before_, n_before(), 0.0f); }

void Decoder::norm_heads(const Compute& compute, float* x, const float* weight, int n_rows,
                         int n_heads) noexcept {
  const int head_dim = config_->head_dim;
  each_row(compute, n_rows, [&](int r) {
    float* head = x + static_cast<std::ptrdiff_t>(r) * n_heads * head_dim;
    for (int i = 0; i < n_heads; ++i, head += head_dim)
      compute.kernels.rms_norm(head, head, weight, head_dim, config_->rms_eps);
  });
}

void Decoder::add_deepstack(const Compute& compute, int layer, int n_rows) noexcept {
  each_row(compute, n_rows, [&](int r) {
    if (row_class_[r] == kv::Modality::image)
      compute.kernels.add(row(r), deepstack_row(layer, r), config_->dim);
  });
}

void Decoder::feed_forward(const Compute& compute, const TextLayer& w, int n_rows) noexcept {
  const FeedForward f{{w.gate}, {w.up}, config_->activation, into_stream(w.down, w.ffn_out_norm)};
  shrike::feed_forward(compute, h_, n_rows, f, room_);
  add_branch(compute, w.ffn_out_norm, n_rows);
}

const float* Decoder::logits(const Compute& compute, int r) noexcept {
  compute.kernels.rms_norm(h_, row(r), weights_->output_norm, config_->dim, config_->rms_eps);
  linear(compute, h_, 1, {{weights_->output, nullptr, logits_}});
  return logits_;
}

}  // namespace shrike
