// A vocabulary of any bytes, as a GGUF file: refused, or text goes through it without harm.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "core/limits.hpp"
#include "core/model/tokenizer.hpp"

using namespace shrike;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* from = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(from, from + size);
  const Result<gguf::File> file = gguf::File::parse(bytes, "file");
  if (!file) return 0;
  const Result<std::size_t> n_bytes = Tokenizer::bytes_needed(*file);
  if (!n_bytes) return 0;
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::aligned_alloc(64, *n_bytes)), &std::free);
  const Result<Tokenizer> tokenizer = Tokenizer::build(*file, {memory.get(), *n_bytes});
  if (!tokenizer) return 0;

  // The last bytes of the file, which the fuzzer may write as it likes, and words that merges love.
  const std::size_t n_tail = std::min<std::size_t>(size, 200);
  const std::string_view tail(reinterpret_cast<const char*>(data + size - n_tail), n_tail);
  char piece[limits::kTokenBytesMax];
  for (const std::string_view text : {tail, std::string_view("hello  hell 007 <|im_start|>\n\xFFhe"),
                                      std::string_view("aaaaaaaaaaaaaaaaaaaaaaaa \u2581\u2581 \u4E2D\u6587")})
    for (const Special special : {Special::as_text, Special::parse}) {
      std::vector<TokenId> ids(4 * text.size() + 16);
      const int n = tokenizer->encode(text, special, ids);
      if (n > static_cast<int>(ids.size())) std::abort();
      for (int i = 0; i < n; ++i) {
        const TokenId id = ids[static_cast<std::size_t>(i)];
        if (id < 0 || id >= tokenizer->n_vocab()) std::abort();
        if (tokenizer->decode(id, piece) > static_cast<int>(sizeof(piece))) std::abort();
      }
    }
  return 0;
}
