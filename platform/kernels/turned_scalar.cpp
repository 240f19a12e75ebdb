#include "platform/kernels/install.hpp"
#include "platform/kernels/turned.hpp"

namespace shrike {
namespace {

struct Scalar {
  static void turn(float* x, int n) noexcept { turn_numbers(x, n); }
};

void encode(std::byte* row, const float* x, int n) noexcept {
  float turned[kTurnedMax], bounds[kBounds], squares[8] = {}, with_size[8] = {}, size_squared[8] = {};
  turn_into<Scalar>(turned, x, n);
  for (int i = 0; i < n; ++i) squares[i % 8] += turned[i] * turned[i];
  put_bounds(bounds, sum_lanes(squares), n);
  finish_row(row, turned, 0, n, bounds, with_size, size_squared);
}

// Number i of a row before it is turned back, one at a time.
float level(const std::byte* row, int i) noexcept {
  std::uint32_t codes = 0;
  std::memcpy(&codes, row + i / RowQ4::kGroup * RowQ4::kGroupBytes, RowQ4::kGroupBytes);
  const std::uint32_t code = codes >> 4 * (i % RowQ4::kGroup);
  return (code & kNegative) != 0 ? -kSize[code % kSizes] : kSize[code % kSizes];
}

void decode(float* out, const std::byte* row, int n) noexcept {
  const float d = f16_to_f32(half_at(scale_of(row, n)));
  for (int i = 0; i < n; ++i) out[i] = d * level(row, i);
  turn_numbers(out, n);
}

void attn_scores(float* scores, int score_stride, const float* q, int q_stride, int n_q,
                 const std::byte* rows, std::size_t row_bytes, int n_keys, int head_dim,
                 float scale) noexcept {
  float turned[kTurnedMax];
  for (int r = 0; r < n_q; ++r) {
    turn_into<Scalar>(turned, q + static_cast<std::ptrdiff_t>(r) * q_stride, head_dim);
    for (int j = 0; j < n_keys; ++j) {
      const std::byte* key = rows + static_cast<std::size_t>(j) * row_bytes;
      float sum = 0.0f;
      for (int i = 0; i < head_dim; ++i) sum += turned[i] * level(key, i);
      scores[static_cast<std::ptrdiff_t>(r) * score_stride + j] =
          sum * (f16_to_f32(half_at(scale_of(key, head_dim))) * scale);
    }
  }
}

void attn_mix(float* out, int out_stride, const float* p, int p_stride, int n_q, const std::byte* rows,
              std::size_t row_bytes, int n_keys, int head_dim) noexcept {
  for (int r = 0; r < n_q; ++r) {
    float sum[kTurnedMax] = {};
    for (int j = 0; j < n_keys; ++j) {
      const std::byte* value = rows + static_cast<std::size_t>(j) * row_bytes;
      const float weight =
          p[static_cast<std::ptrdiff_t>(r) * p_stride + j] * f16_to_f32(half_at(scale_of(value, head_dim)));
      for (int i = 0; i < head_dim; ++i) sum[i] += weight * level(value, i);
    }
    turn_numbers(sum, head_dim);
    for (int i = 0; i < head_dim; ++i) out[static_cast<std::ptrdiff_t>(r) * out_stride + i] += sum[i];
  }
}

}  // namespace

void install_turned_scalar(Kernels& k) noexcept { k.rows_q4 = {encode, decode, attn_scores, attn_mix}; }

}  // namespace shrike
