#include "core/kv/args.hpp"

#include <charconv>
#include <cmath>

#include "core/kv/words.hpp"

namespace shrike::kv {
namespace {

std::string shortest(float number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), number).ptr};
}

Result<Amount> read_amount(const ArgSpec& spec, std::string_view text, std::string_view word) {
  Amount out;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out.value);
  const std::string_view unit(at, static_cast<std::size_t>(end - at));
  if (unit == "f") out.unit = Unit::frames;
  if (unit == "%") out.unit = Unit::percent;
  const bool known = unit.empty() || (spec.units && out.unit != Unit::plain);
  if (error != std::errc{} || !known || !std::isfinite(out.value))
    return usage(
        spec.units ? "wants a number: slots, frames (1f) or a share of the budget (25%)" : "wants a number",
        word);
  const float max = out.unit == Unit::percent ? 100.0f : spec.max;
  if (out.value < spec.min || out.value > max)
    return usage("gives a number out of range", word,
                 std::string(spec.name) + " may be " + shortest(spec.min) + " to " + shortest(max));
  if ((spec.whole || out.unit == Unit::frames) && out.value != std::floor(out.value))
    return usage("wants a whole number", word);
  return out;
}

}  // namespace

Status read_args(const ArgSpecs& specs, std::string_view text, std::string_view word, Args& out) {
  for (std::size_t place = 0; !text.empty(); ++place) {
    std::string_view value = cut(text, ",");
    std::string_view name;
    std::size_t at = place;
    if (value.find('=') != std::string_view::npos) {
      name = cut(value, "=");
      at = 0;
      while (at < kArgsMax && specs[at].name != name) ++at;
    }
    if (at >= kArgsMax || specs[at].name.empty()) {
      std::vector<std::string_view> names;
      for (const ArgSpec& spec : specs)
        if (!spec.name.empty()) names.push_back(spec.name);
      return usage("gives a part a number that it does not take", word,
                   names.empty() ? "it takes none" : there_are(name, names));
    }
    SHRIKE_TRY(out[at], read_amount(specs[at], trim(value), word));
  }
  return ok();
}

}  // namespace shrike::kv
