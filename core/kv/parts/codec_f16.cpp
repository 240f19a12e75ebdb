#include "core/kv/parts/codecs.hpp"

namespace shrike::kv::parts {

std::size_t f16_bytes(int head_dim) noexcept { return static_cast<std::size_t>(head_dim) * sizeof(f16); }

void f16_encode(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept {
  kernels.f32_to_f16(reinterpret_cast<f16*>(out), row, head_dim);
}

void f16_decode(const Kernels& kernels, float* out, const std::byte* row, int head_dim) noexcept {
  kernels.f16_to_f32(out, reinterpret_cast<const f16*>(row), head_dim);
}

}  // namespace shrike::kv::parts
