// Small random-weight SmolVLM pairs against what an independent runtime computed from them. Needs the
// reference data beside the tree; without it these tests say that they were skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/model/sampler.hpp"
#include "core/npy.hpp"
#include "core/runtime.hpp"
#include "tests/support/isas.hpp"

namespace shrike {
namespace {

const std::string kData = SHRIKE_SOURCE_DIR "/../shared/data/parity/";

struct Case {
  const char* type;
  const char* picture;
  float tolerance;  // of the logits' range
};
constexpr Case kCases[] = {{"f32", "square-64", 2e-3f},      {"f32", "tall-90x170", 2e-3f},
                           {"f32", "wide-200x120", 2e-3f},   {"f16", "wide-200x120", 2e-3f},
                           {"q8_0", "square-64", 1.5e-2f},   {"q8_0", "tall-90x170", 1.5e-2f},
                           {"q8_0", "wide-200x120", 1.5e-2f}};

std::unique_ptr<Runtime> open(const std::string& type, Isa isa, int n_threads, bool vision = true) {
  SessionOptions options;
  options.model_path = kData + "models/smolvlm-tiny-" + type + ".gguf";
  if (vision) options.mmproj_path = kData + "models/mmproj-smolvlm-tiny-" + type + ".gguf";
  options.kv_policy = "full";
  options.kv_budget_bytes = std::size_t{1} << 30;  // capped by what the context can use
  options.isa = isa_name(isa);
  options.n_threads = n_threads;
  Result<std::unique_ptr<Runtime>> runtime = Runtime::open(options);
  EXPECT_TRUE(runtime) << (runtime ? "" : runtime.error().subject + ": " + runtime.error().rule);
  return runtime ? std::move(runtime).value() : nullptr;
}

// Largest difference over the reference's range.
float relative_error(const float* got, const float* want, std::size_t n) {
  const auto [low, high] = std::minmax_element(want, want + n);
  float worst = 0;
  for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::fabs(got[i] - want[i]));
  return worst / (*high - *low);
}

class Parity : public test::OnEveryIsa {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kData + "tiny-f32")) GTEST_SKIP() << "no reference data beside the tree";
  }
};
SHRIKE_MODELS_ON_EVERY_ISA(Parity);

// The model's prompt with the pictures' rows in place, as tokens.npy has it. Row k of picture chunk c is -1 -
// (16 c + k).
std::vector<PromptToken> prompt_of(const Npy& tokens) {
  std::vector<PromptToken> prompt;
  int row = 0;
  for (const std::int32_t token : tokens.i32) {
    PromptToken p;
    p.token = token >= 0 ? token : image_row(row++);
    p.facts.modality = token >= 0 ? kv::Modality::text : kv::Modality::image;
    prompt.push_back(p);
  }
  return prompt;
}

struct Trace {
  std::vector<float> rows, logits, steps;
  std::vector<std::int32_t> greedy;
};
// Encodes the pictures (their own pixels where there are some, f32's where not), prefills, continues
// greedily.
Trace trace(Runtime& runtime, const Case& c, int n_steps) {
  const std::string folder = kData + "tiny-" + c.type + "/" + c.picture + "/";
  const std::string pixels = kData + "tiny-f32/" + c.picture + "/";
  Trace t;
  for (int k = 0; std::filesystem::exists(pixels + "pixels_" + std::to_string(k) + ".npy"); ++k) {
    const Npy image = read_npy(pixels + "pixels_" + std::to_string(k) + ".npy").value();  // [h][w][3]
    const ImageInput input = runtime.image_input();
    const int n = input.side * input.side;
    EXPECT_EQ(image.f32.size(), static_cast<std::size_t>(3 * n));
    for (int i = 0; i < n; ++i)
      for (int channel = 0; channel < 3; ++channel)
        input.planes[channel * n + i] = image.f32[static_cast<std::size_t>(3 * i + channel)];
    const float* rows = runtime.encode_image();
    t.rows.insert(t.rows.end(), rows,
                  rows + runtime.vision_config()->n_image_tokens() * runtime.text_config().dim);
  }
  const Npy tokens = read_npy(folder + "tokens.npy").value();
  const std::vector<PromptToken> prompt = prompt_of(tokens);
  EXPECT_EQ(runtime.memory().make_room(static_cast<int>(prompt.size()), runtime.policy()), kv::Room::ok);
  runtime.run(prompt, t.rows.data(), true);
  const int n_vocab = runtime.text_config().n_vocab;
  t.logits.assign(runtime.logits(), runtime.logits() + n_vocab);
  for (int step = 0; step < n_steps; ++step) {
    const float* logits = runtime.logits();
    t.steps.insert(t.steps.end(), logits, logits + n_vocab);
    const PromptToken next{greedy(logits, n_vocab), {}};
    t.greedy.push_back(next.token);
    if (step + 1 < n_steps) runtime.run({&next, 1}, nullptr, true);
  }
  return t;
}

TEST_P(Parity, embeddings_logits_and_greedy_tokens_agree) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.type) + " " + c.picture);
    const std::string folder = kData + "tiny-" + c.type + "/" + c.picture + "/";
    const auto runtime = open(c.type, GetParam(), 1);
    ASSERT_NE(runtime, nullptr);
    const Npy steps = read_npy(folder + "steps.npy").value();
    const Npy greedy_tokens = read_npy(folder + "greedy.npy").value();
    const int n_steps = static_cast<int>(greedy_tokens.i32.size());
    const Trace t = trace(*runtime, c, n_steps);

    const std::size_t n_embd = t.rows.size() / static_cast<std::size_t>(16 * runtime->text_config().dim);
    std::vector<float> want_rows;
    for (std::size_t k = 0; k < n_embd; ++k) {
      const Npy want = read_npy(folder + "embd_" + std::to_string(k) + ".npy").value();
      want_rows.insert(want_rows.end(), want.f32.begin(), want.f32.end());
    }
    ASSERT_EQ(want_rows.size(), t.rows.size());
    // Of the picture's own range of embeddings, a tenth of the logits', which is the milder measure.
    const float worst_embd = relative_error(t.rows.data(), want_rows.data(), want_rows.size());
    EXPECT_LE(worst_embd, c.tolerance);
    const Npy logits = read_npy(folder + "logits.npy").value();
    const float error = relative_error(t.logits.data(), logits.f32.data(), logits.f32.size());
    EXPECT_LE(error, c.tolerance);

    const std::size_t n_vocab = logits.f32.size();
    int n_same = 0;
    for (int step = 0; step < n_steps; ++step) {
      const float* want = steps.f32.data() + static_cast<std::size_t>(step) * n_vocab;
      std::vector<float> sorted(want, want + n_vocab);
      std::nth_element(sorted.begin(), sorted.begin() + 1, sorted.end(), std::greater<>());
      const float range = *std::max_element(want, want + n_vocab) - *std::min_element(want, want + n_vocab);
      const float margin = (sorted[0] - sorted[1]) / range;
      const std::size_t s = static_cast<std::size_t>(step);
      if (t.greedy[s] == greedy_tokens.i32[s]) {
        ++n_same;
        continue;
      }
      EXPECT_LE(margin, c.tolerance) << "step " << step << " chose another token although the margin is wide";
      break;  // from here on the two tell different stories
    }
    std::printf("%s %s: embeddings %.1e, logits %.1e of the range, %d of %d greedy tokens\n", c.type,
                c.picture, static_cast<double>(worst_embd), static_cast<double>(error), n_same, n_steps);
  }
}

TEST_P(Parity, logits_of_every_text_position_agree) {
  for (const auto& [type, tolerance] : {std::pair{"f32", 2e-3f}, std::pair{"q8_0", 1.5e-2f}}) {
    const std::string folder = kData + "tiny-" + type + "/text/";
    const auto runtime = open(type, GetParam(), 1, false);
    ASSERT_NE(runtime, nullptr);
    const Npy tokens = read_npy(folder + "tokens.npy").value();
    const Npy logits = read_npy(folder + "logits.npy").value();
    const std::vector<PromptToken> prompt = prompt_of(tokens);
    ASSERT_EQ(runtime->memory().make_room(static_cast<int>(prompt.size()), runtime->policy()), kv::Room::ok);
    runtime->run(prompt, nullptr, true);
    const std::size_t n_vocab = static_cast<std::size_t>(runtime->text_config().n_vocab);
    for (std::size_t row = 0; row < prompt.size(); ++row)
      EXPECT_LE(relative_error(runtime->logits(static_cast<int>(prompt.size() - 1 - row)),
                               logits.f32.data() + row * n_vocab, n_vocab),
                tolerance)
          << type << " row " << row;
  }
}

TEST_P(Parity, is_the_same_bits_for_one_two_and_four_threads) {
  for (const char* type : {"f32", "f16", "q8_0"}) {
    const Case c{type, "wide-200x120", 0};
    Trace first;
    for (const int n_threads : {1, 2, 4}) {
      const auto runtime = open(type, GetParam(), n_threads);
      ASSERT_NE(runtime, nullptr);
      Trace t = trace(*runtime, c, 8);
      if (first.rows.empty()) first = t;
      EXPECT_EQ(t.rows, first.rows) << type << " " << n_threads;
      EXPECT_EQ(t.steps, first.steps) << type << " " << n_threads;
    }
  }
}

}  // namespace
}  // namespace shrike
