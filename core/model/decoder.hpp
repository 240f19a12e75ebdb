#pragma once

#include <span>

#include "core/arena.hpp"
#include "core/kv/attention.hpp"
#include "core/kv/memory.hpp"
#include "core/model/config.hpp"
#include "core/model/linear.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// The Llama decoder over the KV memory: a chunk of rows in, keys and values remembered, logits of any row on
// request.
//
//   x += Wo attention(rms(x));   x += Wdown(silu(Wgate h) * Wup h),   h = rms(x)
//
// Shapes   rows() [n_chunk_max][dim]; logits [n_vocab]
// Memory   section "chunk": the activations of one chunk; section "logits"; section "attention": see
//          kv::Attention
// Source   Llama 2 arXiv 2307.09288; grouped queries arXiv 2305.13245
class Decoder {
 public:
  Decoder() = default;
  Decoder(const TextConfig& config, const TextWeights& weights) : config_(&config), weights_(&weights) {}

  // needs: what attention must be able to collect.
  void lay_out(Arena& arena, const Compute& compute, const kv::Memory::Shape& shape, int n_chunk_max,
               kv::Needs needs) noexcept;

  float* row(int r) noexcept {
    return x_ + static_cast<std::ptrdiff_t>(r) * config_->dim;
  }  // write embeddings here
  int n_chunk_max() const noexcept { return n_chunk_max_; }

  // Appends tokens.size() rows to the memory and runs them through all layers. The caller has made room.
  // want_rows: logits() may follow; without it the last layer stops when its keys and values are stored.
  // look: null, or the memory absorbs what each layer shows. evidence: empty, one for all layers in turn, or one
  // each.
  void prefill(const Compute& compute, kv::Memory& memory, std::span<const kv::TokenFacts> tokens,
               bool want_rows, std::span<kv::Evidence> evidence, const kv::Look* look) noexcept;
  // Of row r of the last prefill; valid until the next call.
  const float* logits(const Compute& compute, int r) noexcept;

 private:
  void attend(const Compute& compute, kv::Memory& memory, int layer, int n_rows, kv::Evidence* evidence,
              const kv::Look& look, bool keys_only) noexcept;
  void feed_forward(const Compute& compute, const TextLayer& w, int n_rows) noexcept;
  void norm(const Compute& compute, const float* weight, int n_rows) noexcept;

  const TextConfig* config_ = nullptr;
  const TextWeights* weights_ = nullptr;
  kv::Attention attention_;
  int n_chunk_max_ = 0;
  float* x_ = nullptr;  // [n_chunk_max][dim], the residual stream
  float* h_ = nullptr;  // [n_chunk_max][dim], normed
  float* q_ = nullptr;  // [n_chunk_max][n_heads * head_dim]
  float* k_ = nullptr;  // [n_chunk_max][n_kv_heads * head_dim]
  float* v_ = nullptr;
  float* mixed_ = nullptr;  // [n_chunk_max][n_heads * head_dim]
  float* gate_ = nullptr;   // [n_chunk_max][n_ff]
  float* up_ = nullptr;
  kv::Modality* row_class_ = nullptr;  // [n_chunk_max]
  float* logits_ = nullptr;            // [n_vocab]
};

}  // namespace shrike
