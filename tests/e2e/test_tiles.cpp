// Pictures from their files to logits, cut into tiles, against what an independent runtime recorded of small
// random-weight SmolVLM pairs. Needs the reference data beside the tree; without it these tests say that they
// were skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "camera/preprocess.hpp"
#include "camera/source.hpp"
#include "core/npy.hpp"
#include "core/runtime.hpp"

namespace shrike {
namespace {

const std::string kData = SHRIKE_SOURCE_DIR "/../shared/data/parity/";

std::unique_ptr<Runtime> open(const std::string& type, int image_tokens_max) {
  SessionOptions options;
  options.model_path = kData + "models/smolvlm-tiny-" + type + ".gguf";
  options.mmproj_path = kData + "models/mmproj-smolvlm-tiny-" + type + ".gguf";
  options.kv_policy = "full";
  options.kv_budget_bytes = std::size_t{1} << 30;  // capped by what the context can use
  options.pictures = true;
  options.image_tokens_max = image_tokens_max;
  options.n_threads = 1;
  Result<std::unique_ptr<Runtime>> runtime = Runtime::open(options);
  EXPECT_TRUE(runtime) << (runtime ? "" : runtime.error().subject + ": " + runtime.error().rule);
  return runtime ? std::move(runtime).value() : nullptr;
}

struct Picture {
  std::vector<std::uint8_t> rgb;
  Frame frame;
};
Picture read_picture(const std::string& path) {
  SourceOptions options;
  options.argument = path;
  const std::unique_ptr<Source> source = Source::open(options).value();
  Picture picture;
  for (int attempt = 0; attempt < 60; ++attempt) {
    if (source->take(picture.frame, 1'000'000'000) != Take::frame) continue;
    const std::size_t row = 3 * static_cast<std::size_t>(picture.frame.width);
    for (int y = 0; y < picture.frame.height; ++y) {
      const std::uint8_t* from = picture.frame.pixels + static_cast<std::size_t>(y) * picture.frame.stride;
      picture.rgb.insert(picture.rgb.end(), from, from + row);
    }
    source->release();
    picture.frame.pixels = picture.rgb.data();
    picture.frame.stride = row;
    return picture;
  }
  ADD_FAILURE() << path << " was not read";
  return picture;
}

// The recording runtime's filters: the whole picture is made with another one than its tiles.
class Tiles {
 public:
  Tiles(Runtime& runtime, const Frame& frame)
      : runtime_(runtime), frame_(frame), tiles_(make(Filter::bicubic)), whole_(make(Filter::bilinear)) {}

  bool operator()(TileGrid grid, int tile) {
    Made& made = tile == grid.n_tiles() - 1 ? whole_ : tiles_;
    return made.preprocess(frame_, runtime_.image_input(), grid, tile);
  }

 private:
  struct Made {
    std::unique_ptr<std::byte, decltype(&std::free)> memory;
    Preprocessor preprocess;
  };
  Made make(Filter filter) {
    const int side = runtime_.image_input().side;
    const std::size_t n = Preprocessor::bytes_needed(frame_.width, frame_.height, side, filter, 4);
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, n));
    return {{memory, &std::free},
            Preprocessor(runtime_.kernels(), memory, frame_.width, frame_.height, side, filter, 4)};
  }

  Runtime& runtime_;
  const Frame& frame_;
  Made tiles_, whole_;
};

// Two habits of the recording runtime: one mark more before the first tile, one newline before the whole.
std::vector<std::int32_t> with_habits(std::vector<std::int32_t> ids, const Tokenizer& t) {
  const TokenId around = t.find("<fake_token_around_image>");
  const auto whole = std::find(ids.begin(), ids.end(), t.find("<global-img>"));
  EXPECT_NE(whole, ids.end());
  auto newline = whole - 1;
  while (*(newline - 1) >= 0) --newline;
  newline = ids.erase(newline, whole - 1);
  TokenId one = 0;
  EXPECT_EQ(t.encode("\n", Special::as_text, {&one, 1}), 1);
  ids.insert(newline, one);
  ids.insert(std::find(ids.begin(), ids.end(), around), around);
  return ids;
}

std::vector<std::int32_t> prompt_ids(Runtime& r, TileGrid grid) {
  std::vector<std::int32_t> ids;
  const auto add = [&](int n) {
    ASSERT_GT(n, 0);
    for (const PromptToken& token : r.prompt_buffer().first(static_cast<std::size_t>(n)))
      ids.push_back(token.token >= 0 ? token.token
                                     : -1 - (-1 - token.token) / r.vision_config()->n_image_tokens());
  };
  add(r.prompt().opening(r.prompt_buffer()));
  add(r.prompt().frame(0, 0, r.prompt_buffer(), grid));
  add(r.prompt().question("What is it?", r.prompt_buffer()));
  return ids;
}

struct Case {
  const char* type;
  const char* picture;
  float tolerance;  // of the logits' range
};
class TilesRecorded : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kData + "tiny-f32")) GTEST_SKIP() << "no reference data beside the tree";
  }
};

TEST_P(TilesRecorded, picture_prompt_and_logits_agree) {
  const Case& c = GetParam();
  const auto runtime = open(c.type, std::numeric_limits<int>::max());
  ASSERT_NE(runtime, nullptr);
  const Picture picture = read_picture(kData + c.picture + ".png");
  const TileGrid grid = runtime->tiles_for(picture.frame.width, picture.frame.height);
  const std::string pixels = kData + "tiny-f32/" + c.picture + "/pixels_";
  const std::string folder = kData + "tiny-" + c.type + "/" + c.picture + "/";
  const int dim = runtime->text_config().dim, n_rows = runtime->vision_config()->n_image_tokens();

  Tiles make(*runtime, picture.frame);
  const float* rows = nullptr;
  float worst_pixel = 0;
  double sum = 0;
  std::size_t n_pixels = 0;
  for (int tile = 0; tile < grid.n_tiles(); ++tile) {
    ASSERT_TRUE(make(grid, tile));
    const Npy want = read_npy(pixels + std::to_string(tile) + ".npy").value();
    const ImageInput input = runtime->image_input();
    const int n = input.side * input.side;
    ASSERT_EQ(want.f32.size(), static_cast<std::size_t>(3 * n));
    for (int i = 0; i < n; ++i)
      for (int channel = 0; channel < 3; ++channel) {
        const float error =
            std::fabs(input.planes[channel * n + i] - want.f32[static_cast<std::size_t>(3 * i + channel)]) *
            127.5f;
        worst_pixel = std::max(worst_pixel, error);
        sum += static_cast<double>(error);
        ++n_pixels;
      }
    rows = runtime->encode_image(tile) - static_cast<std::ptrdiff_t>(tile) * n_rows * dim;
  }
  EXPECT_FALSE(std::filesystem::exists(pixels + std::to_string(grid.n_tiles()) + ".npy")) << "more chunks";
  EXPECT_LE(worst_pixel, 2.01f) << "grey levels: that one rounds to 8 bits once, this one after each pass";
  EXPECT_LE(sum / static_cast<double>(n_pixels), 0.2);

  const Npy tokens = read_npy(folder + "tokens.npy").value();
  EXPECT_EQ(with_habits(prompt_ids(*runtime, grid), runtime->tokenizer()), tokens.i32);

  std::vector<PromptToken> prompt;
  int row = 0;
  for (const std::int32_t id : tokens.i32) {
    PromptToken token;
    token.token = id >= 0 ? id : image_row(row++);
    token.facts.modality = id >= 0 ? kv::Modality::text : kv::Modality::image;
    prompt.push_back(token);
  }
  ASSERT_EQ(runtime->memory().make_room(static_cast<int>(prompt.size()), runtime->policy()), kv::Room::ok);
  runtime->run(prompt, rows, true);
  const Npy logits = read_npy(folder + "logits.npy").value();
  const float* got = runtime->logits();
  const auto [low, high] = std::minmax_element(logits.f32.begin(), logits.f32.end());
  float worst = 0;
  for (std::size_t i = 0; i < logits.f32.size(); ++i)
    worst = std::max(worst, std::fabs(got[i] - logits.f32[i]) / (*high - *low));
  EXPECT_LE(worst, c.tolerance);
  std::printf("%s %s: %d tiles, pixels %.2f grey levels at most, logits %.1e of the range\n", c.type,
              c.picture, grid.n_tiles(), static_cast<double>(worst_pixel), static_cast<double>(worst));
}
INSTANTIATE_TEST_SUITE_P(pictures, TilesRecorded,
                         testing::Values(Case{"f32", "square-64", 5e-3f}, Case{"f32", "tall-90x170", 5e-3f},
                                         Case{"f32", "wide-200x120", 5e-3f},
                                         Case{"q8_0", "tall-90x170", 1.5e-2f},
                                         Case{"q8_0", "wide-200x120", 1.5e-2f}),
                         [](const auto& c) {
                           std::string name = std::string(c.param.type) + "_" + c.param.picture;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(TilesPlan, grows_with_what_is_asked_for) {
  if (!std::filesystem::exists(kData + "tiny-f32")) GTEST_SKIP() << "no reference data beside the tree";
  std::size_t last = 0;
  for (const int tokens : {0, 16, 64, 112, 1000}) {
    const auto runtime = open("f32", tokens);
    ASSERT_NE(runtime, nullptr);
    EXPECT_EQ(runtime->tiles_max(), tokens == 0 ? 1 : std::min(tokens / 16, 17));
    EXPECT_LE(runtime->tiles_for(64, 64).n_tiles(), runtime->tiles_max());
    std::size_t rows = 0;
    for (const PlanRow& row : runtime->plan().rows)
      if (row.name == "image rows") rows = row.bytes;
    EXPECT_GE(rows, last);
    if (tokens > 16) {
      EXPECT_GT(rows, last);
    }
    last = rows;
  }
  SessionOptions options;
  options.model_path = kData + "models/smolvlm-tiny-f32.gguf";
  options.mmproj_path = kData + "models/mmproj-smolvlm-tiny-f32.gguf";
  options.image_tokens_max = 15;
  const Result<Plan> plan = Runtime::plan(options);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().subject, "--image-max-tokens");
}

}  // namespace
}  // namespace shrike
