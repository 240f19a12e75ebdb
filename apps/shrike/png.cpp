#include "apps/shrike/png.hpp"

#include <zlib.h>

#include "platform/check.hpp"

namespace shrike::cli {
namespace {

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFFu);
  return bytes;
}

// Length, type, data, and a checksum over the latter two.
std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body +
         big_endian(static_cast<std::uint32_t>(sum));
}

std::string header(int width, int height) {
  constexpr char kDepth = 8, kTrueColour = 2, kDeflate = 0, kFilters = 0, kNotInterlaced = 0;
  return big_endian(static_cast<std::uint32_t>(width)) + big_endian(static_cast<std::uint32_t>(height)) +
         std::string{kDepth, kTrueColour, kDeflate, kFilters, kNotInterlaced};
}

// Each row behind the number of its filter: 2, the difference to the row above, which for drawings is nearly
// all 0.
std::string filtered(int width, int height, std::span<const std::uint8_t> rgb) {
  constexpr char kUp = 2;
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(width);
  std::string out;
  out.reserve((row_bytes + 1) * static_cast<std::size_t>(height));
  for (std::size_t at = 0; at < rgb.size(); at += row_bytes) {
    out += kUp;
    for (std::size_t i = at; i < at + row_bytes; ++i)
      out += static_cast<char>(rgb[i] - (i >= row_bytes ? rgb[i - row_bytes] : 0));
  }
  return out;
}

std::string deflated(const std::string& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  const int status =
      compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                static_cast<uLong>(bytes.size()), Z_BEST_COMPRESSION);
  SHRIKE_CHECK(status == Z_OK, status);
  out.resize(size);
  return out;
}

}  // namespace

std::string png_bytes(int width, int height, std::span<const std::uint8_t> rgb) {
  const std::size_t size = 3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  SHRIKE_CHECK(width > 0 && height > 0 && rgb.size() == size, width, height);
  constexpr const char* kSignature = "\x89PNG\r\n\x1A\n";
  return kSignature + chunk("IHDR", header(width, height)) +
         chunk("IDAT", deflated(filtered(width, height, rgb))) + chunk("IEND", "");
}

}  // namespace shrike::cli
