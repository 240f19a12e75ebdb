#include "camera/synthetic/world_options.hpp"

#include <array>
#include <charconv>
#include <string>

namespace shrike::synthetic {
namespace {

template <class Int>
bool parse_whole(std::string_view text, Int& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_within(std::string_view text, int low, int high, int& out) {
  return parse_whole(text, out) && out >= low && out <= high;
}

// "2", "0.5", "29.97" in thousandths.
bool parse_fps(std::string_view text, std::int64_t& out) {
  const std::size_t point = text.find('.');
  int whole = 0;
  if (!parse_within(text.substr(0, point), 0, 1000, whole)) return false;
  int milli = 0;
  if (point != text.npos) {
    std::string digits(text.substr(point + 1));
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != digits.npos)
      return false;
    digits.resize(3, '0');
    if (!parse_whole(std::string_view(digits), milli)) return false;
  }
  out = std::int64_t{whole} * 1000 + milli;
  return out >= 1 && out <= 1'000'000;
}

bool parse_size(std::string_view text, WorldOptions& o) {
  const std::size_t by = text.find('x');
  const auto side = [](std::string_view digits, int& out) {
    return parse_within(digits, kWorldSideMin, kWorldSideMax, out);
  };
  if (!side(text.substr(0, by), o.width)) return false;
  if (by == text.npos) return (o.height = o.width) > 0;
  return side(text.substr(by + 1), o.height);
}

struct Key {
  std::string_view name;
  const char* rule;
  bool (*parse)(std::string_view value, WorldOptions& o);
};

constexpr std::array<Key, 9> kKeys = {{
    {"seed", "must be a whole number of 64 bits", [](auto v, auto& o) { return parse_whole(v, o.seed); }},
    {"fps", "must be between 0.001 and 1000, with at most three decimals",
     [](auto v, auto& o) { return o.fps_given = parse_fps(v, o.fps_milli); }},
    {"frames", "must be between 0 (for ever) and 1000000",
     [](auto v, auto& o) { return parse_within(v, 0, kWorldFramesMax, o.n_frames); }},
    {"size", "must be SIDE or WIDTHxHEIGHT, each between 16 and 4096",
     [](auto v, auto& o) { return parse_size(v, o); }},
    {"hold", "must be between 1 and 1000", [](auto v, auto& o) { return parse_within(v, 1, 1000, o.hold); }},
    {"shake", "must be between 0 and 4", [](auto v, auto& o) { return parse_within(v, 0, 4, o.shake); }},
    {"night", "must be between 0 and 1440 minutes",
     [](auto v, auto& o) { return parse_within(v, 0, 1440, o.night_minutes); }},
    {"noise", "must be between 0 and 32", [](auto v, auto& o) { return parse_within(v, 0, 32, o.noise); }},
    {"blur", "must be between 0 and 4", [](auto v, auto& o) { return parse_within(v, 0, 4, o.blur); }},
}};

}  // namespace

Result<WorldOptions> WorldOptions::parse(std::string_view spec) {
  WorldOptions options;
  std::array<bool, kKeys.size()> given{};
  while (!spec.empty()) {
    const std::string_view pair = spec.substr(0, spec.find(','));
    spec.remove_prefix(std::min(spec.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const auto fault = [&](const char* rule) {
      return Error{Code::usage, rule, "synthetic: " + std::string(pair)};
    };
    if (equals == pair.npos) return fault("is no key=value");
    std::size_t k = 0;
    while (k < kKeys.size() && kKeys[k].name != pair.substr(0, equals)) ++k;
    if (k == kKeys.size())
      return fault("is unknown; there are seed, fps, frames, size, hold, shake, night, noise and blur");
    if (given[k]) return fault("was given before");
    given[k] = true;
    if (!kKeys[k].parse(pair.substr(equals + 1), options)) return fault(kKeys[k].rule);
  }
  return options;
}

}  // namespace shrike::synthetic
