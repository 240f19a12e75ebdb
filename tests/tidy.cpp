// Style as a test: reads every file of the tree and names each line that breaks a rule of the house.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace shrike {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kColumnsMax = 120;

bool starts(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }
bool ends(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

// apps -> camera -> core -> platform; tests, bench and examples stand outside and may see all.
int room_rank(std::string_view path) {
  constexpr std::array<std::string_view, 4> kRooms = {"platform/", "core/", "camera/", "apps/"};
  for (std::size_t i = 0; i < kRooms.size(); ++i)
    if (starts(path, kRooms[i])) return static_cast<int>(i);
  return starts(path, "tests/") || starts(path, "bench/") || starts(path, "examples/") ? 9 : -1;
}

// What each part of core must not know, so that it can be used and measured alone.
struct Blind {
  std::string_view part, unseen;
};
constexpr Blind kBlind[] = {
    {"core/kv/", "core/model/"},    {"core/kv/", "core/session"},  {"core/kv/", "core/runtime"},
    {"core/kv/", "core/gguf/"},     {"core/gguf/", "core/model/"}, {"core/gguf/", "core/session"},
    {"core/gguf/", "core/runtime"}, {"core/gguf/", "core/kv/"},    {"core/model/", "core/session"},
};

// Empty when `line` of the file at `path` includes what it may.
std::string_view include_fault(std::string_view path, std::string_view line) {
  constexpr std::string_view kInclude = "#include ";
  if (!starts(line, kInclude)) return {};
  const bool quoted = line.substr(kInclude.size(), 1) == "\"";
  const std::string_view name = line.substr(std::min(line.size(), kInclude.size() + 1));
  const bool test = starts(path, "tests/");
  if (!quoted) {
    if (starts(name, "opencv2/") && !test && !starts(path, "camera/opencv_"))
      return "OpenCV is seen in camera/opencv_* only";
    const bool simd = starts(name, "xsimd/") || starts(name, "immintrin") || starts(name, "arm_neon");
    if (simd && !test && !starts(path, "platform/kernels/"))
      return "SIMD is written in platform/kernels only";
    return {};
  }
  const int to = room_rank(name), from = room_rank(path);
  if (to < 0) return "include by path from the root of the tree";
  if (to > from) return "includes go apps -> camera -> core -> platform, and tests see all";
  for (const Blind& blind : kBlind)
    if (starts(path, blind.part) && starts(name, blind.unseen))
      return "this part of core must not know that one";
  return {};
}

std::size_t columns(std::string_view line) {  // UTF-8: continuation bytes take none
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](unsigned char c) { return (c & 0xC0u) != 0x80u; }));
}

// Empty when the line breaks no rule of text. `code` is false for prose and data, which may be wide.
std::string_view text_fault(std::string_view line, bool code) {
  if (code && columns(line) > kColumnsMax) return "line is too wide";
  if (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
    return "white space at the end";
  if (code && line.find('\t') != std::string_view::npos) return "tab";
  for (const std::string& word : {std::string("TO") + "DO", std::string("FIX") + "ME"})
    if (line.find(word) != std::string_view::npos) return "unfinished work has no place in the tree";
  return {};
}

bool is_code(const std::string& path) {
  for (const std::string_view ending : {".cpp", ".hpp", ".cmake", "CMakeLists.txt", ".sh", ".py"})
    if (ends(path, ending)) return true;
  return false;
}

bool is_text(const std::string& path) {
  return is_code(path) || ends(path, ".md") || ends(path, ".json") || ends(path, ".yml");
}

// Files of the rooms, as paths from the root; folders that hold no source of ours are left out.
std::vector<std::string> tree() {
  const fs::path root = SHRIKE_SOURCE_DIR;
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_regular_file()) paths.push_back(entry.path().filename().string());
  for (const char* room : {"platform", "core", "camera", "apps", "tests", "bench", "models", "toolchains",
                           "package", "examples"}) {
    if (!fs::is_directory(root / room)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / room))
      if (entry.is_regular_file()) paths.push_back(fs::relative(entry.path(), root).generic_string());
  }
  paths.erase(
      std::remove_if(paths.begin(), paths.end(), [](const std::string& path) { return !is_text(path); }),
      paths.end());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(fs::path(SHRIKE_SOURCE_DIR) / path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(TidyTest, includes_go_one_way) {
  for (const std::string& path : tree()) {
    if (!ends(path, ".cpp") && !ends(path, ".hpp")) continue;
    const auto lines = lines_of(path);
    for (std::size_t i = 0; i < lines.size(); ++i)
      EXPECT_EQ(include_fault(path, lines[i]), "") << path << ":" << i + 1 << ": " << lines[i];
  }
}

TEST(TidyTest, lines_are_clean) {
  for (const std::string& path : tree()) {
    const auto lines = lines_of(path);
    for (std::size_t i = 0; i < lines.size(); ++i)
      EXPECT_EQ(text_fault(lines[i], is_code(path)), "") << path << ":" << i + 1 << ": " << lines[i];
  }
}

TEST(TidyTest, headers_are_read_once) {
  for (const std::string& path : tree()) {
    if (!ends(path, ".hpp")) continue;
    const auto lines = lines_of(path);
    EXPECT_NE(std::find(lines.begin(), lines.end(), "#pragma once"), lines.end()) << path;
  }
}

TEST(TidyTest, sees_the_tree) {
  const auto paths = tree();
  EXPECT_NE(std::find(paths.begin(), paths.end(), "platform/kernels/kernels.hpp"), paths.end());
  EXPECT_NE(std::find(paths.begin(), paths.end(), "CMakeLists.txt"), paths.end());
  EXPECT_GT(paths.size(), 50u);
}

TEST(TidyTest, knows_a_wrong_include) {
  const auto good = [](const char* path, const char* line) { return include_fault(path, line).empty(); };
  EXPECT_TRUE(good("apps/shrike/main.cpp", "#include \"camera/source.hpp\""));
  EXPECT_TRUE(good("core/session.cpp", "#include \"core/kv/memory.hpp\""));
  EXPECT_TRUE(good("tests/core/test_a.cpp", "#include \"apps/shrike/print.hpp\""));
  EXPECT_TRUE(good("camera/opencv_source.cpp", "#include <opencv2/core.hpp>"));
  EXPECT_TRUE(good("core/a.cpp", "#include <vector>"));
  EXPECT_FALSE(good("platform/a.cpp", "#include \"core/arena.hpp\""));
  EXPECT_FALSE(good("core/a.cpp", "#include \"camera/frame.hpp\""));
  EXPECT_FALSE(good("camera/a.cpp", "#include \"apps/shrike/print.hpp\""));
  EXPECT_FALSE(good("apps/a.cpp", "#include \"tests/support/numbers.hpp\""));
  EXPECT_FALSE(good("core/a.cpp", "#include \"arena.hpp\""));
  EXPECT_FALSE(good("core/a.cpp", "#include \"../platform/check.hpp\""));
  EXPECT_FALSE(good("core/kv/pool.cpp", "#include \"core/model/config.hpp\""));
  EXPECT_FALSE(good("core/kv/parts/a.cpp", "#include \"core/session.hpp\""));
  EXPECT_FALSE(good("camera/source.cpp", "#include <opencv2/core.hpp>"));
  EXPECT_FALSE(good("core/kv/pool.cpp", "#include <immintrin.h>"));
}

TEST(TidyTest, knows_an_unclean_line) {
  EXPECT_EQ(text_fault(std::string(kColumnsMax, 'x'), true), "");
  EXPECT_NE(text_fault(std::string(kColumnsMax + 1, 'x'), true), "");
  EXPECT_EQ(text_fault(std::string(kColumnsMax + 1, 'x'), false), "");
  EXPECT_EQ(columns("\xC3\xA4\xE2\x82\xAC"), 2u);
  EXPECT_NE(text_fault("x ", false), "");
  EXPECT_NE(text_fault("x\r", false), "");
  EXPECT_NE(text_fault("\tx", true), "");
  EXPECT_NE(text_fault(std::string("// TO") + "DO later", true), "");
}

}  // namespace
}  // namespace shrike
