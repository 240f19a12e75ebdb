#include "apps/shrike/bench_kernels.hpp"

#include <algorithm>

#include "platform/clock.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike::cli {
namespace {

constexpr int kQueries = 24, kKeys = 2048, kHeadDim = 64;
constexpr int kRepetitions = 15;

// The least of some repetitions, in seconds.
template <class Body>
double least_seconds(Body body) {
  double least = 1e9;
  for (int i = 0; i < kRepetitions; ++i) {
    const std::int64_t start = monotonic_ns();
    body();
    least = std::min(least, static_cast<double>(monotonic_ns() - start) * 1e-9);
  }
  return least;
}

struct Operands {
  std::vector<float> q = numbers(kQueries * kHeadDim), scores = numbers(kQueries * kKeys), out = q;
  std::vector<float> mass = std::vector<float>(kKeys), row = scores;
  std::vector<f16> keys;
  std::vector<std::uint8_t> modality = std::vector<std::uint8_t>(kKeys);

  Operands() {
    for (const float v : numbers(kKeys * kHeadDim)) keys.push_back(f32_to_f16(v));
    for (std::size_t i = 0; i < modality.size(); ++i) modality[i] = i % 9 != 0;
  }
  static std::vector<float> numbers(int n) {
    std::vector<float> out(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i)
      out[static_cast<std::size_t>(i)] = static_cast<float>(i * 37 % 255) / 127.5f - 1.0f;
    return out;
  }
};

void measure_set(const Kernels& k, const Machine& machine, Operands& o, std::vector<BenchKernel>& rows) {
  const auto add = [&](const char* name, double seconds, double limit) {
    rows.push_back({name, isa_name(k.isa), seconds * 1e6, limit / seconds});
  };
  const double products = 2.0 * kQueries * kKeys * kHeadDim / machine.flop_per_s;
  const double scores_bytes = 4.0 * kQueries * kKeys / machine.bytes_per_s;
  add("attention scores", least_seconds([&] {
        k.attn_scores_f16(o.scores.data(), kKeys, o.q.data(), kHeadDim, kQueries, o.keys.data(), kHeadDim,
                          kKeys, kHeadDim, 0.125f);
      }),
      products);
  add("attention values", least_seconds([&] {
        k.attn_mix_f16(o.out.data(), kHeadDim, o.scores.data(), kKeys, kQueries, o.keys.data(), kHeadDim,
                       kKeys, kHeadDim);
      }),
      products);
  const auto rows_of = [&](auto each) {
    return least_seconds([&] {
      std::copy(o.scores.begin(), o.scores.end(), o.row.begin());
      for (int r = 0; r < kQueries; ++r) each(o.row.data() + static_cast<std::ptrdiff_t>(r) * kKeys);
    });
  };
  add("softmax", rows_of([&](float* row) { k.softmax(row, kKeys); }), scores_bytes);
  RowEvidence shown;
  add("softmax with entropies",
      rows_of([&](float* row) { k.softmax_evidence(row, o.modality.data(), kKeys, &shown); }), scores_bytes);
  add("column mass",
      least_seconds([&] { k.column_mass(o.mass.data(), o.scores.data(), kKeys, kQueries, kKeys); }),
      scores_bytes);
}

}  // namespace

std::vector<BenchKernel> measure_kernels(const Machine& one_thread) {
  std::vector<BenchKernel> rows;
  Operands operands;
  for (const Isa isa : runnable_isas()) measure_set(kernels_for(isa), one_thread, operands, rows);
  return rows;
}

}  // namespace shrike::cli
