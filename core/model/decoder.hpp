#pragma once

#include <array>
#include <span>

#include "core/arena.hpp"
#include "core/kv/attention.hpp"
#include "core/kv/memory.hpp"
#include "core/model/config.hpp"
#include "core/model/feed_forward.hpp"
#include "core/model/linear.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// The Llama decoder over the KV memory: a chunk of rows in, keys and values remembered, logits of any row on
// request. What differs between its kin (biases, norms of heads) is the config's.
//
//   x += Wo attention(rms(x));   x += Wdown(silu(Wgate h) * Wup h),   h = rms(x)
//
// With norms of branches both sums are  x += rms(...).
//
// A layer without attention has in its place  x += Wout (C * conv(B * X)),  B, C, X = Win h,  a causal convolution over
// a few rows, number by number. What it needs of the rows before is kept here and not in the memory, so that it is to
// be marked and rolled back beside it.
//
// Shapes   rows() [n_chunk_max][dim]; logits [n_vocab]
// Memory   section "chunk": the activations of one chunk, which logits() still reads; section "convolutions": their
//          taps and the rows before a chunk; section "logits"; section "attention": see kv::Attention
// Source   Llama 2 arXiv 2307.09288; grouped queries arXiv 2305.13245
class Decoder {
 public:
  Decoder() = default;
  Decoder(const TextConfig& config, const TextWeights& weights) : config_(&config), weights_(&weights) {}

  // needs: what attention must be able to collect, of as many as n_shown_max rows.
  void lay_out(Arena& arena, const Compute& compute, const kv::Memory::Shape& shape, int n_chunk_max,
               int n_shown_max, kv::Needs needs) noexcept;

  float* row(int r) noexcept {
    return x_ + static_cast<std::ptrdiff_t>(r) * config_->dim;
  }  // write embeddings here
  // What is added to an image token's row behind layer `layer`, one of the config's n_deepstack first.
  float* deepstack_row(int layer, int r) noexcept {
    return deepstack_ + (static_cast<std::ptrdiff_t>(layer) * n_chunk_max_ + r) * config_->dim;
  }
  int n_chunk_max() const noexcept { return n_chunk_max_; }
  // The widest products, for Compute.
  std::array<Compute::Size, 2> products() const noexcept;

  // Appends tokens.size() rows to the memory and runs them through all layers. The caller has made room.
  // Where rows of a picture see each other, all of a picture's are among them.
  // want_rows: logits() may follow; without it the last layer stops when its keys and values are stored.
  // look: null, or the memory absorbs what each layer shows. evidence: empty, one for all layers in turn, or
  // one each.
  void prefill(const Compute& compute, kv::Memory& memory, std::span<const kv::TokenFacts> tokens,
               bool want_rows, std::span<kv::Evidence> evidence, const kv::Look* look) noexcept;
  // Of what is remembered beside the KV memory, together with its own.
  void mark() noexcept;
  void roll_back() noexcept;
  void reset() noexcept;
  // Of row r of the last prefill; valid until the next call.
  const float* logits(const Compute& compute, int r) noexcept;

 private:
  void attend(const Compute& compute, kv::Memory& memory, int layer, int n_rows, kv::Evidence* evidence,
              const kv::Look& look, bool keys_only) noexcept;
  void convolve(const Compute& compute, int layer, int n_rows) noexcept;
  void lay_out_convolutions(Arena& arena, const Compute& compute) noexcept;
  std::size_t n_before() const noexcept;
  void feed_forward(const Compute& compute, const TextLayer& w, int n_rows) noexcept;
  Product into_stream(const MatrixView& w, const float* out_norm) const noexcept;
  void add_branch(const Compute& compute, const float* out_norm, int n_rows) noexcept;
  void note_rows(std::span<const kv::TokenFacts> tokens) noexcept;
  void norm(const Compute& compute, const float* weight, int n_rows) noexcept;
  void norm_heads(const Compute& compute, float* x, const float* weight, int n_rows, int n_heads) noexcept;
  void add_deepstack(const Compute& compute, int layer, int n_rows) noexcept;

  const TextConfig* config_ = nullptr;
  const TextWeights* weights_ = nullptr;
  kv::Attention attention_;
  int n_chunk_max_ = 0;
  float* x_ = nullptr;     // [n_chunk_max][dim], the residual stream
  float* h_ = nullptr;     // [n_chunk_max][dim], normed
  std::span<float> room_;  // attention's, then the feed-forward's
  float* q_ = nullptr;     // [n_chunk_max][n_heads * head_dim]
  float* k_ = nullptr;     // [n_chunk_max][n_kv_heads * head_dim]
  float* v_ = nullptr;
  float* mixed_ = nullptr;             // [n_chunk_max][n_heads * head_dim]
  float* deepstack_ = nullptr;         // [n_deepstack][n_chunk_max][dim]
  float* taps_ = nullptr;              // [n_conv_layers][conv_length][dim]
  float* before_ = nullptr;            // [n_conv_layers][conv_length - 1][dim], B * X of the last rows
  float* marked_ = nullptr;            // likewise, as of mark()
  kv::Modality* row_class_ = nullptr;  // [n_chunk_max]
  kv::RowRange* pictures_ = nullptr;   // [n_chunk_max], where the rows of a picture see each other
  float* logits_ = nullptr;            // [n_vocab]
};

}  // namespace shrike
