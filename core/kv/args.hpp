#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace shrike::kv {

// A number that a part is given: "0.2", "32", and where the part allows it "1f" (frames) or "25%" (of the budget).
enum class Unit : std::uint8_t { plain, frames, percent };
struct Amount {
  float value = 0;
  Unit unit = Unit::plain;
};
inline constexpr int kArgsMax = 4;
using Args = std::array<Amount, kArgsMax>;

// What a part may be given, in this order or by name: "adaptive:0.2", "top:sink=4,recent=1f".
struct ArgSpec {
  std::string_view name;  // empty: there is none
  Amount otherwise;
  float min = 0;
  float max = std::numeric_limits<float>::max();
  bool units = false;  // frames and percent are understood
  bool whole = false;  // whole numbers only
};
using ArgSpecs = std::array<ArgSpec, kArgsMax>;

constexpr Args defaults(const ArgSpecs& specs) noexcept {
  Args args{};
  for (int a = 0; a < kArgsMax; ++a)
    args[static_cast<std::size_t>(a)] = specs[static_cast<std::size_t>(a)].otherwise;
  return args;
}

}  // namespace shrike::kv
