#include "core/kv/parts/fold.hpp"

#include <algorithm>
#include <cmath>

#include "core/limits.hpp"

namespace shrike::kv::parts {
namespace {

void scale(float* x, float by, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] *= by;
}
void add(float* x, const float* y, float weight, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] += weight * y[i];
}

float inverse_length(const Kernels& kernels, const float* x, int n) noexcept {
  float sum = 0;
  kernels.attn_scores_f32(&sum, 1, x, n, 1, x, n, 1, n, 1.0f);
  return sum > 0 ? 1.0f / std::sqrt(sum) : 0.0f;
}

// Leaving keys are compared a few at a time, so that a tile of kept ones is read from L1 by all of them.
constexpr int kRows = 8, kColumns = 64;

// The rows of `leaving` against every slot: target and scratch of each. bias [n]: minus infinity for slots
// that receive nothing, else 0.
void match_rows(const Merging& m, std::span<const std::int32_t> leaving, const float* bias,
                float least) noexcept {
  const int n = m.n(), dim = m.slots.head_dim, n_rows = static_cast<int>(leaving.size());
  const float* inverse = m.scratch.data() + n;
  float rows[kRows * limits::kHeadDimMax], products[kRows * kColumns];
  float best[kRows];
  for (int r = 0; r < n_rows; ++r) {
    const std::size_t i = static_cast<std::size_t>(leaving[static_cast<std::size_t>(r)]);
    std::copy_n(m.key(static_cast<int>(i)), dim, rows + r * dim);
    best[r] = -INFINITY;
    m.target[i] = -1;
  }
  for (int first = 0; first < n; first += kColumns) {
    const int n_columns = std::min(kColumns, n - first);
    m.slots.kernels->attn_scores_f32(products, kColumns, rows, dim, n_rows, m.key(first), dim, n_columns, dim,
                                     1.0f);
    for (int r = 0; r < n_rows; ++r) {
      const std::size_t i = static_cast<std::size_t>(leaving[static_cast<std::size_t>(r)]);
      for (int c = 0; c < n_columns; ++c) {
        const float cosine = products[r * kColumns + c] * inverse[i] * inverse[first + c] + bias[first + c];
        if (!(cosine > best[r]) || cosine < least) continue;
        best[r] = cosine;
        m.target[i] = first + c;
      }
    }
  }
  for (int r = 0; r < n_rows; ++r) {
    const std::size_t i = static_cast<std::size_t>(leaving[static_cast<std::size_t>(r)]);
    m.scratch[i] = m.target[i] >= 0 ? best[r] : least;
  }
}

void fold_into(const Merging& m, int j, std::span<const std::int32_t> members,
               const Weights& weights) noexcept {
  const int dim = m.slots.head_dim;
  float sum = weights.own;
  scale(m.key(j), weights.own, dim);
  scale(m.value(j), weights.own, dim);
  for (const std::int32_t member : members) {
    const std::size_t i = static_cast<std::size_t>(member);
    float weight = weights.each;
    if (weights.by_count) weight *= m.count[i];
    if (weights.by_cosine) weight *= m.scratch[i];
    add(m.key(j), m.key(member), weight, dim);
    add(m.value(j), m.value(member), weight, dim);
    sum += weight;
    m.count[static_cast<std::size_t>(j)] += m.count[i];
  }
  const float divide = weights.divide > 0 ? weights.divide : sum;
  scale(m.key(j), 1.0f / divide, dim);
  scale(m.value(j), 1.0f / divide, dim);
  m.changed[static_cast<std::size_t>(j)] = 1;
}

}  // namespace

void match(const Merging& m, float least) noexcept {
  const int n = m.n();
  float* inverse = m.scratch.data() + n;
  float* bias = m.cosines.data();
  std::size_t n_leaving = 0;
  for (int i = 0; i < n; ++i) {
    const bool stays = m.keep[static_cast<std::size_t>(i)] != 0;
    inverse[i] = inverse_length(*m.slots.kernels, m.key(i), m.slots.head_dim);
    bias[i] = m.receives(i) ? 0.0f : -INFINITY;
    m.target[static_cast<std::size_t>(i)] = -1;
    if (!stays) m.order[n_leaving++] = i;
  }
  for (std::size_t i = 0; i < n_leaving; i += kRows)
    match_rows(m, m.order.subspan(i, std::min<std::size_t>(kRows, n_leaving - i)), bias, least);
}

void fold(const Merging& m, Weigh weigh) noexcept {
  const auto target = [&](std::int32_t i) { return m.target[static_cast<std::size_t>(i)]; };
  std::size_t n = 0;
  for (std::int32_t i = 0; i < m.n(); ++i)
    if (target(i) >= 0) m.order[n++] = i;
  const std::span<std::int32_t> leaving = m.order.first(n);
  std::sort(leaving.begin(), leaving.end(), [&](std::int32_t a, std::int32_t b) {
    return target(a) != target(b) ? target(a) < target(b) : a < b;
  });
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    const int j = target(leaving[begin]);
    while (end < n && target(leaving[end]) == j) ++end;
    fold_into(m, j, leaving.subspan(begin, end - begin), weigh(m, j, static_cast<int>(end - begin)));
  }
}

}  // namespace shrike::kv::parts
