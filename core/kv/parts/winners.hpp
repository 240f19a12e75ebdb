#pragma once

#include <span>

#include "core/kv/overview.hpp"

namespace shrike::kv::parts {

// How many of the best `total` scores each share has, share s being tables [first + s n_tables, first +
// (s + 1) n_tables). The order in which tables are laid end to end decides nothing: of equal scores at the
// border every share gets an equal part. sum(out) == total, or all there are. Takes all.order as scratch.
void winners(const Overview& all, std::size_t first, std::size_t n_tables, int total,
             std::span<int> out) noexcept;

}  // namespace shrike::kv::parts
