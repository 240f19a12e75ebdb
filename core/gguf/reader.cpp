#include "core/gguf/reader.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/limits.hpp"
#include "platform/numeric.hpp"

static_assert(std::endian::native == std::endian::little, "GGUF is little-endian and read in place");

namespace shrike::gguf {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kAlignmentDefault = 32;

std::uint64_t scalar_bytes(ValueType type) noexcept {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    default:
      return 0;
  }
}

// The bytes that are left. Every step asks first; after a failure nothing more is given.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t left() const noexcept { return bytes_.size() - at_; }
  std::uint64_t position() const noexcept { return at_; }

  template <class T>
  bool read(T& out) noexcept {
    if (left() < sizeof(T)) return false;
    std::memcpy(&out, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }
  bool take(std::uint64_t n, std::span<const std::byte>& out) noexcept {
    if (left() < n) return false;
    out = bytes_.subspan(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return true;
  }
  bool string(std::string_view& out) noexcept {
    std::uint64_t n = 0;
    std::span<const std::byte> text;
    if (!read(n) || !take(n, text)) return false;
    out = {reinterpret_cast<const char*>(text.data()), text.size()};
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

// A number of the file as an Error can show it: the largest there, where it is larger still.
std::int64_t shown(std::uint64_t number) noexcept {
  return static_cast<std::int64_t>(std::min(number, ~std::uint64_t{0} >> 1));
}

// What a parse fails with: a rule and what it was about. The subject's file name is added by the caller.
struct Fault {
  Code code = Code::malformed;
  const char* rule = nullptr;
  std::string what;
  std::uint64_t got = 0, allowed = 0;
  bool has_numbers = false;
  std::string hint = {};
  explicit operator bool() const noexcept { return rule != nullptr; }
};
Fault fault(const char* rule, std::string_view what) {
  return {Code::malformed, rule, std::string(what.substr(0, 80))};
}
Fault fault(const char* rule, std::string_view what, std::uint64_t got, std::uint64_t allowed) {
  return {Code::malformed, rule, std::string(what.substr(0, 80)), got, allowed, true};
}

// Steps over an array's elements; strings are walked one by one, so that nobody has to check them again.
Fault read_array(Cursor& in, Value& value) {
  std::uint32_t element = 0;
  if (!in.read(element) || !in.read(value.count)) return fault("file ends inside an array", value.key);
  if (element == static_cast<std::uint32_t>(ValueType::array))
    return fault("arrays of arrays are not allowed", value.key);
  if (element > static_cast<std::uint32_t>(ValueType::f64))
    return fault("unknown element type", value.key, element, 12);
  value.element = static_cast<ValueType>(element);
  if (value.element == ValueType::string) {
    if (value.count > in.left() / 8)
      return fault("array is longer than the file", value.key, value.count, in.left() / 8);
    Cursor begin = in;
    std::string_view text;
    for (std::uint64_t i = 0; i < value.count; ++i)
      if (!in.string(text)) return fault("file ends inside a string of an array", value.key);
    const std::uint64_t bytes = in.position() - begin.position();
    begin.take(bytes, value.bytes);
    return {};
  }
  const std::uint64_t size = scalar_bytes(value.element);
  if (value.count > in.left() / size)
    return fault("array is longer than the file", value.key, value.count, in.left() / size);
  in.take(value.count * size, value.bytes);
  if (value.element == ValueType::boolean)
    for (const std::byte b : value.bytes)
      if (b > std::byte{1})
        return fault("a bool is neither 0 nor 1", value.key, std::to_integer<std::uint64_t>(b), 1);
  return {};
}

Fault read_value(Cursor& in, Value& value) {
  std::uint32_t type = 0;
  if (!in.read(type)) return fault("file ends inside a key", value.key);
  if (type > static_cast<std::uint32_t>(ValueType::f64))
    return fault("unknown value type", value.key, type, 12);
  value.type = static_cast<ValueType>(type);
  if (value.type == ValueType::array) return read_array(in, value);
  if (value.type == ValueType::string) {
    return in.string(value.text) ? Fault{}
                                 : fault("file ends inside a string, or its length is a lie", value.key);
  }
  std::span<const std::byte> raw;
  if (!in.take(scalar_bytes(value.type), raw)) return fault("file ends inside a value", value.key);
  std::memcpy(&value.bits, raw.data(), raw.size());
  switch (value.type) {  // negative numbers keep their sign in 64 bits
    case ValueType::i8:
      value.bits =
          static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int8_t>(value.bits)));
      break;
    case ValueType::i16:
      value.bits =
          static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int16_t>(value.bits)));
      break;
    case ValueType::i32:
      value.bits =
          static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(value.bits)));
      break;
    case ValueType::boolean:
      if (value.bits > 1) return fault("a bool is neither 0 nor 1", value.key, value.bits, 1);
      break;
    default:
      break;
  }
  return {};
}

// One row of the tensor directory. `offset` is checked later, when the data section is known.
Fault read_tensor(Cursor& in, TensorInfo& tensor, std::uint64_t& offset) {
  if (!in.string(tensor.name)) return fault("file ends inside the tensor directory", "tensors");
  if (tensor.name.empty()) return fault("tensor without a name", "tensors");
  if (tensor.name.size() >= limits::kNameBytesMax)
    return fault("tensor name is too long", tensor.name, tensor.name.size(), limits::kNameBytesMax - 1);
  std::uint32_t n_dims = 0;
  if (!in.read(n_dims)) return fault("file ends inside the tensor directory", tensor.name);
  if (n_dims > limits::kDimsMax)
    return fault("tensor has too many dimensions", tensor.name, n_dims, limits::kDimsMax);
  tensor.n_dims = static_cast<int>(n_dims);
  std::uint64_t n_numbers = 1;
  for (std::uint32_t d = 0; d < n_dims; ++d) {
    if (!in.read(tensor.ne[d])) return fault("file ends inside the tensor directory", tensor.name);
    if (tensor.ne[d] == 0) return fault("tensor has an empty dimension", tensor.name);
    if (!checked_mul(n_numbers, tensor.ne[d], n_numbers) || n_numbers > (std::uint64_t{1} << 62))
      return fault("tensor is larger than anything can be", tensor.name);
  }
  std::uint32_t type = 0;
  if (!in.read(type) || !in.read(offset)) return fault("file ends inside the tensor directory", tensor.name);
  const DTypeInfo info = dtype_info(type);
  if (info.weights == 0) {
    Fault f = fault("unknown tensor type", tensor.name);
    f.code = Code::unsupported;
    f.hint = "its id is " + std::to_string(type) + ", supported are " + kMatrixTypes;
    return f;
  }
  tensor.type = static_cast<DType>(type);
  if (tensor.ne[0] % static_cast<std::uint64_t>(info.weights) != 0)
    return fault("row is no multiple of its type's qblock", tensor.name, tensor.ne[0],
                 static_cast<std::uint64_t>(info.weights));
  if (!checked_mul(n_numbers / static_cast<std::uint64_t>(info.weights),
                   static_cast<std::uint64_t>(info.bytes), tensor.bytes))
    return fault("tensor is larger than anything can be", tensor.name);
  return {};
}

Fault place_tensors(std::span<const std::byte> data, std::uint64_t alignment, std::span<TensorInfo> tensors,
                    std::span<const std::uint64_t> offsets) {
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const std::uint64_t offset = offsets[t];
    if (offset % alignment != 0)
      return fault("tensor does not start on the alignment", tensors[t].name, offset, alignment);
    if (offset > data.size() || tensors[t].bytes > data.size() - offset)
      return fault("tensor lies outside the file", tensors[t].name, offset, data.size());
    tensors[t].data = data.data() + offset;
  }
  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return offsets[a] < offsets[b]; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (offsets[order[i]] - offsets[order[i - 1]] < tensors[order[i - 1]].bytes)
      return fault("tensor overlaps another", tensors[order[i]].name);
  return {};
}

const char* version_rule(std::uint32_t version) noexcept {
  if (version == 1) return "GGUF version 1 is dead; convert the file anew";
  if (version != 0 && (version & 0xFFFFu) == 0)
    return "file is big-endian; this build reads little-endian ones";
  return "unknown GGUF version";
}

}  // namespace

bool StringArray::next(std::string_view& out) noexcept {
  if (left_ == 0) return false;
  std::uint64_t n = 0;
  std::memcpy(&n, bytes_.data(), sizeof(n));
  out = {reinterpret_cast<const char*>(bytes_.data()) + sizeof(n), static_cast<std::size_t>(n)};
  bytes_ = bytes_.subspan(sizeof(n) + static_cast<std::size_t>(n));
  --left_;
  return true;
}

Result<File> File::parse(std::span<const std::byte> bytes, std::string name) {
  File file;
  file.name_ = std::move(name);
  file.size_bytes_ = bytes.size();
  const auto refuse = [&](const Fault& f) {
    Error error = f.has_numbers ? file.error(f.code, f.rule, f.what, shown(f.got), shown(f.allowed))
                                : file.error(f.code, f.rule, f.what);
    error.hint = f.hint;
    return error;
  };

  Cursor in(bytes);
  std::uint32_t magic = 0;
  if (!in.read(magic) || magic != kMagic)
    return file.error(Code::malformed, "not a GGUF file (it does not begin with GGUF)", "header");
  if (!in.read(file.version_)) return file.error(Code::malformed, "file ends inside the header", "header");
  if (file.version_ != 2 && file.version_ != 3)
    return file.error(Code::unsupported, version_rule(file.version_), "header", file.version_, 3);
  std::uint64_t n_tensors = 0, n_keys = 0;
  if (!in.read(n_tensors) || !in.read(n_keys))
    return file.error(Code::malformed, "file ends inside the header", "header");
  if (n_keys > limits::kKeysMax) return refuse(fault("too many keys", "header", n_keys, limits::kKeysMax));
  if (n_tensors > limits::kTensorsMax)
    return refuse(fault("too many tensors", "header", n_tensors, limits::kTensorsMax));

  for (std::uint64_t i = 0; i < n_keys; ++i) {
    Value value;
    if (!in.string(value.key)) return refuse(fault("file ends inside a key, or its length is a lie", "keys"));
    if (value.key.empty()) return refuse(fault("empty key", "keys"));
    if (value.key.size() > limits::kKeyBytesMax)
      return refuse(fault("key is too long", value.key, value.key.size(), limits::kKeyBytesMax));
    if (const Fault f = read_value(in, value)) return refuse(f);
    file.values_.push_back(value);
  }
  std::sort(file.values_.begin(), file.values_.end(),
            [](const Value& a, const Value& b) { return a.key < b.key; });
  for (std::size_t i = 1; i < file.values_.size(); ++i)
    if (file.values_[i].key == file.values_[i - 1].key)
      return refuse(fault("key comes twice", file.values_[i].key));

  SHRIKE_TRY(const std::int64_t split, file.integer_or("split.count", 0, 0, 65535));
  if (split > 1)
    return file.error(Code::unsupported, "file in pieces; join them first", "split.count", split, 1);
  SHRIKE_TRY(const std::int64_t alignment, file.integer_or("general.alignment", kAlignmentDefault, 1,
                                                           static_cast<std::int64_t>(limits::kAlignmentMax)));
  if (!std::has_single_bit(static_cast<std::uint64_t>(alignment)))
    return refuse(fault("alignment is no power of two", "general.alignment",
                        static_cast<std::uint64_t>(alignment), limits::kAlignmentMax));

  std::vector<std::uint64_t> offsets;
  for (std::uint64_t i = 0; i < n_tensors; ++i) {
    TensorInfo tensor;
    std::uint64_t offset = 0;
    if (const Fault f = read_tensor(in, tensor, offset)) return refuse(f);
    file.tensors_.push_back(tensor);
    offsets.push_back(offset);
  }
  const std::uint64_t data_begin = align_up(in.position(), static_cast<std::uint64_t>(alignment));
  const std::span<const std::byte> data =
      data_begin <= bytes.size() ? bytes.subspan(data_begin) : std::span<const std::byte>{};
  if (const Fault f = place_tensors(data, static_cast<std::uint64_t>(alignment), file.tensors_, offsets))
    return refuse(f);

  file.by_name_.resize(file.tensors_.size());
  std::iota(file.by_name_.begin(), file.by_name_.end(), 0u);
  std::sort(file.by_name_.begin(), file.by_name_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return file.tensors_[a].name < file.tensors_[b].name; });
  for (std::size_t i = 1; i < file.by_name_.size(); ++i)
    if (file.tensors_[file.by_name_[i]].name == file.tensors_[file.by_name_[i - 1]].name)
      return refuse(fault("tensor comes twice", file.tensors_[file.by_name_[i]].name));
  return file;
}

// --- access ------------------------------------------------------------------------------------------------

const Value* File::find(std::string_view key) const noexcept {
  const auto at = std::lower_bound(values_.begin(), values_.end(), key,
                                   [](const Value& v, std::string_view k) { return v.key < k; });
  return at != values_.end() && at->key == key ? &*at : nullptr;
}

const TensorInfo* File::tensor(std::string_view tensor_name) const noexcept {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), tensor_name,
                                   [&](std::uint32_t t, std::string_view n) { return tensors_[t].name < n; });
  return at != by_name_.end() && tensors_[*at].name == tensor_name ? &tensors_[*at] : nullptr;
}

Result<std::int64_t> File::integer(std::string_view key, std::int64_t min, std::int64_t max) const {
  const Value* value = find(key);
  if (value == nullptr) return error(Code::missing, "key is missing", key);
  switch (value->type) {
    case ValueType::f32:
    case ValueType::f64:
    case ValueType::boolean:
    case ValueType::string:
    case ValueType::array:
      return error(Code::malformed, "must be an integer", key);
    default:
      break;
  }
  if (value->type == ValueType::u64 && value->bits > static_cast<std::uint64_t>(max))
    return error(Code::malformed, "is too large", key, shown(value->bits), max);
  const std::int64_t number = static_cast<std::int64_t>(value->bits);
  if (number < min) return error(Code::malformed, "is too small", key, number, min);
  if (number > max) return error(Code::malformed, "is too large", key, number, max);
  return number;
}

Result<std::int64_t> File::integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                      std::int64_t max) const {
  return find(key) == nullptr ? Result<std::int64_t>(fallback) : integer(key, min, max);
}

Result<float> File::real(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return error(Code::missing, "key is missing", key);
  float number = 0;
  if (value->type == ValueType::f32)
    number = std::bit_cast<float>(static_cast<std::uint32_t>(value->bits));
  else if (value->type == ValueType::f64)
    number = static_cast<float>(std::bit_cast<double>(value->bits));
  else
    return error(Code::malformed, "must be a float", key);
  if (!std::isfinite(number)) return error(Code::malformed, "must be finite", key);
  return number;
}

Result<float> File::real_or(std::string_view key, float fallback) const {
  return find(key) == nullptr ? Result<float>(fallback) : real(key);
}

Result<bool> File::boolean_or(std::string_view key, bool fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->type != ValueType::boolean) return error(Code::malformed, "must be a bool", key);
  return value->bits != 0;
}

Result<std::string_view> File::string(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return error(Code::missing, "key is missing", key);
  if (value->type != ValueType::string) return error(Code::malformed, "must be a string", key);
  return value->text;
}

Result<std::string_view> File::string_or(std::string_view key, std::string_view fallback) const {
  return find(key) == nullptr ? Result<std::string_view>(fallback) : string(key);
}

Status File::reals(std::string_view key, std::span<float> out) const {
  SHRIKE_TRY(
      const Value* value,
      array(key,
            find(key) != nullptr && find(key)->element == ValueType::f64 ? ValueType::f64 : ValueType::f32,
            out.size(), out.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (value->element == ValueType::f64) {
      double number = 0;
      std::memcpy(&number, value->bytes.data() + i * sizeof(double), sizeof(double));
      out[i] = static_cast<float>(number);
    } else {
      std::memcpy(&out[i], value->bytes.data() + i * sizeof(float), sizeof(float));
    }
    if (!std::isfinite(out[i])) return error(Code::malformed, "must be finite", key);
  }
  return ok();
}

Result<const Value*> File::array(std::string_view key, ValueType element, std::uint64_t min,
                                 std::uint64_t max) const {
  const Value* value = find(key);
  if (value == nullptr) return error(Code::missing, "key is missing", key);
  if (value->type != ValueType::array) return error(Code::malformed, "must be an array", key);
  if (value->element != element) return error(Code::malformed, "array of the wrong type", key);
  if (value->count < min)
    return error(Code::malformed, "array is too short", key, static_cast<std::int64_t>(value->count),
                 static_cast<std::int64_t>(min));
  if (value->count > max)
    return error(Code::malformed, "array is too long", key, static_cast<std::int64_t>(value->count),
                 static_cast<std::int64_t>(max));
  return value;
}

Error File::error(Code code, const char* rule, std::string_view what) const {
  return {code, rule, name_ + ": " + std::string(what)};
}
Error File::error(Code code, const char* rule, std::string_view what, std::int64_t got,
                  std::int64_t allowed) const {
  return {code, rule, name_ + ": " + std::string(what), got, allowed};
}

}  // namespace shrike::gguf
