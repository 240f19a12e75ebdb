#include <algorithm>
#include <cmath>

#include "platform/kernels/install.hpp"
#include "platform/kernels/row_evidence.hpp"

namespace shrike {
namespace {

float number(float x) noexcept { return x; }
float number(f16 x) noexcept { return f16_to_f32(x); }

template <class T>
void attn_scores(float* scores, int score_stride, const float* q, int q_stride, int n_q, const T* k,
                 int k_stride, int n_keys, int head_dim, float scale) noexcept {
  for (int r = 0; r < n_q; ++r)
    for (int j = 0; j < n_keys; ++j) {
      float sum = 0.0f;
      for (int i = 0; i < head_dim; ++i)
        sum += q[static_cast<std::ptrdiff_t>(r) * q_stride + i] *
               number(k[static_cast<std::ptrdiff_t>(j) * k_stride + i]);
      scores[static_cast<std::ptrdiff_t>(r) * score_stride + j] = sum * scale;
    }
}

template <class T>
void attn_mix(float* out, int out_stride, const float* p, int p_stride, int n_q, const T* v, int v_stride,
              int n_keys, int head_dim) noexcept {
  for (int r = 0; r < n_q; ++r)
    for (int j = 0; j < n_keys; ++j) {
      const float weight = p[static_cast<std::ptrdiff_t>(r) * p_stride + j];
      for (int i = 0; i < head_dim; ++i)
        out[static_cast<std::ptrdiff_t>(r) * out_stride + i] +=
            weight * number(v[static_cast<std::ptrdiff_t>(j) * v_stride + i]);
    }
}

float softmax(float* row, int n) noexcept {
  const float largest = *std::max_element(row, row + n);
  float z = 0.0f;
  for (int i = 0; i < n; ++i) z += row[i] = std::exp(row[i] - largest);
  for (int i = 0; i < n; ++i) row[i] /= z;
  return largest + std::log(z);
}

void softmax_evidence(float* row, const std::uint8_t* modality, int n, RowEvidence* evidence) noexcept {
  const float largest = *std::max_element(row, row + n);
  double z[2] = {}, u[2] = {};
  for (int i = 0; i < n; ++i) {
    const float d = row[i] - largest;
    const float e = row[i] = std::exp(d);
    z[modality[i]] += e;
    u[modality[i]] += e > 0 ? e * d : 0;  // d may be infinite
  }
  *evidence = evidence_of(z, u);
  for (int i = 0; i < n; ++i) row[i] /= static_cast<float>(z[0] + z[1]);
}

void column_mass(float* mass, const float* p, int p_stride, int n_rows, int n) noexcept {
  for (int r = 0; r < n_rows; ++r)
    for (int j = 0; j < n; ++j) mass[j] += p[static_cast<std::ptrdiff_t>(r) * p_stride + j];
}

void column_votes(float* votes, const float* p, int p_stride, int n_rows, int n, float least) noexcept {
  for (int r = 0; r < n_rows; ++r)
    for (int j = 0; j < n; ++j)
      votes[j] += p[static_cast<std::ptrdiff_t>(r) * p_stride + j] >= least ? 1.0f : 0.0f;
}

}  // namespace

void install_attention_scalar(Kernels& k) noexcept {
  k.attn_scores_f16 = attn_scores<f16>;
  k.attn_scores_f32 = attn_scores<float>;
  k.attn_mix_f16 = attn_mix<f16>;
  k.attn_mix_f32 = attn_mix<float>;
  k.softmax = softmax;
  k.softmax_evidence = softmax_evidence;
  k.column_mass = column_mass;
  k.column_votes = column_votes;
}

}  // namespace shrike
