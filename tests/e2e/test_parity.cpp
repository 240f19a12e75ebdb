// Small random-weight SmolVLM pairs against what an independent runtime computed from them. Needs the
// reference data beside the tree; without it these tests say that they were skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>

#include "core/model/sampler.hpp"
#include "core/npy.hpp"
#include "core/runtime.hpp"
#include "tests/support/isas.hpp"

namespace shrike {
namespace {

const std::string kData = SHRIKE_SOURCE_DIR "/../shared/data/parity/";

// Tolerances are of the range of the embeddings and of the logits. The reference rounds activations too, to bf16
// or to int8 groups of its own, and a network makes noise of that: exact products of the same weights, in double
// precision, are 1.1e-2 to 1.3e-2 away from its q8_0 and q4_0 embeddings as well, and bf16's 2.8e-3 is all its own.
// Steps follow one another: what a prompt rounded less leaves in the cache is as far from the reference's at each.
struct Case {
  const char* model;
  const char* mmproj;
  const char* picture;
  float embeddings;
  float logits;
};
constexpr const char* kWide = "wide-200x120";
constexpr float kExact = 2e-3f, kRounded = 1e-2f, kBf16Rows = 3.5e-3f, kRoundedRows = 1.6e-2f,
                kRoundedSteps = 1.3e-2f;
constexpr Case kCases[] = {{"tiny-f32", "tiny-f32", "square-64", kExact, kExact},
                           {"tiny-f32", "tiny-f32", "tall-90x170", kExact, kExact},
                           {"tiny-f32", "tiny-f32", kWide, kExact, kExact},
                           {"tiny-f16", "tiny-f16", kWide, kExact, kExact},
                           {"tiny-bf16", "tiny-bf16", kWide, kBf16Rows, kExact},
                           {"tinyk-f16", "tinyk-f16", kWide, kExact, kExact},
                           {"tiny-q8_0", "tiny-q8_0", "square-64", kRoundedRows, kRounded},
                           {"tiny-q8_0", "tiny-q8_0", "tall-90x170", kRoundedRows, kRounded},
                           {"tiny-q8_0", "tiny-q8_0", kWide, kRoundedRows, kRounded},
                           {"tiny-q4_0", "tiny-q4_0", kWide, kRoundedRows, kRounded},
                           {"tiny-q4_1", "tiny-f16", kWide, kExact, kRounded},
                           {"tiny-q5_0", "tiny-f16", kWide, kExact, kRounded},
                           {"tiny-q5_1", "tiny-f16", kWide, kExact, kRounded},
                           {"tinyk-iq4_nl", "tinyk-f16", kWide, kExact, kRounded},
                           {"tinyk-q4_k", "tinyk-f16", kWide, kExact, kRounded},
                           {"tinyk-q5_k", "tinyk-f16", kWide, kExact, kRounded},
                           {"tinyk-q6_k", "tinyk-f16", kWide, kExact, kRounded}};

// Without an mmproj only the text model.
std::unique_ptr<Runtime> open(const std::string& model, const std::string& mmproj, Isa isa, int n_threads) {
  SessionOptions options;
  options.model_path = kData + "models/smolvlm-" + model + ".gguf";
  if (!mmproj.empty()) options.mmproj_path = kData + "models/mmproj-smolvlm-" + mmproj + ".gguf";
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
// Encodes the pictures (their own pixels where there are some, f32's where not), prefills, continues with the
// reference's tokens, so that a near tie that falls the other way does not end the comparison.
Trace trace(Runtime& runtime, const Case& c, std::span<const std::int32_t> continuation) {
  const std::string folder = kData + c.model + "/" + c.picture + "/";
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
  for (const std::int32_t token : continuation) {
    const float* logits = runtime.logits();
    t.steps.insert(t.steps.end(), logits, logits + n_vocab);
    t.greedy.push_back(greedy(logits, n_vocab));
    const PromptToken next{token, {}};
    runtime.run({&next, 1}, nullptr, true);
  }
  return t;
}

TEST_P(Parity, embeddings_logits_and_greedy_tokens_agree) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.model) + " " + c.picture);
    const std::string folder = kData + c.model + "/" + c.picture + "/";
    const auto runtime = open(c.model, c.mmproj, GetParam(), 1);
    ASSERT_NE(runtime, nullptr);
    const Npy steps = read_npy(folder + "steps.npy").value();
    const Npy greedy_tokens = read_npy(folder + "greedy.npy").value();
    const int n_steps = static_cast<int>(greedy_tokens.i32.size());
    const Trace t = trace(*runtime, c, greedy_tokens.i32);

    const std::size_t n_embd = t.rows.size() / static_cast<std::size_t>(16 * runtime->text_config().dim);
    std::vector<float> want_rows;
    for (std::size_t k = 0; k < n_embd; ++k) {
      const Npy want = read_npy(folder + "embd_" + std::to_string(k) + ".npy").value();
      want_rows.insert(want_rows.end(), want.f32.begin(), want.f32.end());
    }
    ASSERT_EQ(want_rows.size(), t.rows.size());
    // Of the picture's own range of embeddings, a tenth of the logits', which is the milder measure.
    const float worst_embd = relative_error(t.rows.data(), want_rows.data(), want_rows.size());
    EXPECT_LE(worst_embd, c.embeddings);
    const Npy logits = read_npy(folder + "logits.npy").value();
    const float error = relative_error(t.logits.data(), logits.f32.data(), logits.f32.size());
    EXPECT_LE(error, c.logits);

    const std::size_t n_vocab = logits.f32.size();
    int n_same = 0;
    float worst_step = 0;
    for (int step = 0; step < n_steps; ++step) {
      const float* want = steps.f32.data() + static_cast<std::size_t>(step) * n_vocab;
      std::vector<float> sorted(want, want + n_vocab);
      std::nth_element(sorted.begin(), sorted.begin() + 1, sorted.end(), std::greater<>());
      const float range = *std::max_element(want, want + n_vocab) - *std::min_element(want, want + n_vocab);
      const float margin = (sorted[0] - sorted[1]) / range;
      const std::size_t s = static_cast<std::size_t>(step);
      worst_step = std::max(worst_step, relative_error(t.steps.data() + s * n_vocab, want, n_vocab));
      if (t.greedy[s] == greedy_tokens.i32[s])
        ++n_same;
      else
        EXPECT_LE(margin, c.logits) << "step " << step << " chose another token although the margin is wide";
    }
    EXPECT_LE(worst_step, c.logits == kRounded ? kRoundedSteps : c.logits);
    std::printf(
        "%s %s: embeddings %.1e, logits %.1e, at any step %.1e of the range, %d of %d greedy tokens\n",
        c.model, c.picture, static_cast<double>(worst_embd), static_cast<double>(error),
        static_cast<double>(worst_step), n_same, n_steps);
  }
}

TEST_P(Parity, logits_of_every_text_position_agree) {
  for (const auto& [type, tolerance] : {std::pair{"tiny-f32", kExact}, std::pair{"tiny-q8_0", kRounded}}) {
    const std::string folder = kData + type + "/text/";
    const auto runtime = open(type, "", GetParam(), 1);
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
  for (const Case& c : kCases) {
    // A kernel of each kind; the cuts of every type's are tested with it.
    const std::string_view model = c.model;
    const bool one_of_a_kind = model == "tiny-f32" || model == "tiny-f16" || model == "tiny-q8_0" ||
                               model == "tiny-q4_1" || model == "tinyk-q6_k";
    if (c.picture != kWide || !one_of_a_kind) continue;
    const Npy greedy_tokens = read_npy(kData + c.model + "/" + c.picture + "/greedy.npy").value();
    const std::span<const std::int32_t> some =
        std::span(greedy_tokens.i32).first(std::min<std::size_t>(8, greedy_tokens.i32.size()));
    Trace first;
    for (const int n_threads : {1, 2, 4}) {
      const auto runtime = open(c.model, c.mmproj, GetParam(), n_threads);
      ASSERT_NE(runtime, nullptr);
      Trace t = trace(*runtime, c, some);
      if (first.rows.empty()) first = t;
      EXPECT_EQ(t.rows, first.rows) << c.model << " " << n_threads;
      EXPECT_EQ(t.steps, first.steps) << c.model << " " << n_threads;
    }
  }
}

}  // namespace
}  // namespace shrike
