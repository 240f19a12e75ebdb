#pragma once

#include <string>

#include "platform/result.hpp"

namespace shrike::cli {

// The exit codes of sysexits.h, which systemd prints by name.
enum Exit : int {
  kOk = 0,
  kWrong = 1,
  kUsage = 64,
  kBadData = 65,
  kNoInput = 66,
  kUnavailable = 69,
  kBug = 70,
  kNoResource = 71,
  kIo = 74,
  kNoPermission = 77,
  kDoesNotFit = 78
};

[[nodiscard]] int exit_code(const Error& error) noexcept;

// One line, without "shrike:" in front: what it was about, which rule failed, what was found and what is
// allowed.
[[nodiscard]] std::string error_text(const Error& error);

// Prints one line, "shrike: TEXT", to stderr and gives the exit code: `return fail(error);`
int fail(const Error& error);
int fail(int code, const std::string& text);

// Text from a file or a camera, fit for a terminal: control characters and broken UTF-8 become visible
// escapes.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace shrike::cli
