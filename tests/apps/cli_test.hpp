#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/footage.hpp"
#include "tests/support/run_program.hpp"

namespace shrike::test {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

inline const std::string kPerch = SHRIKE_SOURCE_DIR "/models/perch/";
inline const std::string kText = kPerch + "perch-f16.gguf";
inline const std::string kVision = kPerch + "mmproj-perch-f16.gguf";
inline const std::string kClip = kPerch + "perch-demo.mp4";
inline const std::string kNow = "What is in view now?";
inline const std::string kFirst = "What was the first thing you saw?";

inline Finished run_shrike(const Words& arguments, const Words& environment = {}) {
  return run(SHRIKE_PROGRAM, arguments, environment);
}

inline std::string joined(const Words& words) {
  std::string text = "shrike";
  for (const std::string& word : words) text.append(" ").append(word, 0, 100);
  return text;
}

inline Words lines_of(const std::string& text) {
  Words lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Every line is one JSON object, nothing stands between or behind them.
inline std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> objects;
  EXPECT_TRUE(text.empty() || text.back() == '\n') << text;
  for (const std::string& line : lines_of(text)) {
    objects.push_back(Json::parse(line, nullptr, false));
    EXPECT_TRUE(objects.back().is_object()) << line;
  }
  return objects;
}
inline std::vector<Json> of_type(const std::vector<Json>& objects, const std::string& type) {
  std::vector<Json> found;
  for (const Json& object : objects)
    if (object.value("type", "") == type) found.push_back(object);
  return found;
}
inline void expect_keys(const Json& object, const Words& keys) {
  for (const std::string& key : keys) EXPECT_TRUE(object.contains(key)) << key << " is missing in " << object;
}

// Ended with `code` and one line, "shrike: ...", that has each of `words` in it.
inline void expect_line(const Finished& f, int code, const Words& words) {
  EXPECT_EQ(f.code, code);
  const Words lines = lines_of(f.err);
  EXPECT_EQ(lines.size(), 1u);
  EXPECT_EQ(f.err.substr(0, 8), "shrike: ");
  for (const std::string& word : words) EXPECT_THAT(f.err, ::testing::HasSubstr(word));
}
// ... and printed nothing else.
inline void expect_refused(const Words& arguments, int code, const Words& words,
                           const Words& environment = {}) {
  SCOPED_TRACE(joined(arguments));
  const Finished f = run_shrike(arguments, environment);
  expect_line(f, code, words);
  EXPECT_EQ(f.out, "");
}

// The stream that the demo clip was made from, at the model's own size.
inline Footage& clip_footage() {
  static Footage footage([] {
    std::ifstream in(kPerch + "demo.json");
    std::string world = Json::parse(in).at("world");
    return world.replace(world.find(",size="), std::string::npos, ",size=64");
  }());
  return footage;
}
inline std::string in_view_of_clip(int frame) { return clip_footage().in_view(frame); }

// The n-th thing that is alone in view in the clip: a frame of it as a picture file, and the thing's name.
struct Picture {
  std::string bytes, thing;
};
inline Picture picture_of_thing(int n) {
  Footage& footage = clip_footage();
  std::vector<std::string> things;
  for (int frame = 0; frame < footage.n_frames(); ++frame) {
    const std::string thing = footage.in_view(frame);
    if (thing.empty() || thing == "nothing" || thing.find(" and ") != thing.npos) continue;
    if (std::find(things.begin(), things.end(), thing) != things.end()) continue;
    things.push_back(thing);
    if (static_cast<int>(things.size()) <= n) continue;
    const auto* rgb = reinterpret_cast<const char*>(footage.draw(frame));
    return {"P6\n64 64\n255\n" + std::string(rgb, 64 * 64 * 3), thing};
  }
  ADD_FAILURE() << "the clip shows no more than " << things.size() << " things alone";
  return {};
}

// Gives each test a folder of its own.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "shrike-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    EXPECT_TRUE(in) << file;
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string folder_;
};

// For what needs the capture process.
class CameraCliTest : public CliTest {
 protected:
  void SetUp() override {
    if (!SHRIKE_CAMERA) GTEST_SKIP() << "built without the capture process";
    CliTest::SetUp();
  }
};

}  // namespace shrike::test
