#include "apps/shrike/bench_work.hpp"

#include <algorithm>

namespace shrike::cli {
namespace {

double macs(const MatrixView& w) { return static_cast<double>(w.n_rows) * w.n_cols; }
double bytes(const MatrixView& w) { return static_cast<double>(w.row_bytes) * w.n_rows; }

Work operations(double n_macs, const MatrixView& like) {
  Work work;
  (dtype_info(like.type).weights > 1 ? work.int8_ops : work.f32_ops) = 2 * n_macs;
  return work;
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
  const double rows = c.n_patches();
  const VisionLayer& layer = weights.layers.front();
  double each = 0;
  for (const AffineView* w : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
    each += macs(w->weight) * rows;
  each += 2 * rows * rows * c.dim;  // scores and values
  return operations(macs(weights.patch.weight) * rows + each * c.n_layers +
                        macs(weights.projector.first.weight) * c.n_image_tokens() +
                        macs(weights.projector.second.weight) * c.n_image_tokens(),
                    layer.up.weight);
}

Work prefill_work(const TextConfig& c, const TextWeights& weights, int n) {
  const TextLayer& layer = weights.layers.front();
  const double keys = macs(layer.k.weight) + macs(layer.v.weight);
  double each = keys;
  for (const MatrixView* w : {&layer.q.weight, &layer.o, &layer.gate, &layer.up, &layer.down})
    each += macs(*w);
  // A row sees itself and those before it.
  const double attention = 2.0 * c.n_heads * c.head_dim * (n + 1) / 2.0;
  Work work = operations(n * ((each + attention) * (c.n_layers - 1) + keys), layer.up);
  for (const TextLayer& w : weights.layers)
    for (const MatrixView* m : {&w.q.weight, &w.k.weight, &w.v.weight, &w.o, &w.gate, &w.up, &w.down})
      work.bytes += bytes(*m);
  return work;
}

Work decode_work(const TextConfig& c, const TextWeights& weights, int context, std::size_t kv_row_bytes) {
  Work work;
  for (const TextLayer& w : weights.layers)
    for (const MatrixView* m : {&w.q.weight, &w.k.weight, &w.v.weight, &w.o, &w.gate, &w.up, &w.down})
      work.bytes += bytes(*m);
  work.bytes += bytes(weights.output);
  work.bytes += 2.0 * context * c.n_layers * c.n_kv_heads * static_cast<double>(kv_row_bytes);
  return work;
}

}  // namespace shrike::cli
