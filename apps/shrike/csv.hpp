#pragma once

#include <string>

namespace shrike::cli {

// A field of a CSV line, quoted where it has to be.
[[nodiscard]] inline std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += c;
    out += c;
  }
  return out += '"';
}

}  // namespace shrike::cli
