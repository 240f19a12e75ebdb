#include "core/kv/head_profile.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/limits.hpp"

namespace shrike::kv {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;

// The words of a line up to a '#', of which there may be at most five.
struct Words {
  std::array<std::string_view, 5> word;
  std::size_t n = 0;
  bool too_many = false;
};
Words words_of(std::string_view line) {
  Words words;
  line = line.substr(0, line.find('#'));
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t\r,");
    if (begin == line.npos) return words;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t\r,"), line.size());
    if (words.n == words.word.size()) {
      words.too_many = true;
      return words;
    }
    words.word[words.n++] = line.substr(0, end);
    line.remove_prefix(end);
  }
}

template <class Number>
bool read(std::string_view word, Number least, Number most, Number& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size() && out >= least && out <= most;
}

class Parser {
 public:
  explicit Parser(const std::string& name) : name_(name) {}

  Status line(std::string_view text) {
    ++n_lines_;
    const Words words = words_of(text);
    if (words.n == 0) return ok();
    return profile_.weights.empty() ? head(words) : row(words);
  }

  Result<HeadProfile> end() {
    if (profile_.weights.empty())
      return Error{Code::malformed, "is no head profile: it begins with \"N layers, N kv heads\"", name_};
    if (n_rows_ < n_tables())
      return Error{Code::malformed, "has too few rows, one for each kv head of each layer is expected", name_,
                   n_rows_, n_tables()};
    return std::move(profile_);
  }

 private:
  int n_tables() const { return profile_.n_layers * profile_.n_kv_heads; }

  Status head(const Words& words) {
    const auto& w = words.word;
    if (words.n != 5 || words.too_many || w[1] != "layers" || w[3] != "kv" || w[4] != "heads" ||
        !read(w[0], 1, limits::kLayersMax, profile_.n_layers) ||
        !read(w[2], 1, limits::kHeadsMax, profile_.n_kv_heads))
      return Error{Code::malformed, "is no head profile: it begins with \"N layers, N kv heads\"", name_};
    profile_.weights.resize(static_cast<std::size_t>(2 * n_tables()));
    return ok();
  }

  // Rows come in order, so that none is missing and none is there twice.
  Status row(const Words& words) {
    const auto& w = words.word;
    const int layer = n_rows_ / profile_.n_kv_heads, kv_head = n_rows_ % profile_.n_kv_heads;
    int found = 0;
    float* weight = profile_.weights.data() + 2 * n_rows_;
    if (n_rows_ == n_tables() || words.n != 4 || words.too_many || !read(w[0], layer, layer, found) ||
        !read(w[1], kv_head, kv_head, found) || !read(w[2], 0.0f, 1.0f, weight[0]) ||
        !read(w[3], 0.0f, 1.0f, weight[1]))
      return Error{Code::malformed,
                   "has a line that is not the next layer, kv head and two weights from 0 to 1; it is line",
                   name_, n_lines_, n_lines_};
    ++n_rows_;
    return ok();
  }

  const std::string& name_;
  HeadProfile profile_;
  int n_lines_ = 0, n_rows_ = 0;
};

}  // namespace

Result<HeadProfile> parse_head_profile(std::string_view text, const std::string& name) {
  Parser parser(name);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    SHRIKE_TRY_VOID(parser.line(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.end();
}

Result<HeadProfile> read_head_profile(const std::string& path, int n_layers, int n_kv_heads) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored))
    return Error{Code::missing, "no such head profile; shrike calibrate makes one", path};
  std::string text(kFileBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  SHRIKE_TRY(HeadProfile profile, parse_head_profile(text, path));
  if (profile.n_layers != n_layers || profile.n_kv_heads != n_kv_heads)
    return Error{Code::unsupported, "is the head profile of a model of another shape", path,
                 profile.n_layers * profile.n_kv_heads, n_layers * n_kv_heads};
  return profile;
}

std::string head_profile_text(const HeadProfile& profile, std::string_view note) {
  std::string text;
  while (!note.empty()) {
    const std::size_t end = std::min(note.find('\n'), note.size());
    text.append("# ").append(note.substr(0, end)).append("\n");
    note.remove_prefix(std::min(end + 1, note.size()));
  }
  char line[96];
  std::snprintf(line, sizeof(line), "%d layers, %d kv heads\n", profile.n_layers, profile.n_kv_heads);
  text += line;
  for (int t = 0; t < profile.n_layers * profile.n_kv_heads; ++t) {
    const float* weight = profile.weights.data() + 2 * t;
    std::snprintf(line, sizeof(line), "%d %d  %.5f  %.5f\n", t / profile.n_kv_heads, t % profile.n_kv_heads,
                  static_cast<double>(weight[0]), static_cast<double>(weight[1]));
    text += line;
  }
  return text;
}

std::string head_profile_path(const std::string& model_path) {
  constexpr std::string_view kEnding = ".gguf";
  const bool ends = model_path.size() > kEnding.size() && model_path.ends_with(kEnding);
  return model_path.substr(0, model_path.size() - (ends ? kEnding.size() : 0)) + ".heads";
}

}  // namespace shrike::kv
