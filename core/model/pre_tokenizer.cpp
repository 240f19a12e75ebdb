#include "core/model/pre_tokenizer.hpp"

#include "core/model/unicode.hpp"

namespace shrike {
namespace {

using unicode::Class;

Class class_at(std::string_view text, std::size_t at) noexcept {
  return unicode::class_of(unicode::front(text.substr(at)).code_point);
}

bool is_line_end(char c) noexcept { return c == '\r' || c == '\n'; }

// The end of the run of characters of one class that begins at `at`.
std::size_t run_end(std::string_view text, std::size_t at, Class wanted) noexcept {
  while (at < text.size()) {
    const unicode::Char c = unicode::front(text.substr(at));
    if (unicode::class_of(c.code_point) != wanted) break;
    at += static_cast<std::size_t>(c.n_bytes);
  }
  return at;
}

// S+ not before a non-space | S+: a run of spaces leaves its last one to what follows it.
std::size_t spaces(std::string_view text, std::size_t run, bool at_end) noexcept {
  if (at_end) return run;
  std::size_t last = run - 1;  // where the run's last space begins
  while (last > 0 && (text[last] & 0xC0) == 0x80) --last;
  return last > 0 ? last : run;
}

// GPT-2:   's 't 're 've 'm 'll 'd  |  ?L+  |  ?N+  |  ?(other)+  |  S+ not before a non-space  |  S+
// where the blank before a run is one optional U+0020.
// SmolLM and StarCoder first make every number character a word of its own, which ends what lies before it.
template <bool numbers_apart>
std::size_t gpt2_word(std::string_view text) noexcept {
  for (const std::string_view tail : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(tail)) return tail.size();
  const std::size_t blank = text[0] == ' ' ? 1 : 0;
  if (blank < text.size()) {
    const Class c = class_at(text, blank);
    if (numbers_apart && c == Class::number)
      return blank > 0 ? blank : static_cast<std::size_t>(unicode::front(text).n_bytes);
    if (c != Class::space) return run_end(text, blank, c);
  }
  const std::size_t run = run_end(text, 0, Class::space);
  const bool at_end = run == text.size() || (numbers_apart && class_at(text, run) == Class::number);
  return spaces(text, run, at_end);
}

std::size_t contraction_of_any_case(std::string_view text) noexcept {
  const auto small = [&](std::size_t i) { return i < text.size() ? text[i] | 0x20 : 0; };
  if (text[0] != '\'') return 0;
  const int a = small(1), b = small(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// Llama 3: 's 't 're 've 'm 'll 'd in either case  |  (not CR, LF, L, N)?L+  |  N{1,3}
//          |  ?(other)+(CR or LF)*  |  S*(CR or LF)+  |  S+ not before a non-space  |  S+
// Qwen 2 takes numbers one by one.
template <int n_digits>
std::size_t llama3_word(std::string_view text) noexcept {
  if (const std::size_t n = contraction_of_any_case(text)) return n;
  const Class c = class_at(text, 0);
  const std::size_t second = static_cast<std::size_t>(unicode::front(text).n_bytes);
  if (c == Class::letter) return run_end(text, second, Class::letter);
  if (c == Class::number) {
    std::size_t at = second;
    for (int n = 1; n < n_digits && at < text.size() && class_at(text, at) == Class::number; ++n)
      at += static_cast<std::size_t>(unicode::front(text.substr(at)).n_bytes);
    return at;
  }
  if (!is_line_end(text[0]) && second < text.size() && class_at(text, second) == Class::letter)
    return run_end(text, second, Class::letter);
  const std::size_t blank = text[0] == ' ' ? 1 : 0;
  if (blank < text.size() && class_at(text, blank) == Class::other) {
    std::size_t at = run_end(text, blank, Class::other);
    while (at < text.size() && is_line_end(text[at])) ++at;
    return at;
  }
  const std::size_t run = run_end(text, 0, Class::space);
  const std::size_t line_end = text.substr(0, run).find_last_of("\r\n");
  return line_end != text.npos ? line_end + 1 : spaces(text, run, run == text.size());
}

// DeepSeek Coder, five patterns one after the other, each on what the one before has cut:
//   CR or LF  |  S?L+  |  S?P+  |  [U+4E00-U+9FA5 U+0800-U+4E00 U+AC00-U+D7FF]+  |  N
// so a word of letters is cut once more where that range begins or ends.
bool is_eastern(std::uint32_t c) noexcept {
  return (c >= 0x800 && c <= 0x9FA5) || (c >= 0xAC00 && c <= 0xD7FF);
}
std::size_t deepseek_coder_word(std::string_view text) noexcept {
  enum Kind { letter, punctuation, space, number, other };
  const auto kind_of = [](std::uint32_t c) {
    switch (unicode::class_of(c)) {
      case Class::letter:
        return letter;
      case Class::space:
        return space;
      case Class::number:
        return number;
      default:
        return unicode::is_punctuation(c) ? punctuation : other;
    }
  };
  const auto begins_run = [&](std::size_t at) {  // of letters or punctuation, the space before it left aside
    if (at >= text.size()) return other;
    const Kind kind = kind_of(unicode::front(text.substr(at)).code_point);
    return kind == letter || kind == punctuation ? kind : other;
  };

  if (is_line_end(text[0])) return 1;
  const unicode::Char first = unicode::front(text);
  const Kind kind = kind_of(first.code_point);
  std::size_t at = static_cast<std::size_t>(first.n_bytes);
  if (kind == number) return at;
  Kind run = begins_run(0);
  if (kind == space) run = begins_run(at);
  while (at < text.size()) {
    const unicode::Char c = unicode::front(text.substr(at));
    const std::size_t next = at + static_cast<std::size_t>(c.n_bytes);
    const Kind here = kind_of(c.code_point);
    if (is_line_end(text[at]) || is_eastern(c.code_point) != is_eastern(first.code_point)) break;
    if (run != other ? here != run : here != space && here != other) break;
    if (here == space && begins_run(next) != other) break;
    at = next;
  }
  return at;
}

}  // namespace

const PreTokenizer* pre_tokenizer(std::string_view name) noexcept {
  static constexpr struct {
    std::string_view names;  // each with a blank before and behind
    PreTokenizer how;
  } kRows[] = {
      {" smollm starcoder refact command-r codeshell exaone minerva-7b ", {gpt2_word<true>}},
      {" default gpt-2 phi-2 mpt olmo jais trillion granite-docling gigachat a.x-4.0 mellum modern-bert "
       "jina-es "
       "jina-de "
       "jina-v2-es jina-v2-de ",
       {gpt2_word<false>}},
      {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 ", {llama3_word<3>, true, true}},
      {" dbrx smaug-bpe ", {llama3_word<3>}},
      {" qwen2 deepseek-r1-qwen kormo stablelm2 hunyuan megrez ", {llama3_word<1>}},
      {" deepseek-coder ", {deepseek_coder_word}},
  };
  if (name.empty() || name.find(' ') != name.npos) return nullptr;
  for (const auto& row : kRows)
    for (std::size_t at = row.names.find(name); at != row.names.npos; at = row.names.find(name, at + 1))
      if (row.names[at - 1] == ' ' && row.names[at + name.size()] == ' ') return &row.how;
  return nullptr;
}

}  // namespace shrike
