// Any text through good vocabularies of every kind: it fits, comes back byte for byte, and no special token is
// spelled by it. The first byte chooses the vocabulary.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/model/tokenizer.hpp"
#include "tests/support/vocabulary.hpp"

using namespace shrike;

namespace {

struct Built {
  explicit Built(const test::Vocabulary& vocabulary) {
    test::GgufWriter w;
    vocabulary.write(w);
    bytes = w.bytes();
    file = gguf::File::parse(bytes, "file").value();
    const std::size_t n = Tokenizer::bytes_needed(file).value();
    memory.reset(static_cast<std::byte*>(std::aligned_alloc(64, n)));
    tokenizer = Tokenizer::build(file, {memory.get(), n}).value();
  }
  std::vector<std::byte> bytes;
  gguf::File file;
  std::unique_ptr<std::byte, decltype(&std::free)> memory{nullptr, &std::free};
  Tokenizer tokenizer;
};

const std::deque<Built>& vocabularies() {
  static const std::deque<Built> all = [] {
    std::deque<Built> made;
    for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-coder"}) {
      test::Vocabulary v = test::small_vocabulary();
      v.pre = pre;
      made.emplace_back(v);
    }
    made.emplace_back(test::small_pieces());
    return made;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Built& built = vocabularies()[data[0] % vocabularies().size()];
  const Tokenizer& t = built.tokenizer;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<TokenId> ids(text.size() + 1);
  const int n = t.encode(text, Special::as_text, ids);
  if (n < 0) {
    if (text.size() <= Tokenizer::kWordBytesMax / 3 - 1) std::abort();  // a written blank has three bytes
    return 0;
  }
  std::string back;
  char piece[limits::kTokenBytesMax];
  for (int i = 0; i < n; ++i) {
    const TokenId id = ids[static_cast<std::size_t>(i)];
    const int n_bytes = t.decode(id, piece);
    if (n_bytes == 0) std::abort();  // a special token
    back.append(piece, static_cast<std::size_t>(n_bytes));
  }
  // SentencePiece puts a blank in front, and takes U+2581 for one.
  std::string expected = text;
  if (data[0] % vocabularies().size() == vocabularies().size() - 1) {
    expected.insert(0, text.empty() ? 0 : 1, ' ');
    for (std::size_t at; (at = expected.find("\u2581")) != expected.npos;) {
      expected.erase(at, 2);
      expected[at] = ' ';
    }
  }
  if (back != expected) std::abort();
  (void)t.encode(text, Special::parse, ids);
  return 0;
}
