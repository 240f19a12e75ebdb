#pragma once

#include <algorithm>
#include <initializer_list>

#include "core/model/linear.hpp"

namespace shrike {

// Cuts the outputs of all products into pieces of outs_per_cut and shares them out: each(product, begin, end,
// thread).
template <class Each>
void over_cuts(Threads& threads, std::initializer_list<Product> products, int outs_per_cut, bool alone,
               Each each) noexcept {
  int n_cuts = 0;
  for (const Product& p : products) n_cuts += div_ceil(p.w.n_rows, outs_per_cut);
  const auto cut = [&](int index, int thread) {
    for (const Product& p : products) {
      const int n_here = div_ceil(p.w.n_rows, outs_per_cut);
      if (index < n_here)
        return each(p, index * outs_per_cut, std::min((index + 1) * outs_per_cut, p.w.n_rows), thread);
      index -= n_here;
    }
  };
  if (!alone) return threads.parallel_for(n_cuts, cut);
  for (int index = 0; index < n_cuts; ++index) cut(index, 0);
}

}  // namespace shrike
