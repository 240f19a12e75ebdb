#include "apps/shrike/errors.hpp"

#include <cstdio>
#include <string_view>

#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

// Bytes of the character in front of `text`; 0 where it is a control character or broken UTF-8.
std::size_t shown_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7F ? 1 : 0;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t n = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xC0u) != 0x80u) return 0;
  const unsigned second = byte(1);
  const bool control = lead == 0xC2 && second < 0xA0;  // terminals obey these as well
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool no_character = (lead == 0xED && second >= 0xA0) || (lead == 0xF4 && second >= 0x90);
  return control || overlong || no_character ? 0 : n;
}

}  // namespace

int exit_code(const Error& error) noexcept {
  switch (error.code) {
    case Code::usage:
      return kUsage;
    case Code::malformed:
    case Code::unsupported:
      return kBadData;
    case Code::missing:  // a model that is there but lacks a key is bad data, not a missing input
      return std::string_view(error.rule) == "key is missing" ? kBadData : kNoInput;
    case Code::io:
      return kIo;
    case Code::permission:
      return kNoPermission;
    case Code::unavailable:
      return kUnavailable;
    case Code::resource:
      return kNoResource;
    case Code::does_not_fit:
      return kDoesNotFit;
  }
  return kBug;
}

std::string error_text(const Error& error) {
  std::string text = printable(error.subject) + ": " + error.rule;
  if (!error.hint.empty()) text.append("; ").append(error.hint);
  if (!error.has_numbers) return text;
  const bool cap = error.subject == "--memory", bytes = cap || error.subject == "--kv-budget";
  if (error.code != Code::does_not_fit)
    text.append(": got ")
        .append(std::to_string(error.got))
        .append(", allowed ")
        .append(std::to_string(error.allowed));
  else if (cap)  // says what was asked for and what it takes; the others say it the other way round
    text.append(" ")
        .append(bytes_text(error.allowed))
        .append(", the smallest that works is ")
        .append(bytes_argument(error.got));
  else
    text.append(": ")
        .append(bytes ? bytes_text(error.got) : std::to_string(error.got))
        .append(" is too small, the smallest that works is ")
        .append(bytes ? bytes_argument(error.allowed) : std::to_string(error.allowed));
  return text;
}

int fail(const Error& error) { return fail(exit_code(error), error_text(error)); }

int fail(int code, const std::string& text) {
  std::fprintf(stderr, "shrike: %s\n", printable(text).c_str());
  return code;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t n = shown_character(text);
    if (n > 0) {
      out += text.substr(0, n);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\x%02x", static_cast<unsigned char>(text[0]));
      out += text[0] == '\n' ? "\\n" : text[0] == '\t' ? "\\t" : escape;
    }
    text.remove_prefix(n > 0 ? n : 1);
  }
  return out;
}

}  // namespace shrike::cli
