// Rows are <kernel>/<isa>/<shape>: bytes or multiply-adds per second of one thread, and the share of what this
// machine can do, measured in the same run. `bench_kernels --benchmark_filter=matmul` for some of them.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "bench/begin.hpp"
#include "platform/kernels/kernels.hpp"
#include "platform/kernels/q8.hpp"

namespace shrike::bench {
namespace {

Machine machine;

std::vector<float> numbers(std::size_t n, float low = -1.0f, float high = 1.0f) {
  std::vector<float> out(n);
  std::uint32_t state = 1;
  for (float& v : out) {
    state = state * 1664525u + 1013904223u;
    v = low + (high - low) * static_cast<float>(state >> 8) * 0x1p-24f;
  }
  return out;
}

std::vector<f16> halves(std::size_t n) {
  std::vector<f16> out;
  for (const float v : numbers(n)) out.push_back(f32_to_f16(v));
  return out;
}

// A rate of the iterations from here to its report, on this thread's own time, as the machine's limits are.
class Rate {
 public:
  explicit Rate(benchmark::State& state) : state_(state) {}

  void flop(double each) { report("FLOP/s", each, machine.flop_per_s); }
  void bytes(double each) { report("B/s", each, machine.bytes_per_s); }

 private:
  void report(const char* unit, double each, double limit) {
    const double rate = each * static_cast<double>(state_.iterations()) / (thread_seconds() - begin_);
    state_.counters[unit] = rate;
    state_.counters["share%"] = 100 * rate / limit;
  }

  benchmark::State& state_;
  double begin_ = thread_seconds();
};

enum class Weights { f32, f16, q8_0 };

// Weights of 64 MiB at least, walked matrix by matrix, when one row is multiplied: decode reads them from RAM.
void matmul(benchmark::State& state, const Kernels& k, Weights type, int n_in, int n_out, int n_rows) {
  const std::size_t row_bytes = type == Weights::f32 ? static_cast<std::size_t>(n_in) * 4
                                : type == Weights::f16
                                    ? static_cast<std::size_t>(n_in) * 2
                                    : static_cast<std::size_t>(n_in / kQ8Group) * sizeof(QBlockQ8_0);
  const std::size_t matrix_bytes = row_bytes * static_cast<std::size_t>(n_out);
  const std::size_t n_matrices = n_rows == 1 ? (std::size_t{64} << 20) / matrix_bytes + 1 : 1;
  const std::vector<std::byte> w(matrix_bytes * n_matrices);
  const auto x = numbers(static_cast<std::size_t>(n_rows * n_in));
  std::vector<std::int8_t> xq(x.size());
  std::vector<float> xd(x.size() / kQ8Group + 1), y(static_cast<std::size_t>(n_rows * n_out));
  if (type == Weights::q8_0) k.quantize_q8(xq.data(), xd.data(), x.data(), n_rows * n_in);
  const auto run = type == Weights::f32 ? k.matmul_f32 : type == Weights::f16 ? k.matmul_f16 : k.matmul_q8_0;
  Matmul task;
  task.w_row_bytes = row_bytes;
  task.n_in = task.x_stride = n_in;
  task.out_end = task.y_stride = n_out;
  task.n_rows = n_rows;
  task.x = x.data();
  task.xq = xq.data();
  task.xd = xd.data();
  task.y = y.data();
  std::size_t at = 0;
  Rate rate(state);
  for (auto _ : state) {
    task.w = w.data() + at * matrix_bytes;
    run(task);
    benchmark::DoNotOptimize(y.data());
    at = at + 1 == n_matrices ? 0 : at + 1;
  }
  if (n_rows == 1)
    rate.bytes(static_cast<double>(matrix_bytes));
  else
    rate.flop(2.0 * n_in * n_out * n_rows);
}

void scores(benchmark::State& state, const Kernels& k, int n_q, int n_keys, int head_dim) {
  const auto q = numbers(static_cast<std::size_t>(n_q * head_dim));
  const auto keys = halves(static_cast<std::size_t>(n_keys * head_dim));
  std::vector<float> out(static_cast<std::size_t>(n_q * n_keys));
  Rate rate(state);
  for (auto _ : state) {
    for (int j = 0; j < n_keys; j += 16)  // by blocks, as the memory keeps them
      k.attn_scores_f16(out.data() + j, n_keys, q.data(), head_dim, n_q, keys.data() + j * head_dim, head_dim,
                        16, head_dim, 0.125f);
    benchmark::DoNotOptimize(out.data());
  }
  rate.flop(2.0 * n_q * n_keys * head_dim);
}

void mix(benchmark::State& state, const Kernels& k, int n_q, int n_keys, int head_dim) {
  const auto p = numbers(static_cast<std::size_t>(n_q * n_keys), 0);
  const auto values = halves(static_cast<std::size_t>(n_keys * head_dim));
  std::vector<float> out(static_cast<std::size_t>(n_q * head_dim));
  Rate rate(state);
  for (auto _ : state) {
    for (int j = 0; j < n_keys; j += 16)
      k.attn_mix_f16(out.data(), head_dim, p.data() + j, n_keys, n_q, values.data() + j * head_dim, head_dim,
                     16, head_dim);
    benchmark::DoNotOptimize(out.data());
  }
  rate.flop(2.0 * n_q * n_keys * head_dim);
}

void softmax(benchmark::State& state, const Kernels& k, int n, bool evidence) {
  const auto row = numbers(static_cast<std::size_t>(n), -8, 8);
  std::vector<std::uint8_t> modality(row.size());
  for (std::size_t i = 0; i < modality.size(); ++i) modality[i] = i % 28 < 16;
  auto p = row;
  RowEvidence shown;
  Rate rate(state);
  for (auto _ : state) {
    std::memcpy(p.data(), row.data(), row.size() * sizeof(float));
    if (evidence)
      k.softmax_evidence(p.data(), modality.data(), n, &shown);
    else
      k.softmax(p.data(), n);
    benchmark::DoNotOptimize(p.data());
    benchmark::DoNotOptimize(shown);
  }
  rate.bytes(4.0 * n);
}

void column_mass(benchmark::State& state, const Kernels& k, int n_rows, int n) {
  const auto p = numbers(static_cast<std::size_t>(n_rows * n), 0);
  std::vector<float> mass(static_cast<std::size_t>(n));
  Rate rate(state);
  for (auto _ : state) {
    k.column_mass(mass.data(), p.data(), n, n_rows, n);
    benchmark::DoNotOptimize(mass.data());
  }
  rate.bytes(4.0 * n_rows * n);
}

template <class Body>
void elementwise(benchmark::State& state, int n, double bytes_each, Body body) {
  auto x = numbers(static_cast<std::size_t>(n), -4, 4);
  Rate rate(state);
  for (auto _ : state) {
    body(x.data());
    benchmark::DoNotOptimize(x.data());
  }
  rate.bytes(bytes_each * n);
}

void register_products(const Kernels& k, const std::string& isa) {
  const struct {
    const char* name;
    Weights type;
  } types[] = {{"f32", Weights::f32}, {"f16", Weights::f16}, {"q8_0", Weights::q8_0}};
  for (const auto& t : types)
    for (const int n_rows : {1, 64}) {
      const std::string name =
          std::string("matmul_") + t.name + "/" + isa + "/576x1536x" + std::to_string(n_rows);
      benchmark::RegisterBenchmark(name.c_str(), [&k, type = t.type, n_rows](benchmark::State& state) {
        matmul(state, k, type, 576, 1536, n_rows);
      });
    }
}

void register_attention(const Kernels& k, const std::string& isa) {
  const auto add = [&](const char* kernel, const char* shape, auto body) {
    benchmark::RegisterBenchmark((std::string(kernel) + "/" + isa + "/" + shape).c_str(), body);
  };
  add("attn_scores_f16", "48x2048x64", [&k](benchmark::State& s) { scores(s, k, 48, 2048, 64); });
  add("attn_scores_f16", "3x2048x64", [&k](benchmark::State& s) { scores(s, k, 3, 2048, 64); });
  add("attn_mix_f16", "48x2048x64", [&k](benchmark::State& s) { mix(s, k, 48, 2048, 64); });
  add("attn_mix_f16", "3x2048x64", [&k](benchmark::State& s) { mix(s, k, 3, 2048, 64); });
  add("softmax", "2048", [&k](benchmark::State& s) { softmax(s, k, 2048, false); });
  add("softmax_evidence", "2048", [&k](benchmark::State& s) { softmax(s, k, 2048, true); });
  add("column_mass", "48x2048", [&k](benchmark::State& s) { column_mass(s, k, 48, 2048); });
}

void register_vectors(const Kernels& k, const std::string& isa) {
  const auto add = [&](const char* kernel, double bytes_each, auto call) {
    benchmark::RegisterBenchmark(
        (std::string(kernel) + "/" + isa + "/768").c_str(),
        [bytes_each, call](benchmark::State& s) { elementwise(s, 768, bytes_each, call); });
  };
  static const auto weight = numbers(768);
  static std::vector<float> out(768), scales(24);
  static std::vector<std::int8_t> quants(768);
  add("rms_norm", 12, [&k](float* x) { k.rms_norm(out.data(), x, weight.data(), 768, 1e-5f); });
  add("layer_norm", 16,
      [&k](float* x) { k.layer_norm(out.data(), x, weight.data(), weight.data(), 768, 1e-5f); });
  add("gelu", 8, [&k](float* x) { k.gelu(x, 768); });
  add("silu_mul", 12, [&k](float* x) { k.silu_mul(x, weight.data(), 768); });
  add("quantize_q8", 5, [&k](float* x) { k.quantize_q8(quants.data(), scales.data(), x, 768); });
}

}  // namespace
}  // namespace shrike::bench

int main(int argc, char** argv) {
  using namespace shrike;
  bench::machine = bench::begin(argc, argv);
  const std::vector<Kernels> tables = bench::all_kernels();
  for (const Kernels& k : tables) {
    bench::register_products(k, isa_name(k.isa));
    bench::register_attention(k, isa_name(k.isa));
    bench::register_vectors(k, isa_name(k.isa));
  }
  benchmark::RunSpecifiedBenchmarks();
}
