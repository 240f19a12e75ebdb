#pragma once

#include "core/kv/codec.hpp"

namespace shrike::kv::parts {

inline std::size_t f16_row_bytes(int head_dim) noexcept {
  return static_cast<std::size_t>(head_dim) * sizeof(f16);
}

inline void f16_encode(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept {
  kernels.f32_to_f16(reinterpret_cast<f16*>(out), row, head_dim);
}

inline void f16_decode(const Kernels& kernels, float* out, const std::byte* rows, int n,
                       int head_dim) noexcept {
  kernels.f16_to_f32(out, reinterpret_cast<const f16*>(rows), n * head_dim);
}

inline void f16_scores(const Kernels& kernels, float* out, int stride, const float* q, int n_q,
                       const std::byte* keys, int n_keys, int head_dim, float scale) noexcept {
  kernels.attn_scores_f16(out, stride, q, head_dim, n_q, reinterpret_cast<const f16*>(keys), head_dim, n_keys,
                          head_dim, scale);
}

inline void f16_mix(const Kernels& kernels, float* out, const float* p, int p_stride, int n_q,
                    const std::byte* values, int n_keys, int head_dim) noexcept {
  kernels.attn_mix_f16(out, head_dim, p, p_stride, n_q, reinterpret_cast<const f16*>(values), head_dim,
                       n_keys, head_dim);
}

// A codec whose rows are kept in half precision until their block is full and becomes a page.
constexpr Codec in_pages(std::string_view name, std::string_view what, const PageFormat& page) noexcept {
  Codec codec{name, what, f16_row_bytes, f16_encode, f16_decode, f16_scores, f16_mix};
  codec.page = &page;
  return codec;
}

}  // namespace shrike::kv::parts
