#include "apps/shrike/bench_work.hpp"

#include <algorithm>
#include <array>

namespace shrike::cli {
namespace {

double macs(const MatrixView& w) { return static_cast<double>(w.n_rows) * w.n_cols; }
double bytes(const MatrixView& w) { return static_cast<double>(w.row_bytes) * w.n_rows; }

// What a row of a layer is multiplied with; of what it does not have there is nothing.
std::array<const MatrixView*, 9> matrices(const TextLayer& w) {
  return {&w.q.weight, &w.k.weight, &w.v.weight, &w.o, &w.conv_in, &w.conv_out, &w.gate, &w.up, &w.down};
}

void count(Work& work, double n_macs, const MatrixView& like) {
  (dtype_info(like.type).weights > 1 ? work.int8_ops : work.f32_ops) += 2 * n_macs;
}

struct Slowest {
  double seconds = 0;
  const char* name = "int8";
};
Slowest slowest(const Work& work, const Machine& machine) noexcept {
  const Slowest parts[] = {{work.int8_ops / machine.int8_per_s, "int8"},
                           {work.f32_ops / machine.flop_per_s, "f32"},
                           {work.bytes / machine.bytes_per_s, "memory"}};
  return *std::max_element(std::begin(parts), std::end(parts),
                           [](const Slowest& a, const Slowest& b) { return a.seconds < b.seconds; });
}

}  // namespace

double Work::seconds(const Machine& machine) const noexcept { return slowest(*this, machine).seconds; }
const char* Work::bound(const Machine& machine) const noexcept { return slowest(*this, machine).name; }

Work encode_work(const VisionConfig& c, const VisionWeights& weights) {
  const double rows = c.n_rows(), tokens = c.n_image_tokens();
  const VisionLayer& layer = weights.layers.front();
  double n = (macs(weights.patch.weight) + macs(weights.second_frame)) * c.n_patches();
  for (const AffineView* w : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
    n += macs(w->weight) * rows * c.n_layers;
  for (int l = 0; l < c.n_layers; ++l)  // scores and values
    n += 2 * rows * (c.sees_windows(l) ? std::min(rows, static_cast<double>(c.window) * c.window) : rows) *
         c.dim;
  const auto project = [&](const Projection& w) {
    n += (macs(w.first.weight) + macs(w.second.weight)) * tokens;
  };
  project(weights.projector);
  for (const Projection& w : weights.deepstack) project(w);
  Work work;
  count(work, n, layer.up.weight);
  return work;
}

Work prefill_work(const TextConfig& c, const TextWeights& weights, int n) {
  const TextLayer& last = weights.layers.back();
  const bool last_attends = c.kv_layer(c.n_layers - 1) >= 0;
  Work work;
  double each = 0;  // of a row
  for (const TextLayer& layer : weights.layers)
    for (const MatrixView* w : matrices(layer)) {
      each += macs(*w);
      work.bytes += bytes(*w);
    }
  // Behind the last layer's keys, or its convolution, nothing is asked for.
  for (const MatrixView* w : {&last.gate, &last.up, &last.down}) each -= macs(*w);
  if (last_attends) each -= macs(last.q.weight) + macs(last.o);
  // A row sees itself and those before it.
  const double attention = 2.0 * c.n_heads * c.head_dim * (n + 1) / 2.0;
  const int n_attending = c.n_kv_layers() - (last_attends ? 1 : 0);
  count(work, n * (each + attention * n_attending), last.up);
  return work;
}

Work decode_work(const TextConfig& c, const TextWeights& weights, int context, std::size_t kv_row_bytes) {
  Work work;
  for (const TextLayer& layer : weights.layers)
    for (const MatrixView* w : matrices(layer)) work.bytes += bytes(*w);
  work.bytes += bytes(weights.output);
  work.bytes += 2.0 * context * c.n_kv_layers() * c.n_kv_heads * static_cast<double>(kv_row_bytes);
  return work;
}

}  // namespace shrike::cli
