#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/result.hpp"

namespace shrike::cli {

// How much KV memory a policy may have in an evaluation: a share of what the whole stream takes, or so many
// bytes.
struct EvalBudget {
  std::string text;        // as people read it: "10%", "512KiB"
  double percent = 0;      // above 0, at most 100; 0: bytes
  std::int64_t bytes = 0;  // where percent is 0

  // Rounded down: a share is never exceeded.
  [[nodiscard]] std::int64_t of(std::int64_t full_bytes) const noexcept;
};

// "50,28,10,5", "12.5%", "512KiB,2MiB", and both mixed. A number alone is percent.
// Errors   usage: the one that is none, or comes twice
[[nodiscard]] Result<std::vector<EvalBudget>> parse_budgets(std::string_view list);

// The smallest share in tenths of a percent that gives at least `bytes` of `full_bytes`.
[[nodiscard]] double smallest_percent(std::int64_t bytes, std::int64_t full_bytes) noexcept;

// What stands between the marks; nothing between two of them is an empty part.
[[nodiscard]] std::vector<std::string> split_at(std::string_view list, char mark);

}  // namespace shrike::cli
