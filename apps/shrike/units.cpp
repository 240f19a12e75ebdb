#include "apps/shrike/units.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace shrike::cli {
namespace {

// The number in front and the rest behind it; empty when there is none. Finite and not negative.
std::optional<double> leading_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  const std::optional<double> number = leading_number(text);
  if (!number) return std::nullopt;
  std::string unit = lower(text);
  if (unit.size() == 3 && unit.ends_with("ib"))
    unit.resize(1);
  else if (unit.ends_with("b"))
    unit.resize(unit.size() - 1);
  double factor = 0;
  if (unit.empty())
    factor = 1;
  else if (unit == "k")
    factor = 1024.0;
  else if (unit == "m")
    factor = 1024.0 * 1024;
  else if (unit == "g")
    factor = 1024.0 * 1024 * 1024;
  const double bytes = *number * factor;
  if (factor == 0 || bytes < 1 || bytes > 1e15) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

std::optional<double> parse_seconds(std::string_view text) {
  const std::optional<double> number = leading_number(text);
  if (!number || *number > 1e9) return std::nullopt;
  if (text.starts_with(":")) {
    text.remove_prefix(1);
    const std::optional<double> rest = leading_number(text);
    if (!rest || !text.empty() || *rest >= 60 || *number != std::floor(*number)) return std::nullopt;
    return *number * 60 + *rest;
  }
  if (text.empty() || text == "s") return *number;
  if (text == "ms") return *number / 1000;
  if (text == "m" || text == "min") return *number * 60;
  if (text == "h") return *number * 3600;
  return std::nullopt;
}

std::optional<Extent> parse_extent(std::string_view text) {
  Extent extent;
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, extent.width);
  if (error != std::errc{} || after == end || *after != 'x') return std::nullopt;
  auto [last, second] = std::from_chars(after + 1, end, extent.height);
  if (second != std::errc{} || last != end || extent.width <= 0 || extent.height <= 0) return std::nullopt;
  return extent;
}

std::string bytes_text(std::int64_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB"};
  double number = static_cast<double>(bytes);
  int unit = 0;
  while (number >= (unit == 0 ? 1024 : 1023.95) && unit < 3) {  // what would be shown as 1024.0 goes up
    number /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
  return text;
}

std::string bytes_argument(std::int64_t bytes) { return std::to_string((bytes + 1023) / 1024) + "KiB"; }

std::string clock_text(double seconds) {
  const long long total = static_cast<long long>(seconds);
  char text[32];
  std::snprintf(text, sizeof(text), "%02lld:%02lld", total / 60, total % 60);
  return text;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const int first = number < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

}  // namespace shrike::cli
