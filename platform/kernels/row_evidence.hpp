#pragma once

#include <cmath>

#include "platform/kernels/kernels.hpp"

namespace shrike {
namespace {

// Of Z = sum e^(s-m) and U = sum e^(s-m) (s-m) of either class, m the row's largest score. Measured from there, what
// a class that draws as good as nothing looks like is no longer to be seen.
template <class Number>
inline RowEvidence evidence_of(const Number (&z)[2], const Number (&u)[2]) noexcept {
  constexpr Number kLeastShare = 0x1p-56f;
  const Number all = z[0] + z[1];
  RowEvidence shown;
  for (int c = 0; c < 2; ++c) {
    if (z[c] < kLeastShare * all) continue;
    shown.mass[c] = static_cast<float>(z[c] / all);
    shown.class_entropy[c] = static_cast<float>(std::log(z[c]) - u[c] / z[c]);
  }
  shown.entropy = static_cast<float>(std::log(all) - (u[0] + u[1]) / all);
  return shown;
}

}  // namespace
}  // namespace shrike
