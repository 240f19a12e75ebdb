#include "core/kv/policy.hpp"

namespace shrike::kv {
namespace {

// A bare name is the form that a stream under a hard budget needs; "-paper" is the formula as printed, for
// comparison, where the two differ.
constexpr PolicyRow kPolicies[] = {
    {"recent", "layers=equal heads=equal score=recency select=frames merge=drop codec=f16",
     "the opening words and the newest whole frames; older ones leave"},
    {"full", "select=all", "everything, until the pool is full; then frames are refused"},
};

}  // namespace

std::span<const PolicyRow> named_policies() noexcept { return kPolicies; }

}  // namespace shrike::kv
