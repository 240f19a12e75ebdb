#include <cmath>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

// 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3)
float gelu_of(float x) noexcept {
  constexpr float kTwoRootTwoOverPi = 1.5957691216057308f;
  const float two_u = kTwoRootTwoOverPi * (x + 0.044715f * x * x * x);
  return x / (1.0f + std::exp(-two_u));
}

void gelu(float* x, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] = gelu_of(x[i]);
}

void gelu_quick(float* x, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] = x[i] / (1.0f + std::exp(-1.702f * x[i]));
}

void silu_mul(float* gate, const float* up, int n) noexcept {
  for (int i = 0; i < n; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void gelu_mul(float* gate, const float* up, int n) noexcept {
  for (int i = 0; i < n; ++i) gate[i] = gelu_of(gate[i]) * up[i];
}

void add(float* y, const float* x, int n) noexcept {
  for (int i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace

void install_act_scalar(Kernels& k) noexcept {
  k.gelu = gelu;
  k.gelu_quick = gelu_quick;
  k.silu_mul = silu_mul;
  k.gelu_mul = gelu_mul;
  k.add = add;
}

}  // namespace shrike
