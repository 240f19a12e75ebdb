#include "core/npy.hpp"

#include <cstdio>
#include <cstring>
#include <string_view>

#include "platform/memory.hpp"
#include "platform/numeric.hpp"

namespace shrike {
namespace {

// The value of 'key' in the header, which is a Python dict literal such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (13, 1280), }
std::string_view value_of(std::string_view header, std::string_view key) noexcept {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = header.substr(at + key.size());
  const std::size_t begin = rest.find_first_not_of("': ");
  return begin == std::string_view::npos ? std::string_view{} : rest.substr(begin);
}

bool read_shape(std::string_view text, std::vector<std::int64_t>& shape) {
  if (text.empty() || text[0] != '(') return false;
  std::int64_t number = -1;
  for (const char c : text.substr(1)) {
    if (c >= '0' && c <= '9') {
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
      if (number > (std::int64_t{1} << 40)) return false;
    } else if (c == ',' || c == ')') {
      if (number >= 0) shape.push_back(number);
      number = -1;
      if (c == ')') return shape.size() <= 8;
    } else if (c != ' ') {
      return false;
    }
  }
  return false;
}

template <class T>
Status write(const std::string& path, const char* descr, std::span<const std::int64_t> shape,
             std::span<const T> numbers) {
  std::string dims;
  std::uint64_t n = 1;
  for (const std::int64_t d : shape) {
    dims += std::to_string(d) + ", ";
    n *= static_cast<std::uint64_t>(d);
  }
  SHRIKE_CHECK(n == numbers.size(), static_cast<std::int64_t>(n), static_cast<std::int64_t>(numbers.size()));
  std::string header =
      std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (" + dims + "), }";
  header.resize(align_up(10 + header.size() + 1, std::size_t{64}) - 11, ' ');
  header += '\n';
  const std::uint16_t size = static_cast<std::uint16_t>(header.size());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return Error{Code::io, "cannot be written", path};
  bool good =
      std::fwrite("\x93NUMPY\x01\x00", 1, 8, file) == 8 && std::fwrite(&size, 1, 2, file) == 2 &&
      std::fwrite(header.data(), 1, header.size(), file) == header.size() &&
      (numbers.empty() || std::fwrite(numbers.data(), sizeof(T), numbers.size(), file) == numbers.size());
  good = std::fclose(file) == 0 && good;
  return good ? ok() : Status(Error{Code::io, "could not be written to the end", path});
}

}  // namespace

Result<Npy> read_npy(const std::string& path) {
  SHRIKE_TRY(const MappedFile file, MappedFile::open(path));
  const std::span<const std::byte> bytes = file.bytes();
  const auto malformed = [&](const char* rule) { return Error{Code::malformed, rule, path}; };
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
    return malformed("not an .npy file");
  const int version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3) return Error{Code::unsupported, "unknown .npy version", path, version, 3};
  std::size_t n_header = 0;
  std::memcpy(&n_header, bytes.data() + 8, version == 1 ? 2 : 4);
  const std::size_t begin = version == 1 ? 10 : 12;
  if (n_header > bytes.size() - begin) return malformed("file ends inside the header");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + begin, n_header);

  Npy out;
  const std::string_view descr = value_of(header, "'descr'").substr(0, 3);
  if (descr == "<f4")
    out.type = Npy::Type::f32;
  else if (descr == "<i4")
    out.type = Npy::Type::i32;
  else if (descr == "|u1")
    out.type = Npy::Type::u8;
  else
    return Error{Code::unsupported, "dtype is none of f32, i32, u8", path};
  if (!value_of(header, "'fortran_order'").starts_with("False"))
    return Error{Code::unsupported, "not in C order", path};
  if (!read_shape(value_of(header, "'shape'"), out.shape)) return malformed("no shape that can be read");

  std::uint64_t n = out.type == Npy::Type::u8 ? 1 : 4;
  for (const std::int64_t d : out.shape)
    if (!checked_mul(n, static_cast<std::uint64_t>(d), n))
      return malformed("shape is larger than anything can be");
  const std::span<const std::byte> data = bytes.subspan(begin + n_header);
  if (n != data.size()) return malformed("data is not as long as its shape");
  const auto copy = [&](auto& to) {
    to.resize(static_cast<std::size_t>(n) / sizeof(to[0]));
    if (n > 0) std::memcpy(to.data(), data.data(), static_cast<std::size_t>(n));
  };
  switch (out.type) {
    case Npy::Type::f32:
      copy(out.f32);
      break;
    case Npy::Type::i32:
      copy(out.i32);
      break;
    case Npy::Type::u8:
      copy(out.u8);
      break;
  }
  return out;
}

Status write_npy(const std::string& path, std::span<const std::int64_t> shape,
                 std::span<const float> numbers) {
  return write(path, "<f4", shape, numbers);
}
Status write_npy(const std::string& path, std::span<const std::int64_t> shape,
                 std::span<const std::int32_t> numbers) {
  return write(path, "<i4", shape, numbers);
}

}  // namespace shrike
