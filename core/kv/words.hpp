#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "platform/result.hpp"

// How the text of a composition is taken apart and its mistakes are named. At start only: allocates.
namespace shrike::kv {

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Cuts `text` at the first of `marks` that stands in no parentheses; what stood before it is returned.
inline std::string_view cut(std::string_view& text, std::string_view marks) {
  std::size_t at = 0;
  for (int depth = 0; at < text.size(); ++at) {
    if (depth == 0 && marks.find(text[at]) != std::string_view::npos) break;
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
  }
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(std::min(text.size(), at + 1));
  return trim(before);
}

// Letters to change, add or drop between two words.
inline int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// "there are a, b, c": the nearest spelling first, equally near ones in the order given.
inline std::string there_are(std::string_view word, std::vector<std::string_view> names) {
  std::stable_sort(names.begin(), names.end(), [&](std::string_view a, std::string_view b) {
    return edit_distance(word, a) < edit_distance(word, b);
  });
  std::string text = "there are ";
  for (std::size_t i = 0; i < names.size(); ++i) text.append(i > 0 ? ", " : "").append(names[i]);
  return text;
}

inline Error usage(const char* rule, std::string_view subject, std::string hint = {}) {
  Error error{Code::usage, rule, std::string(subject)};
  error.hint = std::move(hint);
  return error;
}

}  // namespace shrike::kv
