#include "apps/shrike/eval_budgets.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

// "50" or "12.5%"; empty where there is a unit, or no number.
std::optional<double> parse_percent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  double percent = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), percent, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return percent;
}

}  // namespace

std::int64_t EvalBudget::of(std::int64_t full_bytes) const noexcept {
  if (percent <= 0) return bytes;
  return static_cast<std::int64_t>(std::floor(static_cast<double>(full_bytes) * percent / 100));
}

Result<std::vector<EvalBudget>> parse_budgets(std::string_view list) {
  std::vector<EvalBudget> budgets;
  for (const std::string& text : split_at(list, ',')) {
    EvalBudget budget{text};
    if (const std::optional<double> percent = parse_percent(text)) {
      if (!(*percent >= 0.1 && *percent <= 100))
        return Error{Code::usage, "is no share between 0.1 and 100 percent; a size has a unit, 512KiB",
                     "--budgets " + text};
      budget.percent = *percent;
      if (!text.ends_with('%')) budget.text += '%';
    } else if (const std::optional<std::int64_t> bytes = parse_bytes(text)) {
      budget.bytes = *bytes;
    } else {
      return Error{Code::usage, "is no budget; write percent of the full KV, 10 or 12.5, or a size, 512KiB",
                   "--budgets " + text};
    }
    const auto same = [&](const EvalBudget& b) {
      return b.percent == budget.percent && b.bytes == budget.bytes;
    };
    if (std::any_of(budgets.begin(), budgets.end(), same))
      return Error{Code::usage, "was given twice", "--budgets " + text};
    budgets.push_back(budget);
  }
  return budgets;
}

double smallest_percent(std::int64_t bytes, std::int64_t full_bytes) noexcept {
  if (full_bytes <= 0) return 0;
  return std::ceil(static_cast<double>(bytes) / static_cast<double>(full_bytes) * 1000) / 10;
}

std::vector<std::string> split_at(std::string_view list, char mark) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = list.find(mark);
    parts.emplace_back(list.substr(0, end));
    if (end == list.npos) return parts;
    list.remove_prefix(end + 1);
  }
}

}  // namespace shrike::cli
