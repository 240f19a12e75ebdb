#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "camera/source.hpp"
#include "platform/clock.hpp"
#include "tests/camera/clips.hpp"
#include "tests/camera/programs.hpp"

namespace shrike::test {

inline constexpr std::int64_t kMillisecond = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000'000'000;

// Gives each test a folder of its own; skips where an emulator cannot start programs of the emulated machine.
class SourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const bool foreign = is_foreign(SHRIKE_CAPTURE);
    if (foreign) GTEST_SKIP() << "this emulator cannot start shrike-capture (exec format error)";
    std::string name = (std::filesystem::temp_directory_path() / "shrike-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string clip(const std::string& name, int n, double fps = 30, const char* fourcc = "MJPG",
                   int zoom = 1) const {
    EXPECT_TRUE(make_clip(path(name), fourcc, n, fps, zoom));
    return path(name);
  }

  static SourceOptions options(const std::string& argument) {
    SourceOptions options;
    options.argument = argument;
    options.width_max = 320;
    options.height_max = 240;
    options.backoff_min_ns = 50 * kMillisecond;
    options.backoff_max_ns = 400 * kMillisecond;
    return options;
  }

  struct Seen {
    std::vector<int> codes;
    std::vector<double> seconds;
    std::vector<std::uint64_t> numbers;
    int n_restarted = 0;
    Take end = Take::waiting;
  };
  // Takes until the source ends or fails, or `n_max` frames are there, or a minute is over.
  static Seen take_all(Source& source, std::size_t n_max = ~std::size_t{0}) {
    Seen seen;
    const std::int64_t deadline = monotonic_ns() + 60 * kSecond;
    while (seen.codes.size() < n_max && monotonic_ns() < deadline) {
      Frame frame;
      seen.end = source.take(frame, kSecond);
      if (seen.end == Take::ended || seen.end == Take::failed) break;
      if (seen.end == Take::restarted) ++seen.n_restarted;
      if (seen.end != Take::frame) continue;
      seen.codes.push_back(code_of(frame));
      seen.seconds.push_back(frame.seconds);
      seen.numbers.push_back(frame.number);
      source.release();
    }
    return seen;
  }

 private:
  std::string folder_;
};

}  // namespace shrike::test
