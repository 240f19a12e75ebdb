#pragma once

namespace shrike::cli {

// The first Ctrl-C (or SIGTERM) asks for an end, with a summary; the second one ends at once.
void catch_signals() noexcept;
[[nodiscard]] bool stop_asked() noexcept;
// The exit code of who stopped for it, as shells count: 130 after Ctrl-C, 143 after SIGTERM.
[[nodiscard]] int stop_code() noexcept;

}  // namespace shrike::cli
