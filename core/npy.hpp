#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platform/result.hpp"

namespace shrike {

// numpy's .npy files: f32, i32 and u8 in C order, rank 0 to 8. For comparing with other runtimes, not for the
// hot path.
//
// Errors   read: missing, permission, io, malformed (a header that lies, a file too short), unsupported
//          (another dtype, Fortran order); write: io
struct Npy {
  enum class Type : std::uint8_t { f32, i32, u8 };
  Type type = Type::f32;
  std::vector<std::int64_t> shape;
  std::vector<float> f32;  // the one of `type` is filled
  std::vector<std::int32_t> i32;
  std::vector<std::uint8_t> u8;
};
[[nodiscard]] Result<Npy> read_npy(const std::string& path);

[[nodiscard]] Status write_npy(const std::string& path, std::span<const std::int64_t> shape,
                               std::span<const float> numbers);
[[nodiscard]] Status write_npy(const std::string& path, std::span<const std::int64_t> shape,
                               std::span<const std::int32_t> numbers);

}  // namespace shrike
