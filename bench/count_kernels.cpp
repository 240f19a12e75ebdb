// Runs one kernel so many times and does nothing else, so that its instructions can be counted from outside: those of
// two runs less those of one. Alone, it lists cases and kernel sets: bench/count_instructions.sh.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "platform/kernels/kernels.hpp"
#include "platform/kernels/q8.hpp"

namespace shrike {
namespace {

constexpr int kKeys = 256, kDim = 64, kQueries = 8, kIn = 576, kOut = 64, kPanelOut = 32;

std::vector<float> numbers(int n, float low, float high) {
  std::vector<float> out(static_cast<std::size_t>(n));
  std::uint32_t state = 1;
  for (float& v : out) {
    state = state * 1664525u + 1013904223u;
    v = low + (high - low) * static_cast<float>(state >> 8) * 0x1p-24f;
  }
  return out;
}

std::vector<f16> halves(int n) {
  std::vector<f16> out;
  for (const float v : numbers(n, -1, 1)) out.push_back(f32_to_f16(v));
  return out;
}

// A row of attention becomes weights, and shows its entropy.
void entropy(const Kernels& k, int times) {
  const auto scores = numbers(kKeys, -8, 8);
  std::vector<std::uint8_t> modality(kKeys);
  for (std::size_t i = 0; i < modality.size(); ++i) modality[i] = i % 28 < 16;
  auto row = scores;
  RowEvidence shown;
  for (int i = 0; i < times; ++i) k.softmax_evidence(row.data(), modality.data(), kKeys, &shown);
}

// Keys that leave look for the nearest of those that stay.
void merge(const Kernels& k, int times) {
  const auto keys = numbers(kKeys * kDim, -1, 1);
  std::vector<float> out(kQueries * kKeys);
  for (int i = 0; i < times; ++i)
    k.attn_scores_f32(out.data(), kKeys, keys.data(), kDim, kQueries, keys.data(), kDim, kKeys, kDim, 1.0f);
}

void attention_scores(const Kernels& k, int times) {
  const auto q = numbers(kQueries * kDim, -1, 1);
  const auto keys = halves(kKeys * kDim);
  std::vector<float> out(kQueries * kKeys);
  for (int i = 0; i < times; ++i)
    k.attn_scores_f16(out.data(), kKeys, q.data(), kDim, kQueries, keys.data(), kDim, kKeys, kDim, 0.125f);
}

void attention_mix(const Kernels& k, int times) {
  const auto p = numbers(kQueries * kKeys, 0, 1);
  const auto values = halves(kKeys * kDim);
  std::vector<float> out(kQueries * kDim);
  for (int i = 0; i < times; ++i)
    k.attn_mix_f16(out.data(), kDim, p.data(), kKeys, kQueries, values.data(), kDim, kKeys, kDim);
}

// Weights in eight bits by activations in eight bits: rows = 1 as in decode, more as in prefill.
void int8_dot(const Kernels& k, int times, int n_rows) {
  const std::vector<std::byte> w(kOut * (kIn / kQ8Group) * sizeof(QBlockQ8_0));
  const std::vector<std::int8_t> xq(static_cast<std::size_t>(n_rows * kIn), 3);
  const std::vector<float> xd(static_cast<std::size_t>(n_rows * kIn / kQ8Group), 0.5f);
  std::vector<float> y(static_cast<std::size_t>(n_rows * kOut));
  Matmul task;
  task.w = w.data();
  task.w_row_bytes = (kIn / kQ8Group) * sizeof(QBlockQ8_0);
  task.n_in = task.x_stride = kIn;
  task.out_end = task.y_stride = kOut;
  task.n_rows = n_rows;
  task.xq = xq.data();
  task.xd = xd.data();
  task.y = y.data();
  for (int i = 0; i < times; ++i) k.matmul_q8_0(task);
}

// The same with halves.
void halves_dot(const Kernels& k, int times, int n_rows) {
  const auto w = halves(kPanelOut * kIn);
  const auto x = numbers(n_rows * kIn, -1, 1);
  std::vector<float> y(static_cast<std::size_t>(n_rows * kPanelOut));
  Matmul task;
  task.w = reinterpret_cast<const std::byte*>(w.data());
  task.w_row_bytes = kIn * sizeof(f16);
  task.n_in = task.x_stride = kIn;
  task.out_end = task.y_stride = kPanelOut;
  task.n_rows = n_rows;
  task.x = x.data();
  task.y = y.data();
  for (int i = 0; i < times; ++i) k.matmul_f16(task);
}

// Many rows over panels: what quantised weights go over, and what halves and attention do.
const PanelKernels& for_quants(const Kernels& k) { return k.narrow.fast ? k.narrow : k.wide; }

void panel_dot(const PanelKernels& panels, int times, int n_rows) {
  const std::vector<std::byte> panel(panels.form.strip_bytes(kIn) *
                                     static_cast<std::size_t>(div_ceil(kPanelOut, panels.form.outs)));
  const std::vector<std::byte> rows(panels.form.row_bytes(kIn) * static_cast<std::size_t>(n_rows));
  std::vector<float> y(static_cast<std::size_t>(n_rows * kPanelOut));
  PanelTask task;
  task.panel = panel.data();
  task.rows = rows.data();
  task.n_in = kIn;
  task.n_outs = task.y_stride = kPanelOut;
  task.n_rows = n_rows;
  task.y = y.data();
  for (int i = 0; i < times; ++i) panels.multiply(task);
}

// Weights become a panel, once for all rows.
void panel_pack(const PanelKernels& panels, int times) {
  const auto w = numbers(kPanelOut * kIn, -1, 1);
  std::vector<std::byte> panel(panels.form.strip_bytes(kIn) *
                               static_cast<std::size_t>(div_ceil(kPanelOut, panels.form.outs)));
  for (int i = 0; i < times; ++i) {
    std::byte* to = panel.data();
    for (int out = 0; out < kPanelOut; out += panels.form.outs)
      for (int at = 0; at < kIn; at += panels.form.depth) {
        const int n = std::min(panels.form.depth, kIn - at);
        panels.pack_outs(to, w.data() + out * kIn + at, kIn, std::min(panels.form.outs, kPanelOut - out), n);
        to += panels.form.block_bytes(n);
      }
  }
}

const struct {
  const char* name;
  const char* shape;
  int elements;  // numbers of the row; products
  void (*run)(const Kernels& k, int times);
} kCases[] = {
    {"entropy", "softmax_evidence 256", kKeys, entropy},
    {"merge", "attn_scores_f32 8x256x64", kQueries* kKeys* kDim, merge},
    {"attention-scores", "attn_scores_f16 8x256x64", kQueries* kKeys* kDim, attention_scores},
    {"attention-mix", "attn_mix_f16 8x256x64", kQueries* kKeys* kDim, attention_mix},
    {"int8-dot", "matmul_q8_0 576x64x1", kIn* kOut,
     [](const Kernels& k, int times) { int8_dot(k, times, 1); }},
    {"int8-dot-rows", "matmul_q8_0 576x64x8", 8 * kIn* kOut,
     [](const Kernels& k, int times) { int8_dot(k, times, 8); }},
    {"halves-dot-rows", "matmul_f16 576x32x4", 4 * kIn* kPanelOut,
     [](const Kernels& k, int times) { halves_dot(k, times, 4); }},
    {"panel-quants", "multiply 576x32x12", 12 * kIn* kPanelOut,
     [](const Kernels& k, int times) { panel_dot(for_quants(k), times, 12); }},
    {"panel-halves", "multiply 576x32x12", 12 * kIn* kPanelOut,
     [](const Kernels& k, int times) { panel_dot(k.wide, times, 12); }},
    {"panel-quants-pack", "pack_outs 576x32", kIn* kPanelOut,
     [](const Kernels& k, int times) { panel_pack(for_quants(k), times); }},
    {"panel-halves-pack", "pack_outs 576x32", kIn* kPanelOut,
     [](const Kernels& k, int times) { panel_pack(k.wide, times); }},
};

}  // namespace
}  // namespace shrike

int main(int argc, char** argv) {
  using namespace shrike;
  if (argc == 1) {
    for (const auto& c : kCases) std::printf("case %s %d %s\n", c.name, c.elements, c.shape);
    for (const Isa isa : runnable_isas()) std::printf("isa %s\n", isa_name(isa));
    return 0;
  }
  const auto isa = argc == 4 ? isa_from_name(argv[2]) : std::nullopt;
  for (const auto& c : kCases)
    if (isa && std::strcmp(c.name, argv[1]) == 0) return c.run(kernels_for(*isa), std::atoi(argv[3])), 0;
  std::fprintf(stderr, "usage: count_kernels [CASE ISA TIMES]\n");
  return 64;
}
