#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace shrike::cli {

// SHA-256 of a file's bytes, as 64 hexadecimal digits. FIPS 180-4.
[[nodiscard]] std::string sha256(std::span<const std::byte> bytes);

}  // namespace shrike::cli
