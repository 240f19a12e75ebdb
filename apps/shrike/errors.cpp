#include "apps/shrike/errors.hpp"

#include <cstdio>

#include "apps/shrike/units.hpp"

namespace shrike::cli {

int exit_code(const Error& error) noexcept {
  switch (error.code) {
    case Code::usage:
      return kUsage;
    case Code::malformed:
    case Code::unsupported:
      return kBadData;
    case Code::missing:
      return kNoInput;
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
  if (!error.has_numbers) return text;
  if (error.code == Code::does_not_fit && error.subject == "--kv-budget")
    return text + ": " + bytes_text(error.got) + " is too small, the smallest that works is " +
           bytes_text(error.allowed);
  if (error.code == Code::does_not_fit && error.subject == "--memory")
    return text + " " + bytes_text(error.allowed) + ": it takes " + bytes_text(error.got);
  return text + ": got " + std::to_string(error.got) + ", allowed " + std::to_string(error.allowed);
}

int fail(const Error& error) { return fail(exit_code(error), error_text(error)); }

int fail(int code, const std::string& text) {
  std::fprintf(stderr, "shrike: %s\n", text.c_str());
  return code;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    char escape[8];
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
    } else {
      std::snprintf(escape, sizeof(escape), c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\x%02x", byte);
      out += escape;
    }
  }
  return out;
}

}  // namespace shrike::cli
