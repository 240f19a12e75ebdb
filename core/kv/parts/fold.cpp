#include "core/kv/parts/fold.hpp"

#include <algorithm>
#include <cmath>

namespace shrike::kv::parts {
namespace {

void scale(float* x, float by, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] *= by;
}
void add(float* x, const float* y, float weight, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] += weight * y[i];
}

float inverse_length(const float* x, int n) noexcept {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum > 0 ? 1.0f / std::sqrt(sum) : 0.0f;
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
  const int n = m.n(), dim = m.slots.head_dim;
  float* inverse = m.scratch.data() + n;
  for (int i = 0; i < n; ++i) inverse[i] = inverse_length(m.key(i), dim);
  float* row = m.cosines.data();
  for (int i = 0; i < n; ++i) {
    std::int32_t& target = m.target[static_cast<std::size_t>(i)] = -1;
    if (m.keep[static_cast<std::size_t>(i)] != 0) continue;
    m.slots.kernels->attn_scores_f32(row, n, m.key(i), dim, 1, m.keys, dim, n, dim, inverse[i]);
    float best = least;
    for (int j = 0; j < n; ++j) {
      const float cosine = row[j] * inverse[j];
      if (m.keep[static_cast<std::size_t>(j)] == 0 || m.slots.pinned(j)) continue;
      if (target < 0 ? cosine < best : cosine <= best) continue;
      best = cosine;
      target = j;
    }
    m.scratch[static_cast<std::size_t>(i)] = best;
  }
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
