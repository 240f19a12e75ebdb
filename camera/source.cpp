#include "camera/source.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace shrike {
namespace {

constexpr std::array<std::string_view, 10> kSchemes = {"rtsp", "rtsps", "rtmp", "http", "https",
                                                       "udp",  "tcp",   "rtp",  "srt",  "mms"};
// Words before a secret in the addresses of cameras that want it in the path, and in GStreamer's properties.
constexpr std::array<std::string_view, 5> kSecrets = {"password=", "passwd=", "pwd=", "user-pw=", "token="};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool is_index(std::string_view text) {
  return !text.empty() && text.size() <= 3 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool ends_word(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0 || c == '"' || c == '\''; }

}  // namespace

SourceKind source_kind(const std::string& argument) {
  const std::string_view text = argument;
  if (is_index(text) || text.starts_with("/dev/video") || text.starts_with("/dev/v4l/"))
    return SourceKind::device;
  if (text.starts_with("gst:")) return SourceKind::pipeline;
  if (text.starts_with(kSyntheticPrefix)) return SourceKind::synthetic;
  const std::size_t colon = text.find("://");
  if (colon != text.npos && std::count(kSchemes.begin(), kSchemes.end(), lower(text.substr(0, colon))) > 0)
    return SourceKind::url;
  struct stat info {};
  if (stat(argument.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return SourceKind::folder;
  return SourceKind::file;
}

bool is_live(SourceKind kind) noexcept {
  return kind == SourceKind::device || kind == SourceKind::url || kind == SourceKind::pipeline;
}

// Rather too much is hidden than too little: a password may hold any character, also '/' and '@', so
// everything up to the last '@' of the word goes.
std::string redacted(const std::string& argument) {
  std::string out = argument;
  for (std::size_t at = out.find("://"); at != out.npos; at = out.find("://", at + 3)) {
    const std::size_t begin = at + 3;
    const auto end = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), ends_word);
    const std::size_t last =
        std::string_view(out.data(), static_cast<std::size_t>(end - out.begin())).rfind('@');
    if (last != out.npos && last >= begin) out.replace(begin, last - begin, "***");
  }
  for (const std::string_view word : kSecrets) {
    for (std::size_t at = lower(out).find(word); at != out.npos;
         at = lower(out).find(word, at + word.size())) {
      std::size_t begin = at + word.size();
      const char quote =
          begin < out.size() && (out[begin] == '"' || out[begin] == '\'') ? out[begin++] : '\0';
      const auto end =
          std::find_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
                       [quote](char c) { return quote != '\0' ? c == quote : ends_word(c) || c == '&'; });
      out.replace(begin, static_cast<std::size_t>(end - out.begin()) - begin, "***");
    }
  }
  return out;
}

}  // namespace shrike
