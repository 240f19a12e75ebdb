#pragma once

#include <span>

namespace shrike::kv::parts {

// total = sum(out), shares differ by at most one, the first ones take what is left over.
inline void share_equally(int total, std::span<int> out) noexcept {
  const int n = static_cast<int>(out.size());
  for (int i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = total / n + (i < total % n ? 1 : 0);
}

}  // namespace shrike::kv::parts
