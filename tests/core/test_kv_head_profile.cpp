// Head profiles: the text file beside a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/kv/head_profile.hpp"

namespace shrike::kv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kSmall = "# two layers\n2 layers, 1 kv heads\n\n0 0  0.5 1\n1 0\t.25, 0 # half of it\n";

std::string told(const std::string& text) {
  const Result<HeadProfile> profile = parse_head_profile(text, "a.heads");
  return profile ? "understood" : profile.error().subject + ": " + profile.error().rule;
}

TEST(HeadProfile, is_read_row_by_row) {
  const Result<HeadProfile> profile = parse_head_profile(kSmall, "a.heads");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->n_layers, 2);
  EXPECT_EQ(profile->n_kv_heads, 1);
  EXPECT_THAT(profile->weights, ElementsAre(.5f, 1, .25f, 0));
}

TEST(HeadProfile, what_is_written_is_read_again) {
  const HeadProfile profile{1, 2, {1, .125f, 0, .5f}};
  const std::string text = head_profile_text(profile, "one line\nand one more");
  EXPECT_THAT(text, HasSubstr("# one line\n# and one more\n"));
  EXPECT_EQ(parse_head_profile(text, "").value().weights, profile.weights);
}

TEST(HeadProfile, whatever_else_is_told_in_one_line) {
  for (const char* text : {"", "# nothing\n", "2 layers\n", "0 layers, 1 kv heads\n",
                           "-1 layers, 1 kv heads\n", "99999999999 layers, 1 kv heads\n",
                           "1 layers, 1000 kv heads\n", "1 layers, 1 heads\n", "0 0 1 1\n", "\x01\xff\xfe"})
    EXPECT_THAT(told(text), HasSubstr("a.heads: is no head profile")) << text;
  for (const char* row : {"0 0 1", "0 0 1 1 1", "0 0 1 1 1 1 1", "1 0 1 1", "0 1 1 1", "0 0 1.5 1",
                          "0 0 -1 1", "0 0 nan 1", "0 0 1 inf", "0 0 1 x", "0 0 1 1x"})
    EXPECT_THAT(told(std::string("1 layers, 1 kv heads\n") + row),
                HasSubstr("has a line that is not the next"))
        << row;
  EXPECT_THAT(told("2 layers, 1 kv heads\n0 0 1 1\n"), HasSubstr("too few rows"));
  EXPECT_THAT(told("1 layers, 1 kv heads\n0 0 1 1\n0 0 1 1\n"), HasSubstr("has a line that is not the next"));
}

TEST(HeadProfile, a_file_must_be_there_and_of_this_model) {
  const auto folder = std::filesystem::temp_directory_path() / ("shrike-heads-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = folder / "a.heads";
  EXPECT_EQ(read_head_profile(path, 2, 1).error().code, Code::missing);
  EXPECT_EQ(read_head_profile(folder, 2, 1).error().code, Code::missing);
  std::ofstream(path) << kSmall;
  EXPECT_TRUE(read_head_profile(path, 2, 1));
  EXPECT_EQ(read_head_profile(path, 1, 2).error().code, Code::unsupported) << "as many heads, and not these";
  std::filesystem::remove_all(folder);
}

TEST(HeadProfile, lies_beside_its_model) {
  EXPECT_EQ(head_profile_path("a/b.gguf"), "a/b.heads");
  EXPECT_EQ(head_profile_path("a/b.bin"), "a/b.bin.heads");
  EXPECT_EQ(head_profile_path(".gguf"), ".gguf.heads");
}

}  // namespace
}  // namespace shrike::kv
