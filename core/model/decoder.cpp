#include "core/model/decoder.hpp"

#include <algorithm>

#include "platform/check.hpp"

namespace shrike {

void Decoder::lay_out(Arena& arena, const Compute& compute, const kv::Memory::Shape& shape, int n_chunk_max,
                      kv::Needs needs) noexcept {
  const TextConfig& c = *config_;
  n_chunk_max_ = n_chunk_max;
  const auto floats = [&](int cols) {
    return arena.take<float>("chunk", static_cast<std::size_t>(n_chunk_max) * static_cast<std::size_t>(cols));
  };
  x_ = floats(c.dim);
  h_ = floats(c.dim);
  // Attention is over when the feed-forward begins, so they share their room.
  const int q_cols = c.n_heads * c.head_dim, kv_cols = c.n_kv_heads * c.head_dim;
  gate_ = floats(std::max(c.n_ff, 2 * (q_cols + kv_cols)));
  const auto behind = [&](float* before, int cols) {
    return before != nullptr ? before + static_cast<std::ptrdiff_t>(n_chunk_max) * cols : nullptr;
  };
  q_ = gate_;
  mixed_ = behind(q_, q_cols);
  k_ = behind(mixed_, q_cols);
  v_ = behind(k_, kv_cols);
  up_ = floats(c.n_ff);
  row_class_ = arena.take<kv::Modality>("chunk", static_cast<std::size_t>(n_chunk_max));
  logits_ = arena.take<float>("logits", static_cast<std::size_t>(c.n_vocab));
  attention_.lay_out(arena, compute.kernels, shape, c.group(), n_chunk_max, compute.threads.count(), needs);
}

void Decoder::prefill(const Compute& compute, kv::Memory& memory, std::span<const kv::TokenFacts> tokens,
                      bool want_rows, std::span<kv::Evidence> evidence, const kv::Look* look) noexcept {
  const int n_rows = static_cast<int>(tokens.size());
  SHRIKE_CHECK(n_rows > 0 && n_rows <= n_chunk_max_, n_rows, n_chunk_max_);
  for (int row = 0; row < n_rows; ++row) row_class_[row] = tokens[static_cast<std::size_t>(row)].modality;
  memory.append(tokens);
  for (int layer = 0; layer < config_->n_layers; ++layer) {
    const TextLayer& w = weights_->layers[static_cast<std::size_t>(layer)];
    kv::Evidence* shown = nullptr;
    if (!evidence.empty()) shown = &evidence[evidence.size() == 1 ? 0 : static_cast<std::size_t>(layer)];
    const bool last = layer + 1 == config_->n_layers && !want_rows;
    norm(compute, w.attn_norm, n_rows);
    attend(compute, memory, layer, n_rows, shown, look != nullptr ? *look : kv::Look{},
           last && shown == nullptr);
    if (shown != nullptr && look != nullptr) memory.absorb(layer, *shown, n_rows, *look);
    if (last) break;
    norm(compute, w.ffn_norm, n_rows);
    feed_forward(compute, w, n_rows);
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
  if (keys_only)
    linear(compute, h_, n_rows, {{w.k, nullptr, k_}, {w.v, nullptr, v_}});
  else
    linear(compute, h_, n_rows, {{w.q, nullptr, q_}, {w.k, nullptr, k_}, {w.v, nullptr, v_}});
  each_row(compute, n_rows, [&](int r) {
    for (int kv_head = 0; kv_head < c.n_kv_heads; ++kv_head) {
      const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(r) * c.n_kv_heads + kv_head) * c.head_dim;
      memory.store(compute.kernels, layer, kv_head, r, k_ + at, v_ + at);
    }
  });
  if (keys_only) return;
  attention_.attend(compute.kernels, compute.threads, memory, layer, q_, mixed_, n_rows, row_class_, evidence,
                    look);
  linear(compute, mixed_, n_rows, {{w.o, nullptr, x_, true}});
}

void Decoder::feed_forward(const Compute& compute, const TextLayer& w, int n_rows) noexcept {
  const int n_ff = config_->n_ff;
  linear(compute, h_, n_rows, {{w.gate, nullptr, gate_}, {w.up, nullptr, up_}});
  each_row(compute, n_rows, [&](int r) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * n_ff;
    compute.kernels.silu_mul(gate_ + at, up_ + at, n_ff);
  });
  linear(compute, gate_, n_rows, {{w.down, nullptr, x_, true}});
}

const float* Decoder::logits(const Compute& compute, int r) noexcept {
  compute.kernels.rms_norm(h_, row(r), weights_->output_norm, config_->dim, config_->rms_eps);
  linear(compute, h_, 1, {{weights_->output, nullptr, logits_}});
  return logits_;
}

}  // namespace shrike
