#include <algorithm>

#include "platform/kernels/groups.hpp"
#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

constexpr int kStretch = 8;  // groups of one row of weights that are unpacked once for a block of rows
constexpr int kBlockRows = 16;

void bf16_row(float* out, const bf16* x, int n) noexcept {
  for (int i = 0; i < n; ++i) out[i] = bf16_to_f32(x[i]);
}

void q8_sums(std::int32_t* sums, const std::int8_t* q, int n) noexcept {
  for (int i = 0; i < n / kQ8Sum; ++i) {
    sums[i] = 0;
    for (int k = 0; k < kQ8Sum; ++k) sums[i] += q[i * kQ8Sum + k];
  }
}

void quants_to_f32(DType type, float* out, const std::byte* row, int n) noexcept {
  for (int g = 0; g < n / kQ8Group; ++g) {
    Group group;
    unpack(type, row, g, 1, &group);
    for (int i = 0; i < kQ8Group; ++i, ++out) *out = group.d[i / 16] * group.q[i] + group.m[i / 16];
  }
}

int dot16(const std::int8_t* a, const std::int8_t* b) noexcept {
  int sum = 0;
  for (int i = 0; i < 16; ++i) sum += a[i] * b[i];
  return sum;
}

template <class Block>
float add_group(float sum, const Group& w, const std::int8_t* q, float d, const std::int32_t* sums) noexcept {
  const int first = dot16(w.q, q), second = dot16(w.q + 16, q + 16);
  if constexpr (QType<Block>::kScales == 2) {
    sum += static_cast<float>(first) * (w.d[0] * d);
    return sum + static_cast<float>(second) * (w.d[1] * d);
  }
  sum += static_cast<float>(first + second) * (w.d[0] * d);
  if constexpr (QType<Block>::kMinimum) sum += w.m[0] * (d * static_cast<float>(sums[0] + sums[1]));
  return sum;
}

template <class Block>
void matmul(const Matmul& t) noexcept {
  const int n_groups = t.n_in / kQ8Group;
  for (int first = 0; first < t.n_rows; first += kBlockRows) {
    const int n_rows = std::min(kBlockRows, t.n_rows - first);
    for (int out = t.out_begin; out < t.out_end; ++out) {
      const std::byte* w = t.w + static_cast<std::size_t>(out) * t.w_row_bytes;
      float sums[kBlockRows] = {};
      for (int g = 0; g < n_groups; g += kStretch) {
        Group groups[kStretch];
        const int n = std::min(kStretch, n_groups - g);
        unpack_blocks<Block>(w, g, n, groups);
        for (int r = 0; r < n_rows; ++r)
          for (int i = 0; i < n; ++i) {
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first + r) * n_groups + g + i;
            sums[r] = add_group<Block>(sums[r], groups[i], t.xq + at * kQ8Group, t.xd[at], t.xsum + 2 * at);
          }
      }
      for (int r = 0; r < n_rows; ++r) {
        const float sum = t.bias != nullptr ? sums[r] + t.bias[out] : sums[r];
        float& y = t.y[static_cast<std::ptrdiff_t>(first + r) * t.y_stride + out];
        y = t.accumulate ? y + sum : sum;
      }
    }
  }
}

void matmul_quants(DType type, const Matmul& t) noexcept {
  with_qblock(type, [&]<class Block>() { matmul<Block>(t); });
}

}  // namespace

void install_quants_scalar(Kernels& k) noexcept {
  k.bf16_to_f32 = bf16_row;
  k.q8_sums = q8_sums;
  k.unpack = unpack;
  k.quants_to_f32 = quants_to_f32;
  k.matmul_quants = matmul_quants;
}

}  // namespace shrike
