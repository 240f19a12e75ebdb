#include "platform/kernels/rows.hpp"

#include <algorithm>
#include <cmath>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

// Number i of a row, one at a time.
float number(const std::byte* row, int i) noexcept {
  const std::byte* group = row + i / kRowGroup * group_bytes();
  std::int8_t q;
  std::memcpy(&q, group + RowQ8::kHeader + i % kRowGroup, 1);
  return f16_to_f32(half_at(group)) * static_cast<float>(q);
}

void encode(std::byte* row, const float* x, int n) noexcept {
  for (; n > 0; n -= kRowGroup, x += kRowGroup, row += group_bytes()) {
    const int m = std::min(n, kRowGroup);
    float largest = 0.0f;
    for (int i = 0; i < m; ++i) largest = std::max(largest, std::fabs(x[i]));
    const f16 d = f32_to_f16(largest / 127.0f);
    put_half(row, d);
    const float inverse = f16_to_f32(d) > 0.0f ? 1.0f / f16_to_f32(d) : 0.0f;
    for (int i = 0; i < m; ++i) {
      const float v = x[i] * inverse;
      const float rounded = std::isnan(v) ? 0.0f : std::clamp(v + std::copysign(0.5f, v), -127.0f, 127.0f);
      row[RowQ8::kHeader + i] = static_cast<std::byte>(static_cast<std::int8_t>(rounded));
    }
  }
}

void decode(float* out, const std::byte* row, int n) noexcept {
  for (int i = 0; i < n; ++i) out[i] = number(row, i);
}

void attn_scores(float* scores, int score_stride, const float* q, int q_stride, int n_q,
                 const std::byte* rows, std::size_t row_bytes, int n_keys, int head_dim,
                 float scale) noexcept {
  for (int r = 0; r < n_q; ++r)
    for (int j = 0; j < n_keys; ++j) {
      const std::byte* key = rows + static_cast<std::size_t>(j) * row_bytes;
      float sum = 0.0f;
      for (int i = 0; i < head_dim; ++i)
        sum += q[static_cast<std::ptrdiff_t>(r) * q_stride + i] * number(key, i);
      scores[static_cast<std::ptrdiff_t>(r) * score_stride + j] = sum * scale;
    }
}

void attn_mix(float* out, int out_stride, const float* p, int p_stride, int n_q, const std::byte* rows,
              std::size_t row_bytes, int n_keys, int head_dim) noexcept {
  for (int r = 0; r < n_q; ++r)
    for (int j = 0; j < n_keys; ++j) {
      const std::byte* value = rows + static_cast<std::size_t>(j) * row_bytes;
      const float weight = p[static_cast<std::ptrdiff_t>(r) * p_stride + j];
      for (int i = 0; i < head_dim; ++i)
        out[static_cast<std::ptrdiff_t>(r) * out_stride + i] += weight * number(value, i);
    }
}

}  // namespace

void install_rows_scalar(Kernels& k) noexcept { k.rows_q8 = {encode, decode, attn_scores, attn_mix}; }

}  // namespace shrike
