#include "core/model/pre_tokenizer.hpp"

#include "core/model/unicode.hpp"

namespace shrike {
namespace {

using unicode::Class;

Class class_at(std::string_view text, std::size_t at) noexcept {
  return unicode::class_of(unicode::front(text.substr(at)).code_point);
}

// The end of the run of characters of one class that begins at `at`.
std::size_t run_end(std::string_view text, std::size_t at, Class wanted) noexcept {
  while (at < text.size()) {
    const unicode::Char c = unicode::front(text.substr(at));
    if (unicode::class_of(c.code_point) != wanted) break;
    at += static_cast<std::size_t>(c.n_bytes);
  }
  return at;
}

std::size_t contraction(std::string_view text) noexcept {
  for (const std::string_view tail : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(tail)) return tail.size();
  return 0;
}

// GPT-2:   's 't 're 've 'm 'll 'd  |  ?L+  |  ?N+  |  ?(other)+  |  S+ not before a non-space  |  S+
// where the blank before a run is one optional U+0020. A longer run of spaces leaves its last one to what
// follows.
std::size_t gpt2_word(std::string_view text) noexcept {
  if (const std::size_t n = contraction(text)) return n;
  const std::size_t blank = text[0] == ' ' ? 1 : 0;
  if (blank < text.size()) {
    const Class c = class_at(text, blank);
    if (c != Class::space) return run_end(text, blank, c);
  }
  const std::size_t end = run_end(text, 0, Class::space);
  if (end == text.size()) return end;
  std::size_t last = 0;  // where the run's last space begins
  for (std::size_t at = 0; at < end; at += static_cast<std::size_t>(unicode::front(text.substr(at)).n_bytes))
    last = at;
  return last > 0 ? last : end;
}

// SmolLM: every number character is a word of its own; what lies between is cut as GPT-2 does, each stretch
// by itself.
std::size_t smollm_word(std::string_view text) noexcept {
  std::size_t end = 0;
  while (end < text.size()) {
    const unicode::Char c = unicode::front(text.substr(end));
    if (unicode::class_of(c.code_point) == Class::number) {
      if (end == 0) return static_cast<std::size_t>(c.n_bytes);
      break;
    }
    end += static_cast<std::size_t>(c.n_bytes);
  }
  return gpt2_word(text.substr(0, end));
}

}  // namespace

NextWord pre_tokenizer(std::string_view name) noexcept {
  const struct {
    std::string_view name;
    NextWord next;
  } rows[] = {{"smollm", smollm_word}, {"gpt-2", gpt2_word}};
  for (const auto& row : rows)
    if (row.name == name) return row.next;
  return nullptr;
}

}  // namespace shrike
