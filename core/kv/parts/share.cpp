#include "core/kv/parts/share.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "platform/check.hpp"

namespace shrike::kv::parts {
namespace {

using Reals = double[kSharesMax];

double filled(double level, const double* weight, std::span<const int> lo, std::span<const int> hi,
              double* real) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < lo.size(); ++i)
    sum += real[i] = std::clamp(level * weight[i], static_cast<double>(lo[i]), static_cast<double>(hi[i]));
  return sum;
}

// Sixty halvings: monotone, bounded, and the same on every machine that has IEEE doubles.
void pour(int total, const double* weight, std::span<const int> lo, std::span<const int> hi,
          double* real) noexcept {
  double low = 0, high = 1;
  for (int i = 0; i < 200 && filled(high, weight, lo, hi, real) < total; ++i) high *= 2;
  for (int i = 0; i < 100 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    (filled(middle, weight, lo, hi, real) < total ? low : high) = middle;
  }
  filled(high, weight, lo, hi, real);
}

// Whole parts, then one slot at a time to the largest remainder that has room.
void round_up(int total, const double* real, std::span<const int> lo, std::span<const int> hi,
              std::span<int> out) noexcept {
  const std::size_t n = out.size();
  Reals rest;
  int left = total;
  for (std::size_t i = 0; i < n; ++i) {
    // A share that is whole up to rounding is whole.
    out[i] = std::clamp(static_cast<int>(std::floor(real[i] + 1e-6)), lo[i], hi[i]);
    rest[i] = real[i] - out[i];
    left -= out[i];
  }
  for (; left != 0;) {
    const int step = left > 0 ? 1 : -1;
    std::size_t best = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (step > 0 ? out[i] >= hi[i] : out[i] <= lo[i]) continue;
      if (best == n || step * rest[i] > step * rest[best] + 1e-6) best = i;
    }
    SHRIKE_CHECK(best < n, left, total);  // sum(lo) <= total <= sum(hi)
    out[best] += step;
    rest[best] -= step;
    left -= step;
  }
}

}  // namespace

void share(int total, std::span<const double> weight, std::span<const int> lo, std::span<const int> hi,
           std::span<int> out) noexcept {
  const std::size_t n = out.size();
  SHRIKE_CHECK(n <= kSharesMax && total >= 0, n, total);
  const int sum_lo = std::accumulate(lo.begin(), lo.end(), 0);
  const int sum_hi = std::accumulate(hi.begin(), hi.end(), 0);
  if (total >= sum_hi) {
    share_equally(total - sum_hi, out);
    for (std::size_t i = 0; i < n; ++i) out[i] += hi[i];
    return;
  }
  Reals w, real;
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += w[i] = std::isfinite(weight[i]) ? std::max(0.0, weight[i]) : 0.0;
  if (total <= sum_lo) {  // the floors themselves do not fit: all shrink alike
    int zero[kSharesMax] = {};
    for (std::size_t i = 0; i < n; ++i)
      real[i] = sum_lo == 0 ? 0 : static_cast<double>(total) * lo[i] / sum_lo;
    return round_up(total, real, std::span<const int>(zero, n), lo, out);
  }
  // A weight of nothing still fills up when all others are full.
  for (std::size_t i = 0; i < n; ++i) w[i] = sum > 0 ? w[i] / sum * total + 1e-9 : 1.0;
  pour(total, w, lo, hi, real);
  round_up(total, real, lo, hi, out);
}

void share_layers(const Overview& all, int total, const double* weight, std::span<int> out,
                  std::span<const int> floors) noexcept {
  int lo[kSharesMax] = {}, hi[kSharesMax] = {};
  for (std::size_t layer = 0; layer < out.size(); ++layer)
    for (int head = 0; head < all.n_kv_heads; ++head) {
      const std::size_t t = all.table(static_cast<int>(layer), head);
      lo[layer] += all.least(t);
      hi[layer] += all.n_slots[t];
    }
  for (std::size_t layer = 0; layer < floors.size(); ++layer)
    lo[layer] = std::clamp(floors[layer], lo[layer], hi[layer]);
  share(total, {weight, out.size()}, {lo, out.size()}, {hi, out.size()}, out);
}

void share_heads(const Overview& all, int layer, int total, const double* weight,
                 std::span<int> out) noexcept {
  int lo[kSharesMax] = {};
  for (std::size_t head = 0; head < out.size(); ++head)
    lo[head] = all.least(all.table(layer, static_cast<int>(head)));
  share(total, {weight, out.size()}, {lo, out.size()}, all.n_slots.subspan(all.table(layer, 0), out.size()),
        out);
}

}  // namespace shrike::kv::parts
