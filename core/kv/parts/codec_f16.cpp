#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

std::size_t row_bytes(int head_dim) noexcept { return static_cast<std::size_t>(head_dim) * sizeof(f16); }

void encode(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept {
  kernels.f32_to_f16(reinterpret_cast<f16*>(out), row, head_dim);
}

void decode(const Kernels& kernels, float* out, const std::byte* row, int head_dim) noexcept {
  kernels.f16_to_f32(out, reinterpret_cast<const f16*>(row), head_dim);
}

}  // namespace

const Codec codec_f16{"f16", "half precision", row_bytes, encode, decode, true};

}  // namespace shrike::kv::parts
