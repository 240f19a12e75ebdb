// Models of real shapes with numbers at random, for measuring speed and memory where nothing can be downloaded:
//
//   shrike-random-model --shape smolvlm-256m --type q8_0 -o DIR
//
// writes DIR/<shape>-<type>.gguf and DIR/mmproj-<shape>-<type>.gguf. They load and run like the real ones and
// say nothing sensible.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/real_shapes.hpp"

namespace shrike::test {
namespace {

bool write(const std::filesystem::path& path, const ShapedFile& file) {
  if (!file.write(path)) {
    std::fprintf(stderr, "shrike-random-model: %s: cannot be written\n", path.c_str());
    return false;
  }
  std::printf("%s\n", path.c_str());
  return true;
}

int refuse(const std::string& what, const std::string& there_are) {
  std::fprintf(stderr, "shrike-random-model: %s is not known; there are %s\n", what.c_str(),
               there_are.c_str());
  return 64;
}

int run(const std::string& shape_name, const std::string& type_name, const std::string& folder) {
  std::string names;
  const Shape* shape = nullptr;
  for (const Shape& s : kRealShapes) {
    names += (names.empty() ? "" : ", ") + std::string(s.name);
    if (shape_name == s.name) shape = &s;
  }
  if (shape == nullptr) return refuse("--shape " + shape_name, names);
  const std::optional<DType> type = random_type(type_name);
  if (!type) return refuse("--type " + type_name, random_type_names());
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::string file = shape_name + "-" + type_name + ".gguf";
  const std::filesystem::path to = folder;
  const bool good = write(to / file, text_model(*shape, *type)) &&
                    write(to / ("mmproj-" + file), vision_model(*shape, *type));
  return good ? 0 : 74;
}

}  // namespace
}  // namespace shrike::test

int main(int argc, char** argv) {
  CLI::App app("Writes a GGUF pair of a real model's shape with numbers at random.", "shrike-random-model");
  std::string shape = "smolvlm-256m", type = "q8_0", folder;
  app.add_option("--shape", shape, "smolvlm-256m, smolvlm-500m or tiny")->capture_default_str();
  app.add_option("--type", type, "Of the matrices: " + shrike::test::random_type_names())
      ->capture_default_str();
  app.add_option("-o,--out", folder, "Folder to write to")->required();
  CLI11_PARSE(app, argc, argv);
  return shrike::test::run(shape, type, folder);
}
