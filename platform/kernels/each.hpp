#pragma once

#include <utility>

namespace shrike {
namespace {

// fn<0>() .. fn<n - 1>(), unrolled: registers cannot be indexed, and lanes are named by constants.
template <int n, class Fn>
inline void each(Fn&& fn) noexcept {
  [&]<int... i>(std::integer_sequence<int, i...>) { (fn.template operator()<i>(), ...); }
  (std::make_integer_sequence<int, n>{});
}

}  // namespace
}  // namespace shrike
