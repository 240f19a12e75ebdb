// The verbs over the tiny pairs of each family, as people type them. What they answer is noise; that they do is not.
#include <algorithm>

#include "core/npy.hpp"
#include "tests/apps/cli_test.hpp"
#include "tests/support/family_files.hpp"

namespace shrike {
namespace {

using namespace test;

Words pair(const std::string& family, Words words) {
  words.insert(words.end(), {"-m", family_path(family), "--mmproj", family_path(family, true)});
  return words;
}

class FamilyVerbs : public CameraCliTest {};

TEST_F(FamilyVerbs, info_says_that_both_files_run) {
  for (const std::string family : kFamilies) {
    SCOPED_TRACE(family);
    const Finished f = run_shrike({"info", "--json", family_path(family), family_path(family, true)});
    EXPECT_EQ(f.code, 0) << f.err;
    const std::vector<Json> files = json_lines(f.out);
    ASSERT_EQ(files.size(), 2u);
    for (const Json& file : files) EXPECT_TRUE(file["model"]["runs"].get<bool>()) << file["model"];
    EXPECT_TRUE(files[0]["tokenizer"]["runs"].get<bool>()) << files[0]["tokenizer"];
    EXPECT_GE(files[1]["model"]["tokens_per_image_max"], files[1]["model"]["tokens_per_image"]);
  }
}

TEST_F(FamilyVerbs, plan_and_ask_about_a_picture_and_a_stream) {
  const std::string wide = "P6\n96 20\n255\n" + std::string(std::size_t{3} * 96 * 20, 'x');
  for (const std::string family : kFamilies) {
    SCOPED_TRACE(family);
    const Finished plan = run_shrike(pair(family, {"plan", "--json"}));
    EXPECT_EQ(plan.code, 0) << plan.err;
    const Finished picture = run_shrike(
        pair(family, {"ask", "--json", "-n", "4", "-i", file("square.ppm", picture_of_thing(0).bytes), "-i",
                      file("wide.ppm", wide), "What is it?"}));
    EXPECT_EQ(picture.code, 0) << picture.err;
    ASSERT_EQ(json_lines(picture.out).size(), 1u);
    EXPECT_EQ(json_lines(picture.out)[0]["frames"], 2);
    const Finished stream = run_shrike(
        pair(family, {"ask", "--json", "-n", "4", "-s", "synthetic:seed=7,frames=3,fps=1", "What is it?"}));
    EXPECT_EQ(stream.code, 0) << stream.err;
  }
}

TEST_F(FamilyVerbs, trace_takes_its_own_tokens_and_no_words_within_a_picture) {
  const std::string picture = file("picture.ppm", picture_of_thing(0).bytes);
  for (const std::string family : {"qwen2vl", "llava", "gemma3"}) {
    SCOPED_TRACE(family);
    const std::string words = path(family + "-words"), ids = path(family + "-ids");
    const auto trace = [&](Words more) {
      more.insert(more.begin(), {"trace", "--image", picture});
      return pair(family, more);
    };
    ASSERT_EQ(run_shrike(trace({"-o", words, "--prompt", "look <__media__> here"})).code, 0);
    ASSERT_EQ(run_shrike(trace({"-o", ids, "--tokens", words + "/tokens.npy"})).code, 0);
    for (const char* name : {"/tokens.npy", "/logits.npy"})
      EXPECT_EQ(bytes_of(words + name), bytes_of(ids + name)) << name;
    if (family != "llava")
      expect_refused(trace({"-o", ids, "--tokens", "-1,65,-1"}), 64, {"--tokens", "words within a picture"});
  }
}

// Where the rows of a picture see each other, they do so as well where each row's logits are asked for.
TEST_F(FamilyVerbs, trace_keeps_a_picture_whole_that_is_seen_both_ways) {
  const Words words = {"trace", "--image", file("picture.ppm", picture_of_thing(0).bytes), "--prompt",
                       "look <__media__>"};
  const auto trace = [&](const std::string& out, Words more) {
    more.insert(more.begin(), words.begin(), words.end());
    more.insert(more.end(), {"-o", path(out)});
    EXPECT_EQ(run_shrike(pair("gemma3", more)).code, 0);
    return read_npy(path(out) + "/logits.npy").value();
  };
  const Npy last = trace("last", {}), all = trace("all", {"--all-logits"});
  ASSERT_EQ(last.shape[0], 1);
  ASSERT_GT(all.shape[0], 9);
  const std::size_t before = all.f32.size() - last.f32.size();
  const auto [least, most] = std::minmax_element(last.f32.begin(), last.f32.end());
  for (std::size_t i = 0; i < last.f32.size(); ++i)
    ASSERT_NEAR(all.f32[before + i], last.f32[i], 2e-4f * (*most - *least)) << i;
}

TEST_F(FamilyVerbs, a_family_that_is_not_known_is_told_in_one_line) {
  std::string text = bytes_of(family_path("internvl"));
  const std::size_t at = text.find("qwen2");  // the value of general.architecture
  ASSERT_NE(at, text.npos);
  text.replace(at, 5, "rwkv7");
  expect_refused({"plan", "-m", file("other.gguf", text), "--mmproj", family_path("internvl", true)}, 65,
                 {"rwkv7", "architecture", "llama, qwen2, qwen2vl, qwen3, qwen3vl, lfm2, gemma3"});
}

}  // namespace
}  // namespace shrike
