// Rows are <kernel>/<isa>/<shape>: bytes or multiply-adds per second of one thread, and the share of what this
// machine can do, measured in the same run. `bench_kernels --benchmark_filter=matmul` for some of them.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "bench/begin.hpp"
#include "core/tensor.hpp"
#include "platform/kernels/groups.hpp"
#include "platform/kernels/kernels.hpp"

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

void multiply(const Kernels& k, DType type, const Matmul& task) {
  switch (type) {
    case DType::f32:
      return k.matmul_f32(task);
    case DType::f16:
      return k.matmul_f16(task);
    case DType::bf16:
      return k.matmul_bf16(task);
    case DType::q8_0:
      return k.matmul_q8_0(task);
    default:
      return k.matmul_quants(type, task);
  }
}

// Weights of 64 MiB at least, walked matrix by matrix, when one row is multiplied: decode reads them from RAM.
void matmul(benchmark::State& state, const Kernels& k, DType type, int n_in, int n_out, int n_rows) {
  const DTypeInfo info = dtype_info(type);
  const std::size_t row_bytes = static_cast<std::size_t>(n_in / info.weights * info.bytes);
  const std::size_t matrix_bytes = row_bytes * static_cast<std::size_t>(n_out);
  const std::size_t n_matrices = n_rows == 1 ? (std::size_t{64} << 20) / matrix_bytes + 1 : 1;
  const std::vector<std::byte> w(matrix_bytes * n_matrices);
  const auto x = numbers(static_cast<std::size_t>(n_rows * n_in));
  std::vector<std::int8_t> xq(x.size());
  std::vector<float> xd(x.size() / kQ8Group), y(static_cast<std::size_t>(n_rows * n_out));
  std::vector<std::int32_t> xsum(x.size() / kQ8Sum);
  k.quantize_q8(xq.data(), xd.data(), x.data(), n_rows * n_in);
  k.q8_sums(xsum.data(), xq.data(), n_rows * n_in);
  Matmul task;
  task.w_row_bytes = row_bytes;
  task.n_in = task.x_stride = n_in;
  task.out_end = task.y_stride = n_out;
  task.n_rows = n_rows;
  task.x = x.data();
  task.xq = xq.data();
  task.xd = xd.data();
  task.xsum = xsum.data();
  task.y = y.data();
  std::size_t at = 0;
  Rate rate(state);
  for (auto _ : state) {
    task.w = w.data() + at * matrix_bytes;
    multiply(k, type, task);
    benchmark::DoNotOptimize(y.data());
    at = at + 1 == n_matrices ? 0 : at + 1;
  }
  if (n_rows == 1)
    rate.bytes(static_cast<double>(matrix_bytes));
  else
    rate.flop(2.0 * n_in * n_out * n_rows);
}

// One row of weights to groups, as many products of rows unpack them.
void unpack_row(benchmark::State& state, const Kernels& k, DType type, int n) {
  const DTypeInfo info = dtype_info(type);
  const std::vector<std::byte> row(static_cast<std::size_t>(n / info.weights * info.bytes));
  std::vector<Group> groups(static_cast<std::size_t>(n / kQ8Group));
  Rate rate(state);
  for (auto _ : state) {
    k.unpack(type, row.data(), 0, n / kQ8Group, groups.data());
    benchmark::DoNotOptimize(groups.data());
  }
  rate.bytes(static_cast<double>(row.size()) + sizeof(Group) * static_cast<double>(groups.size()));
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
  constexpr DType kTypes[] = {DType::f32,  DType::f16,  DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1,
                              DType::q5_0, DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl};
  for (const DType type : kTypes)
    for (const int n_rows : {1, 64}) {
      const DTypeInfo info = dtype_info(type);
      const int n_in = 576 % info.weights == 0 ? 576 : 768;
      const std::string name = std::string("matmul_") + info.name + "/" + isa + "/" + std::to_string(n_in) +
                               "x1536x" + std::to_string(n_rows);
      benchmark::RegisterBenchmark(name.c_str(), [&k, type, n_in, n_rows](benchmark::State& state) {
        matmul(state, k, type, n_in, 1536, n_rows);
      });
      if (n_rows > 1 || type == DType::f32 || type == DType::f16 || type == DType::bf16) continue;
      benchmark::RegisterBenchmark((std::string("unpack_") + info.name + "/" + isa + "/768").c_str(),
                                   [&k, type](benchmark::State& s) { unpack_row(s, k, type, 768); });
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
  add("gelu_mul", 12, [&k](float* x) { k.gelu_mul(x, weight.data(), 768); });
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
