#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shrike::cli {

// "4MiB", "512M", "1.5G", "64k", "65536": powers of 1024 with or without iB. Empty: no such size.
[[nodiscard]] std::optional<std::int64_t> parse_bytes(std::string_view text);
// "2s", "500ms", "1.5", "01:07", "2h", "90m". In seconds. Empty: no such time.
[[nodiscard]] std::optional<double> parse_seconds(std::string_view text);
// "1920x1080". Empty: no such size.
struct Extent {
  int width = 0, height = 0;
};
[[nodiscard]] std::optional<Extent> parse_extent(std::string_view text);

[[nodiscard]] std::string bytes_text(std::int64_t bytes);      // "4.0 MiB", "312.5 KiB", "17 B"
[[nodiscard]] std::string bytes_argument(std::int64_t bytes);  // "918KiB", rounded up: can be typed
[[nodiscard]] std::string clock_text(double seconds);          // "01:07", "125:07"
[[nodiscard]] std::string grouped(std::int64_t number);        // "4,194,304"

}  // namespace shrike::cli
