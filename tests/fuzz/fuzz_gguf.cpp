// A GGUF file of any bytes: parsed, or refused; what was parsed can be walked to its end.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/gguf/reader.hpp"
#include "core/model/config.hpp"
#include "core/model/weights.hpp"

using namespace shrike;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly its size, so that a sanitizer sees the first byte beyond.
  const auto* from = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(from, from + size);
  const Result<gguf::File> file = gguf::File::parse(bytes, "file");
  if (!file) return 0;
  std::uint64_t sum = 0;
  for (const gguf::Value& value : file->values()) {
    if (file->find(value.key) != &value) std::abort();
    if (value.type != gguf::ValueType::array) continue;
    if (value.element == gguf::ValueType::string) {
      gguf::StringArray strings(value);
      std::uint64_t n = 0;
      for (std::string_view text; strings.next(text); ++n)
        for (const char c : text) sum += static_cast<unsigned char>(c);
      if (n != value.count) std::abort();
    } else {
      for (const std::byte b : value.bytes) sum += static_cast<std::uint8_t>(b);
    }
  }
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    if (file->tensor(tensor.name) == nullptr) std::abort();
    for (std::uint64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<std::uint8_t>(tensor.data[i]);
  }
  if (const Result<TextConfig> config = read_text_config(*file)) (void)read_text_weights(*file, *config);
  if (const Result<VisionConfig> config = read_vision_config(*file))
    (void)read_vision_weights(*file, *config);
  volatile std::uint64_t kept = sum;
  (void)kept;
  return 0;
}
