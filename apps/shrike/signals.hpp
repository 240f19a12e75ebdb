#pragma once

namespace shrike::cli {

// The first Ctrl-C (or SIGTERM) asks for an end, with a summary; the second one ends at once.
void catch_signals() noexcept;
[[nodiscard]] bool stop_asked() noexcept;

}  // namespace shrike::cli
