// Rows are <kernel>/<isa>/<shape>: bytes or multiply-adds per second of one thread, and the share of what this
// machine can do, measured in the same run. `bench_kernels --benchmark_filter=matmul` for some of them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bench/begin.hpp"
#include "core/tensor.hpp"
#include "platform/kernels/groups.hpp"
#include "platform/kernels/kernels.hpp"
#include "platform/kernels/turned.hpp"

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

  void ops(double each) { report("op/s", each, machine.int8_per_s); }
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

// Many rows over one panel that stays in L2.
void panel_multiply(benchmark::State& state, const PanelKernels& panels, int n_in, int n_outs, int n_rows) {
  const PanelForm& form = panels.form;
  const std::vector<std::byte> panel(form.strip_bytes(n_in) *
                                     static_cast<std::size_t>(div_ceil(n_outs, form.outs)));
  const std::vector<std::byte> rows(form.row_bytes(n_in) * static_cast<std::size_t>(n_rows));
  std::vector<float> y(static_cast<std::size_t>(n_rows * n_outs));
  PanelTask task;
  task.panel = panel.data();
  task.rows = rows.data();
  task.n_in = n_in;
  task.n_outs = task.y_stride = n_outs;
  task.n_rows = n_rows;
  task.y = y.data();
  Rate rate(state);
  for (auto _ : state) {
    panels.multiply(task);
    benchmark::DoNotOptimize(y.data());
  }
  rate.ops(2.0 * n_in * n_outs * n_rows);
}

void panel_pack_row(benchmark::State& state, const PanelKernels& panels, int n_in) {
  const auto x = numbers(static_cast<std::size_t>(n_in));
  std::vector<std::byte> row(panels.form.row_bytes(n_in));
  Rate rate(state);
  for (auto _ : state) {
    panels.pack_row(row.data(), x.data(), n_in);
    benchmark::DoNotOptimize(row.data());
  }
  rate.bytes(4.0 * n_in + static_cast<double>(row.size()));
}

enum class Shown { nothing, mass, mass_and_evidence };

// Scores to weights as a panel takes them: at once, or by the kernels that do it elsewhere. Each time they are put
// in place first.
void panel_pack_softmax(benchmark::State& state, const Kernels& k, const PanelKernels& panels, bool at_once,
                        Shown what, int n) {
  const auto scores = numbers(static_cast<std::size_t>(n));
  std::vector<float> p = scores, mass(scores.size());
  std::vector<std::uint8_t> modality(scores.size());
  for (std::size_t i = 0; i < modality.size(); ++i) modality[i] = i % 72 >= 8;  // a frame after a few words
  RowEvidence evidence;
  WeightsShown shown;
  if (what != Shown::nothing) shown.mass = mass.data(), shown.n_mass = n;
  if (what == Shown::mass_and_evidence) shown.evidence = &evidence, shown.modality = modality.data();
  std::vector<std::byte> row(panels.form.row_bytes(n));
  Rate rate(state);
  for (auto _ : state) {
    std::copy(scores.begin(), scores.end(), p.begin());
    if (at_once) {
      panels.pack_softmax(row.data(), p.data(), n, shown);
    } else {
      if (shown.evidence == nullptr)
        k.softmax(p.data(), n);
      else
        k.softmax_evidence(p.data(), modality.data(), n, &evidence);
      if (shown.mass != nullptr) k.column_mass(mass.data(), p.data(), n, 1, n);
      panels.pack_row(row.data(), p.data(), n);
    }
    benchmark::DoNotOptimize(row.data());
  }
  rate.bytes(4.0 * n + static_cast<double>(row.size()));
}

// One block of a strip, from floats or from groups.
void panel_pack_block(benchmark::State& state, const PanelKernels& panels, bool from_groups) {
  const PanelForm& form = panels.form;
  const auto w = numbers(static_cast<std::size_t>(form.outs * form.depth));
  const std::vector<Group> groups(static_cast<std::size_t>(form.outs));
  std::vector<std::byte> block(form.block_bytes(form.depth));
  Rate rate(state);
  for (auto _ : state) {
    if (from_groups)
      panels.pack_groups(block.data(), groups.data(), 1, form.outs);
    else
      panels.pack_outs(block.data(), w.data(), form.depth, form.outs, form.depth);
    benchmark::DoNotOptimize(block.data());
  }
  rate.bytes(static_cast<double>(block.size()) + (from_groups
                                                      ? sizeof(Group) * static_cast<double>(groups.size())
                                                      : 4.0 * static_cast<double>(w.size())));
}

// The same from qblocks, one of each output.
void panel_pack_qblocks(benchmark::State& state, const PanelForm& form, PanelKernels::PackQBlocks pack,
                        std::size_t qblock_bytes) {
  const std::vector<std::byte> w(static_cast<std::size_t>(form.outs) * qblock_bytes);
  std::vector<std::byte> block(form.block_bytes(form.depth));
  Rate rate(state);
  for (auto _ : state) {
    pack(block.data(), w.data(), qblock_bytes, form.outs);
    benchmark::DoNotOptimize(block.data());
  }
  rate.bytes(static_cast<double>(block.size() + w.size()));
}

// Keys or values in few bits, by blocks of sixteen.
void coded_rows(benchmark::State& state, const RowKernels& rows, std::size_t row_bytes, bool values) {
  constexpr int kQueries = 3, kKeys = 2048, kDim = 64;
  const auto q = numbers(kQueries * kDim), p = numbers(kQueries * kKeys, 0);
  std::vector<std::byte> coded(kKeys * row_bytes);
  for (std::size_t j = 0; j < kKeys; ++j) rows.encode(coded.data() + j * row_bytes, q.data(), kDim);
  std::vector<float> scores(kQueries * kKeys), out(kQueries * kDim);
  Rate rate(state);
  for (auto _ : state) {
    for (int j = 0; j < kKeys; j += 16) {
      const std::byte* block = coded.data() + static_cast<std::size_t>(j) * row_bytes;
      if (values)
        rows.mix(out.data(), kDim, p.data() + j, kKeys, kQueries, block, row_bytes, 16, kDim);
      else
        rows.scores(scores.data() + j, kKeys, q.data(), kDim, kQueries, block, row_bytes, 16, kDim, 0.125f);
    }
    benchmark::DoNotOptimize(scores.data());
    benchmark::DoNotOptimize(out.data());
  }
  rate.flop(2.0 * kQueries * kKeys * kDim);
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

void register_panels(const Kernels& k, const PanelKernels& panels, const std::string& form,
                     const std::string& isa) {
  const auto add = [&](const char* kernel, const char* shape, auto body) {
    benchmark::RegisterBenchmark(("panel_" + form + "_" + kernel + "/" + isa + "/" + shape).c_str(), body);
  };
  add("multiply", "576x96x128", [&panels](benchmark::State& s) { panel_multiply(s, panels, 576, 96, 128); });
  add("pack_row", "576", [&panels](benchmark::State& s) { panel_pack_row(s, panels, 576); });
  add("pack_outs", "block", [&panels](benchmark::State& s) { panel_pack_block(s, panels, false); });
  if (panels.pack_groups != nullptr)
    add("pack_groups", "block", [&panels](benchmark::State& s) { panel_pack_block(s, panels, true); });
  if (panels.pack_q8_0 != nullptr)
    add("pack_q8_0", "block",
        [&](benchmark::State& s) { panel_pack_qblocks(s, panels.form, panels.pack_q8_0, 34); });
  if (panels.pack_q4_0 != nullptr)
    add("pack_q4_0", "block",
        [&](benchmark::State& s) { panel_pack_qblocks(s, panels.form, panels.pack_q4_0, 18); });
  const std::pair<const char*, Shown> shapes[] = {
      {"2048", Shown::nothing}, {"2048+mass", Shown::mass}, {"2048+mass+evidence", Shown::mass_and_evidence}};
  for (const auto& [shape, what] : shapes) {
    add("softmax_then_pack_row", shape,
        [&, w = what](benchmark::State& s) { panel_pack_softmax(s, k, panels, false, w, 2048); });
    if (panels.pack_softmax != nullptr)
      add("pack_softmax", shape,
          [&, w = what](benchmark::State& s) { panel_pack_softmax(s, k, panels, true, w, 2048); });
  }
}

void register_rows(const RowKernels& rows, std::size_t row_bytes, const std::string& name,
                   const std::string& isa) {
  for (const bool values : {false, true})
    benchmark::RegisterBenchmark(
        ("rows_" + name + (values ? "_mix/" : "_scores/") + isa + "/3x2048x64").c_str(),
        [&rows, row_bytes, values](benchmark::State& s) { coded_rows(s, rows, row_bytes, values); });
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
    bench::register_panels(k, k.narrow, "narrow", isa_name(k.isa));
    bench::register_panels(k, k.wide, "wide", isa_name(k.isa));
    bench::register_rows(k.rows_q8, row_bytes<RowQ8>(64), "q8", isa_name(k.isa));
    bench::register_rows(k.rows_q4, row_bytes<RowQ4>(64), "q4", isa_name(k.isa));
  }
  benchmark::RunSpecifiedBenchmarks();
}
