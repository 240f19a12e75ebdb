// Tiny pairs of each family against a plain forward pass in double precision: tests/reference/families.py made the
// pairs and wrote down what comes out. See there for what the files hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/npy.hpp"
#include "core/session.hpp"
#include "tests/support/alloc_guard.hpp"
#include "tests/support/family_files.hpp"
#include "tests/support/isas.hpp"

namespace shrike {
namespace {

using test::kFamilies;

const std::string kData = SHRIKE_SOURCE_DIR "/tests/data/families/";

constexpr float kTolerance = 2e-3f;  // of the range, as for the other parity tests

SessionOptions options_of(const std::string& family) {
  SessionOptions options;
  options.model_path = test::family_path(family);
  options.mmproj_path = test::family_path(family, true);
  options.kv_policy = "full";
  options.kv_budget_bytes = std::size_t{1} << 30;
  return options;
}

std::unique_ptr<Runtime> open(const std::string& family, Isa isa, int n_threads) {
  SessionOptions options = options_of(family);
  options.isa = isa_name(isa);
  options.n_threads = n_threads;
  Result<std::unique_ptr<Runtime>> runtime = Runtime::open(options);
  EXPECT_TRUE(runtime) << (runtime ? "" : runtime.error().subject + ": " + runtime.error().rule);
  return runtime ? std::move(runtime).value() : nullptr;
}

float pixel(int picture, int channel, int y, int x) {
  return static_cast<float>((7 * x + 13 * y + 29 * channel + 5 * x * y + 3 * picture) % 32) / 16.0f - 1.0f;
}

float relative_error(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  if (got.size() != want.size()) return INFINITY;
  const auto [low, high] = std::minmax_element(want.begin(), want.end());
  float worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::fabs(got[i] - want[i]));
  return worst / (*high - *low);
}

struct Seen {
  std::vector<float> rows;    // image tokens
  std::vector<float> logits;  // of the prompt's last row, and of each token behind it
};

Seen see(Runtime& runtime, const std::string& family) {
  Seen seen;
  const Npy shapes = read_npy(kData + "shapes-" + family + ".npy").value();
  const TileLimits& tiles = runtime.tiles();
  std::vector<TileGrid> grids;
  for (int picture = 0; picture < shapes.shape[0]; ++picture) {
    const int height = shapes.i32[static_cast<std::size_t>(2 * picture)];
    const int width = shapes.i32[static_cast<std::size_t>(2 * picture + 1)];
    float* planes = runtime.image_input().planes;
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) *planes++ = pixel(picture, c, y, x);
    grids.push_back(tiles.own_size() ? TileGrid{0, 0, width, height} : TileGrid{});
    const float* rows = runtime.encode_image(0, grids.back());
    seen.rows.insert(seen.rows.end(), rows, rows + tiles.tokens_of(grids.back()) * runtime.row_numbers());
  }
  const Npy tokens = read_npy(kData + "tokens-" + family + ".npy").value();
  const Npy logits = read_npy(kData + "logits-" + family + ".npy").value();
  std::vector<PromptToken> prompt;
  std::size_t picture = 0;
  int k = 0;  // row of the picture
  for (const std::int32_t token : tokens.i32) {
    PromptToken p{token, {}};
    if (token < 0) {
      const int across = tiles.width_of(grids[picture], 0) / tiles.cell;
      p.facts.modality = kv::Modality::image;
      p.facts.flags = runtime.text_config().rotation.has_sections() ? kv::kGrid : 0;
      p.facts.i = static_cast<std::uint8_t>(k / across);
      p.facts.j = static_cast<std::uint8_t>(k % across);
      if (++k == tiles.tokens_of(grids[picture])) k = 0, ++picture;
    }
    prompt.push_back(p);
  }
  const auto n_vocab = static_cast<std::size_t>(runtime.text_config().n_vocab);
  const std::size_t n_follow = logits.f32.size() / n_vocab - 1;
  EXPECT_EQ(runtime.memory().make_room(static_cast<int>(prompt.size()), runtime.policy()), kv::Room::ok);
  const auto keep = [&] {
    seen.logits.insert(seen.logits.end(), runtime.logits(), runtime.logits() + n_vocab);
  };
  runtime.run(std::span(prompt).first(prompt.size() - n_follow), seen.rows.data(), true);
  keep();
  for (std::size_t i = n_follow; i > 0; --i) {
    runtime.run({&prompt[prompt.size() - i], 1}, nullptr, true);
    keep();
  }
  return seen;
}

class Families : public test::OnEveryIsa {};
SHRIKE_MODELS_ON_EVERY_ISA(Families);

TEST_P(Families, image_tokens_and_logits_are_the_references) {
  for (const std::string family : kFamilies) {
    SCOPED_TRACE(family);
    const auto runtime = open(family, GetParam(), 1);
    ASSERT_NE(runtime, nullptr);
    const Seen seen = see(*runtime, family);
    const float rows = relative_error(seen.rows, read_npy(kData + "embd-" + family + ".npy").value().f32);
    const float logits =
        relative_error(seen.logits, read_npy(kData + "logits-" + family + ".npy").value().f32);
    EXPECT_LE(rows, kTolerance);
    EXPECT_LE(logits, kTolerance);
    std::printf("%s: image tokens %.1e, logits %.1e of the range\n", family.c_str(),
                static_cast<double>(rows), static_cast<double>(logits));
  }
}

TEST_P(Families, are_the_same_bits_for_one_two_and_four_threads) {
  for (const std::string family : kFamilies) {
    Seen first;
    for (const int n_threads : {1, 2, 4}) {
      const auto runtime = open(family, GetParam(), n_threads);
      ASSERT_NE(runtime, nullptr);
      Seen seen = see(*runtime, family);
      if (first.rows.empty()) first = seen;
      EXPECT_EQ(seen.rows, first.rows) << family << " " << n_threads;
      EXPECT_EQ(seen.logits, first.logits) << family << " " << n_threads;
    }
  }
}

// A prompt of more rows than a chunk holds, where a chunk's end falls into a picture: its rows run together all the
// same, so that it makes no difference whether the caller cuts the prompt in front of it.
TEST_P(Families, a_picture_that_is_seen_both_ways_is_never_cut) {
  const std::string family = "gemma3";
  const std::vector<float> rows = read_npy(kData + "embd-" + family + ".npy").value().f32;
  constexpr int kPicture = 9, kBetween = 4;
  std::vector<PromptToken> prompt;
  while (prompt.size() < 258) {
    for (int i = 0; i < kBetween; ++i) prompt.push_back({static_cast<TokenId>(40 + i), {}});
    for (int k = 0; k < kPicture; ++k)
      prompt.push_back(
          {image_row(k),
           {0, static_cast<std::uint8_t>(k / 3), static_cast<std::uint8_t>(k % 3), kv::Modality::image}});
  }
  prompt.push_back({50, {}});
  const auto logits_after = [&](std::initializer_list<std::size_t> cuts) {
    const auto runtime = open(family, GetParam(), 1);
    EXPECT_EQ(runtime->memory().make_room(static_cast<int>(prompt.size()), runtime->policy()), kv::Room::ok);
    std::size_t begin = 0;
    for (const std::size_t end : cuts) {
      runtime->run(std::span(prompt).subspan(begin, end - begin), rows.data(), end == prompt.size());
      begin = end;
    }
    return std::vector<float>(runtime->logits(), runtime->logits() + runtime->text_config().n_vocab);
  };
  // Row 256, where a chunk would end, is the sixth of the picture that begins with row 251, the last one.
  const std::vector<float> whole = logits_after({prompt.size()});
  EXPECT_EQ(whole, logits_after({251, prompt.size()}));
  EXPECT_GT(relative_error(logits_after({256, prompt.size()}), whole), 2e-4f);
}

// The way of a user: the plan, pictures of any shape, a question, and the memory as it was.
class FamiliesSession : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(policies, FamiliesSession, testing::Values("recent", "novel", "meda"),
                         [](const auto& policy) { return std::string(policy.param); });

TEST_P(FamiliesSession, see_pictures_of_any_shape_and_answer_in_the_memory_planned) {
  for (const std::string family : kFamilies) {
    SCOPED_TRACE(family);
    SessionOptions options = options_of(family);
    options.kv_policy = GetParam();
    options.kv_budget_bytes = 0;
    options.n_threads = 1;
    options.question_tokens_max = options.answer_tokens_max = 16;
    const Result<Plan> plan = Session::plan(options);
    ASSERT_TRUE(plan) << plan.error().subject << ": " << plan.error().rule;
    options.kv_budget_bytes = plan->kv_budget_min_bytes;
    auto opened = Session::open(options);
    ASSERT_TRUE(opened) << opened.error().subject << ": " << opened.error().rule;
    Session& session = **opened;
    const TileLimits& tiles = session.runtime().tiles();
    bool compressed = false;
    for (const Arena::Section& section : session.runtime().arena().sections())
      EXPECT_EQ(section.used, section.size) << section.name;
    const test::AllocGuard guard;
    for (int k = 0; k < 8; ++k) {
      const TileGrid grid = session.tiles_for(40 + 60 * k, 400 - 45 * k);
      const int n = tiles.width_of(grid, 0) * tiles.height_of(grid, 0);
      for (int i = 0; i < 3 * n; ++i) session.image_input().planes[i] = pixel(k, 0, 0, i % 64);
      const SeeResult result = session.see(session.encode(0, grid), k, grid);
      compressed = compressed || result.status == See::compressed;
    }
    EXPECT_TRUE(compressed);
    EXPECT_LT(session.runtime().memory().next_position(), session.plan().context_max);
    const int position = session.runtime().memory().next_position();
    const auto nothing = [](void*, std::string_view) { return true; };
    EXPECT_NE(session.ask("what?", nothing, nullptr).status, Ask::too_long);
    EXPECT_EQ(session.runtime().memory().next_position(), position);
    if (test::alloc_guard_works()) {
      EXPECT_EQ(guard.made(), 0u);
    }
  }
}

}  // namespace
}  // namespace shrike
