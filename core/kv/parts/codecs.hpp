#pragma once

#include "core/kv/codec.hpp"

// What the rows of the table in codec.cpp are made of; contracts in codec.hpp.
namespace shrike::kv::parts {

std::size_t f16_bytes(int head_dim) noexcept;
void f16_encode(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept;
void f16_decode(const Kernels& kernels, float* out, const std::byte* row, int head_dim) noexcept;

}  // namespace shrike::kv::parts
