#include <algorithm>
#include <cstring>

#include "platform/kernels/install.hpp"
#include "platform/kernels/q8.hpp"

namespace shrike {
namespace {

// Plain C++ that a machine without our vector sets still runs at a bearable speed: a stretch of one weight
// row is turned into f32 once and used by a block of rows; eight sums a row, so that no addition waits for
// the one before it. The order of an output's sum is the same for any rows and outputs asked for.
constexpr int kSums = 8;
constexpr int kStretch = 256;
constexpr int kBlockRows = 16;

void put(const Matmul& t, int row, int out, float sum) noexcept {
  if (t.bias != nullptr) sum += t.bias[out];
  float& y = t.y[static_cast<std::ptrdiff_t>(row) * t.y_stride + out];
  y = t.accumulate ? y + sum : sum;
}

float fold(const float (&s)[kSums]) noexcept {
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// widen(w, k, n, out): n weights from the k-th of row w as f32.
template <class Widen>
void matmul_floats(const Matmul& t, Widen widen) noexcept {
  for (int block = 0; block < t.n_rows; block += kBlockRows) {
    const int n_rows = std::min(kBlockRows, t.n_rows - block);
    for (int out = t.out_begin; out < t.out_end; ++out) {
      float sums[kBlockRows][kSums] = {};
      for (int k = 0; k < t.n_in; k += kStretch) {
        float w[kStretch] = {};
        const int n = std::min(kStretch, t.n_in - k);
        widen(t.w + static_cast<std::size_t>(out) * t.w_row_bytes, k, n, w);
        for (int r = 0; r < n_rows; ++r) {
          const float* x = t.x + static_cast<std::ptrdiff_t>(block + r) * t.x_stride + k;
          int i = 0;
          for (; i + kSums <= n; i += kSums)
            for (int l = 0; l < kSums; ++l) sums[r][l] += x[i + l] * w[i + l];
          for (int l = 0; i < n; ++i, ++l) sums[r][l] += x[i] * w[i];
        }
      }
      for (int r = 0; r < n_rows; ++r) put(t, block + r, out, fold(sums[r]));
    }
  }
}

void matmul_f32(const Matmul& task) noexcept {
  matmul_floats(task, [](const std::byte* w, int k, int n, float* out) {
    std::memcpy(out, reinterpret_cast<const float*>(w) + k, static_cast<std::size_t>(n) * sizeof(float));
  });
}

void matmul_f16(const Matmul& task) noexcept {
  matmul_floats(task, [](const std::byte* w, int k, int n, float* out) {
    for (int i = 0; i < n; ++i) out[i] = f16_to_f32(reinterpret_cast<const f16*>(w)[k + i]);
  });
}

void matmul_bf16(const Matmul& task) noexcept {
  matmul_floats(task, [](const std::byte* w, int k, int n, float* out) {
    for (int i = 0; i < n; ++i) out[i] = bf16_to_f32(reinterpret_cast<const bf16*>(w)[k + i]);
  });
}

void matmul_q8_0(const Matmul& t) noexcept {
  const int n_groups = t.n_in / kQ8Group;
  for (int row = 0; row < t.n_rows; ++row)
    for (int out = t.out_begin; out < t.out_end; ++out) {
      const std::byte* w = t.w + static_cast<std::size_t>(out) * t.w_row_bytes;
      const std::int8_t* q = t.xq + static_cast<std::ptrdiff_t>(row) * t.n_in;
      const float* d = t.xd + static_cast<std::ptrdiff_t>(row) * n_groups;
      float sum = 0.0f;
      for (int g = 0; g < n_groups; ++g) {
        const QBlockQ8_0 block = load_q8_0(w, g);
        int dot = 0;
        for (int i = 0; i < kQ8Group; ++i) dot += q[g * kQ8Group + i] * block.q[i];
        sum += static_cast<float>(dot) * (f16_to_f32(block.d) * d[g]);
      }
      put(t, row, out, sum);
    }
}

}  // namespace

void install_dot_scalar(Kernels& k) noexcept {
  k.matmul_f32 = matmul_f32;
  k.matmul_f16 = matmul_f16;
  k.matmul_bf16 = matmul_bf16;
  k.matmul_q8_0 = matmul_q8_0;
}

}  // namespace shrike
