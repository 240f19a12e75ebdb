#include "apps/shrike/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace shrike::cli {

Interval wilson_interval(std::int64_t n_right, std::int64_t n) noexcept {
  if (n <= 0) return {};
  constexpr double z = 1.959963984540054;  // 95 % of a normal distribution lie within
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(n_right) / count;
  const double middle = share + z * z / (2 * count);
  const double reach = z * std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  const double scale = 1 + z * z / count;
  return {n_right == 0 ? 0.0 : (middle - reach) / scale, n_right == n ? 1.0 : (middle + reach) / scale};
}

double mcnemar_p(std::int64_t n_a, std::int64_t n_b) noexcept {
  const std::int64_t n = n_a + n_b, fewer = std::min(n_a, n_b);
  double term = std::exp2(-static_cast<double>(n)), tail = 0;  // of k heads among n coins
  if (term > 0) {
    for (std::int64_t k = 0; k <= fewer; ++k) {
      tail += term;
      term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
    }
  } else {  // more coins than a double has exponents: sums the logarithms
    for (std::int64_t k = 0; k <= fewer; ++k)
      tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) -
                       static_cast<double>(n) * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

std::int64_t median(std::vector<std::int64_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace shrike::cli
