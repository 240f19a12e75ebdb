#include "core/kv/parts/fold.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kv/parts/product.hpp"
#include "platform/numeric.hpp"

namespace shrike::kv::parts {
namespace {

void scale(float* x, float by, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] *= by;
}
void add(float* x, const float* y, float weight, int n) noexcept {
  for (int i = 0; i < n; ++i) x[i] += weight * y[i];
}

float cosine(const Merging& m, int i, int j) noexcept {
  const auto times = [&](int a, int b) {
    return product(*m.slots.kernels, m.key(a), m.key(b), m.slots.head_dim);
  };
  const float lengths = times(i, i) * times(j, j);
  return lengths > 0 ? times(i, j) / std::sqrt(lengths) : 0.0f;
}

// Directions of the slots that receive, side by side for Kernels::nearest, and the room behind them.
struct Panel {
  std::int16_t* row;  // [kRows][2 n_pairs], for the ones that leave
  std::int16_t* keys;
  float* inverse;
  int n_pairs = 0, n = 0;

  void add(const Merging& m, int j) noexcept {
    inverse[n] = m.slots.kernels->direction(row, m.key(j), m.slots.head_dim);
    std::int16_t* to =
        keys + (static_cast<std::ptrdiff_t>(n / kPanelKeys) * n_pairs * kPanelKeys + n % kPanelKeys) * 2;
    for (int pair = 0; pair < n_pairs; ++pair) std::memcpy(to + pair * 2 * kPanelKeys, row + 2 * pair, 4);
    ++n;
  }
};

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
  Panel panel{m.directions, m.directions + kMatchRows * direction_numbers(dim), m.scratch.data() + n,
              direction_numbers(dim) / 2};
  std::fill_n(m.directions, kMatchRows * direction_numbers(dim), std::int16_t{0});
  std::size_t n_leaving = 0, n_receiving = 0;
  std::int32_t* const receiving = m.order.data() + n;  // grows downwards, towards those that leave
  for (int i = 0; i < n; ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    m.target[at] = -1;
    m.scratch[at] = least;
    if (m.keep[at] == 0) m.order[n_leaving++] = i;
    if (!m.receives(i)) continue;
    panel.add(m, i);
    *(receiving - ++n_receiving) = i;
  }
  for (std::size_t begin = 0; begin < n_leaving; begin += kMatchRows) {
    const auto leaving = m.order.subspan(begin, std::min<std::size_t>(kMatchRows, n_leaving - begin));
    std::int32_t best[kMatchRows];
    for (std::size_t r = 0; r < leaving.size(); ++r)
      m.slots.kernels->direction(panel.row + r * static_cast<std::size_t>(2 * panel.n_pairs),
                                 m.key(leaving[r]), dim);
    m.slots.kernels->nearest(best, panel.row, static_cast<int>(leaving.size()), panel.keys, panel.inverse,
                             panel.n, panel.n_pairs);
    for (std::size_t r = 0; r < leaving.size() && panel.n > 0; ++r) {
      const std::size_t at = static_cast<std::size_t>(leaving[r]);
      const std::int32_t j = *(receiving - 1 - best[r]);
      const float alike = cosine(m, leaving[r], j);
      if (!(alike >= least)) continue;
      m.target[at] = j;
      m.scratch[at] = alike;
    }
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
