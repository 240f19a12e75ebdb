#pragma once

#include <cmath>
#include <span>

#include "core/kv/candidates.hpp"
#include "core/kv/parts/product.hpp"

namespace shrike::kv::parts {

inline constexpr float kApart = -2;  // below any cosine: neighbours that never belong together

// alike[j] = cos(k_j, k_{j+1}); kApart between text and image and behind the last slot. A key of length 0 is
// like nothing, cosine 0. keys [n][head_dim]
inline void compare_neighbours(const Candidates& slots, const float* keys, std::span<float> alike) noexcept {
  const int dim = slots.head_dim;
  float length = 0;
  for (int j = 0; j < slots.n(); ++j) {
    const float* key = keys + static_cast<std::ptrdiff_t>(j) * dim;
    const float own = product(*slots.kernels, key, key, dim);
    const float both = j > 0 ? product(*slots.kernels, key, key - dim, dim) : 0.0f;
    if (j > 0 && slots.token(j).modality == slots.token(j - 1).modality)
      alike[static_cast<std::size_t>(j - 1)] = own * length > 0 ? both / std::sqrt(own * length) : 0.0f;
    alike[static_cast<std::size_t>(j)] = kApart;
    length = own;
  }
}

}  // namespace shrike::kv::parts
