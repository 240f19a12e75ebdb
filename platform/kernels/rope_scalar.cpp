#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

void rope_neighbours(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept {
  for (int i = 0; i < n_pairs; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    out[2 * i] = a * cos[i] - b * sin[i];
    out[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

void rope_halves(float* out, const float* x, const float* cos, const float* sin, int n_pairs) noexcept {
  for (int i = 0; i < n_pairs; ++i) {
    const float a = x[i], b = x[i + n_pairs];
    out[i] = a * cos[i] - b * sin[i];
    out[i + n_pairs] = b * cos[i] + a * sin[i];
  }
}

}  // namespace

void install_rope_scalar(Kernels& k) noexcept {
  k.rope_neighbours = rope_neighbours;
  k.rope_halves = rope_halves;
}

}  // namespace shrike
