#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "platform/result.hpp"

namespace shrike::kv {

// A number that a part is given: "0.2", "32", and where the part allows it "1f" (frames) or "25%" (of the
// budget).
enum class Unit : std::uint8_t { plain, frames, percent };
struct Amount {
  float value = 0;
  Unit unit = Unit::plain;
};
inline constexpr int kArgsMax = 4;
using Args = std::array<Amount, kArgsMax>;

// What a part may be given, in this order or by name: "adakv(0.2)", "top(sink=4, recent=1f)".
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
  for (std::size_t a = 0; a < kArgsMax; ++a) args[a] = specs[a].otherwise;
  return args;
}

// "32, pool=7" into `out`, at the places that `specs` gives them. Errors: usage, naming `word`.
[[nodiscard]] Status read_args(const ArgSpecs& specs, std::string_view text, std::string_view word,
                               Args& out);

}  // namespace shrike::kv
