// What the keys of a text and of a vision file may say, and with which words the rest is refused.
#include "core/model/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "tests/support/tiny_model.hpp"
#include "tests/support/verdict.hpp"

namespace shrike {
namespace {

using test::Bytes;
using test::GgufWriter;
using test::verdict;

constexpr float kInf = std::numeric_limits<float>::infinity();

std::string text_verdict(const GgufWriter& w) {
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  return verdict(read_text_config(file));
}
std::string vision_verdict(const GgufWriter& w) {
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  return verdict(read_vision_config(file));
}

TEST(TextConfig, says_what_the_file_says) {
  GgufWriter w = test::tiny_text();
  w.set("llama.rope.dimension_count", 6u).set("llama.rope.freq_base", 5000.0f);
  w.set("shrike.prompt.intro", "Look.").set("shrike.video.fps", 2.5f);
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const TextConfig c = read_text_config(file).value();
  EXPECT_EQ(c.n_vocab, 266);
  EXPECT_EQ(c.n_layers, 2);
  EXPECT_EQ(c.dim, 32);
  EXPECT_EQ(c.n_heads, 4);
  EXPECT_EQ(c.n_kv_heads, 2);
  EXPECT_EQ(c.group(), 2);
  EXPECT_EQ(c.head_dim, 8);
  EXPECT_EQ(c.rotation.n_rope, 6);
  EXPECT_EQ(c.n_ff, 64);
  EXPECT_EQ(c.n_ctx, 256);
  EXPECT_EQ(c.rms_eps, 1e-5f);
  EXPECT_EQ(c.rotation.base, 5000.0f);
  EXPECT_EQ(c.prompt_intro, "Look.");
  EXPECT_EQ(c.video_fps, 2.5f);
}

TEST(TextConfig, has_defaults_for_what_a_file_may_leave_out) {
  GgufWriter w = test::tiny_text();
  w.remove("llama.attention.head_count_kv");
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const TextConfig c = read_text_config(file).value();
  EXPECT_EQ(c.n_kv_heads, c.n_heads);
  EXPECT_EQ(c.rotation.n_rope, c.head_dim);
  EXPECT_EQ(c.rotation.base, 10000.0f);
  EXPECT_EQ(c.prompt_intro, "");
  EXPECT_EQ(c.video_fps, 1.0f);
}

TEST(TextConfig, a_key_length_frees_the_heads_from_the_width) {
  GgufWriter w = test::tiny_text();
  w.set("llama.attention.head_count", 5u).set("llama.attention.head_count_kv", 5u);
  EXPECT_EQ(text_verdict(w),
            "malformed | does not divide the width | file: llama.attention.head_count | got 5, allowed 32");
  w.set("llama.attention.key_length", 12u);
  EXPECT_EQ(text_verdict(w), "accepted");
}

TEST(TextConfig, any_integer_type_serves_for_a_count) {
  GgufWriter w = test::tiny_text();
  w.set("llama.block_count", std::uint8_t{2}).set("llama.embedding_length", std::int16_t{32});
  w.set("llama.context_length", std::uint64_t{256}).set("llama.feed_forward_length", std::int64_t{64});
  EXPECT_EQ(text_verdict(w), "accepted");
}

// A count that must be there: what lies below 1, above its limit or is no number is refused with the limit.
struct Count {
  const char* key;
  int max;
  bool needed = true;
};

template <class Verdict>
void expect_counts_are_bounded(const GgufWriter& good, const std::vector<Count>& counts,
                               Verdict&& verdict_of) {
  for (const Count& count : counts) {
    SCOPED_TRACE(count.key);
    const std::string key = count.key, limit = std::to_string(count.max);
    const auto with = [&](auto value) {
      GgufWriter w = good;
      return verdict_of(w.set(count.key, value));
    };
    EXPECT_EQ(with(0u), "malformed | is too small | file: " + key + " | got 0, allowed 1");
    EXPECT_EQ(with(-1), "malformed | is too small | file: " + key + " | got -1, allowed 1");
    EXPECT_EQ(with(static_cast<std::uint32_t>(count.max) + 1), "malformed | is too large | file: " + key +
                                                                   " | got " + std::to_string(count.max + 1) +
                                                                   ", allowed " + limit);
    EXPECT_EQ(with(std::uint64_t{1} << 63),
              "malformed | is too large | file: " + key + " | got 9223372036854775807, allowed " + limit);
    EXPECT_EQ(with((std::uint64_t{1} << 32) + 1),
              "malformed | is too large | file: " + key + " | got 4294967297, allowed " + limit)
        << "not cut to 32 bits";
    EXPECT_EQ(with("2"), "malformed | must be an integer | file: " + key);
    EXPECT_EQ(with(2.0f), "malformed | must be an integer | file: " + key);
    GgufWriter without = good;
    EXPECT_EQ(verdict_of(without.remove(count.key)),
              count.needed ? "missing | key is missing | file: " + key : "accepted");
  }
}

TEST(TextConfig, every_count_has_a_limit) {
  expect_counts_are_bounded(test::tiny_text(),
                            {{"llama.block_count", 256},
                             {"llama.embedding_length", 16384},
                             {"llama.feed_forward_length", 65536},
                             {"llama.attention.head_count", 256},
                             {"llama.attention.head_count_kv", 256, false},
                             {"llama.context_length", 1 << 20},
                             {"llama.rope.dimension_count", 8, false}},
                            text_verdict);
  GgufWriter w = test::tiny_text();
  w.set("llama.attention.key_length", 8u);
  expect_counts_are_bounded(
      w, {{"llama.attention.key_length", 256, false}, {"llama.attention.value_length", 256, false}},
      text_verdict);
}

TEST(VisionConfig, every_count_has_a_limit) {
  expect_counts_are_bounded(test::tiny_vision(),
                            {{"clip.vision.image_size", 4096},
                             {"clip.vision.patch_size", 32},
                             {"clip.vision.embedding_length", 16384},
                             {"clip.vision.feed_forward_length", 65536},
                             {"clip.vision.block_count", 256},
                             {"clip.vision.attention.head_count", 256},
                             {"clip.vision.projector.scale_factor", 4},
                             {"clip.vision.projection_dim", 16384}},
                            vision_verdict);
}

// Keys that must be a positive, finite float.
template <class Verdict>
void expect_positive(const GgufWriter& good, const std::string& key, bool needed, Verdict&& verdict_of) {
  SCOPED_TRACE(key);
  const auto with = [&](auto value) {
    GgufWriter w = good;
    return verdict_of(w.set(key, value));
  };
  EXPECT_EQ(with(0.0f), "malformed | must be positive | file: " + key);
  EXPECT_EQ(with(-0.0f), "malformed | must be positive | file: " + key);
  EXPECT_EQ(with(-1e-5f), "malformed | must be positive | file: " + key);
  EXPECT_EQ(with(1e-300), "malformed | must be positive | file: " + key) << "a double that is 0 as a float";
  for (const float value : {kInf, -kInf, std::nanf("")})
    EXPECT_EQ(with(value), "malformed | must be finite | file: " + key);
  EXPECT_EQ(with(1e300), "malformed | must be finite | file: " + key);
  EXPECT_EQ(with(1u), "malformed | must be a float | file: " + key);
  EXPECT_EQ(with(1.0), "accepted");
  GgufWriter without = good;
  EXPECT_EQ(verdict_of(without.remove(key)), needed ? "missing | key is missing | file: " + key : "accepted");
}

TEST(TextConfig, real_numbers_are_positive_and_finite) {
  expect_positive(test::tiny_text(), "llama.attention.layer_norm_rms_epsilon", true, text_verdict);
  expect_positive(test::tiny_text(), "llama.rope.freq_base", false, text_verdict);
}

TEST(VisionConfig, real_numbers_are_positive_and_finite) {
  expect_positive(test::tiny_vision(), "clip.vision.attention.layer_norm_epsilon", true, vision_verdict);
}

// One change to a good file, and what is said of it.
struct Change {
  const char* name;
  void (*change)(GgufWriter& w);
  const char* verdict;
  friend void PrintTo(const Change& c, std::ostream* out) { *out << c.name; }
};
std::string change_name(const testing::TestParamInfo<Change>& info) { return info.param.name; }

const Change kTextChanges[] = {
    {"no_architecture", [](GgufWriter& w) { w.remove("general.architecture"); },
     "missing | key is missing | file: general.architecture"},
    {"architecture_number", [](GgufWriter& w) { w.set("general.architecture", 1u); },
     "malformed | must be a string | file: general.architecture"},
    {"another_architecture", [](GgufWriter& w) { w.set("general.architecture", "mamba"); },
     "unsupported | is no text model of an architecture that is known here | file: mamba"},
    {"a_vision_file", [](GgufWriter& w) { w = test::tiny_vision(); },
     "unsupported | is no text model of an architecture that is known here | file: clip"},
    {"kv_heads_that_do_not_divide", [](GgufWriter& w) { w.set("llama.attention.head_count_kv", 3u); },
     "malformed | does not divide the number of heads | file: llama.attention.head_count_kv | got 3, allowed "
     "4"},
    {"more_kv_heads_than_heads", [](GgufWriter& w) { w.set("llama.attention.head_count_kv", 8u); },
     "malformed | does not divide the number of heads | file: llama.attention.head_count_kv | got 8, allowed "
     "4"},
    {"heads_wider_than_allowed",
     [](GgufWriter& w) {
       w.set("llama.embedding_length", 2048u);  // in 4 heads
     },
     "malformed | heads are too wide | file: llama.attention.head_count | got 512, allowed 256"},
    {"more_heads_than_numbers",
     [](GgufWriter& w) {
       w.set("llama.attention.head_count", 64u).set("llama.attention.head_count_kv", 64u);
     },
     "malformed | does not divide the width | file: llama.attention.head_count | got 64, allowed 32"},
    {"values_of_another_width", [](GgufWriter& w) { w.set("llama.attention.value_length", 16u); },
     "unsupported | keys and values of different width | file: llama.attention.value_length | got 16, "
     "allowed "
     "8"},
    {"rope_odd", [](GgufWriter& w) { w.set("llama.rope.dimension_count", 7u); },
     "malformed | must be even | file: llama.rope.dimension_count | got 7, allowed 8"},
    {"rope_odd_by_default",
     [](GgufWriter& w) { w.set("llama.attention.key_length", 7u).set("llama.attention.value_length", 7u); },
     "malformed | must be even | file: llama.rope.dimension_count | got 7, allowed 7"},
    {"rope_scaled_by_a_factor",
     [](GgufWriter& w) { w.set("llama.rope.scaling.type", "linear").set("llama.rope.scaling.factor", 8.0f); },
     "accepted"},
    {"rope_scaled_by_nothing",
     [](GgufWriter& w) { w.set("llama.rope.scaling.type", "linear").set("llama.rope.scaling.factor", 0.0f); },
     "malformed | must be positive | file: llama.rope.scaling.factor"},
    {"rope_scaled", [](GgufWriter& w) { w.set("llama.rope.scaling.type", "yarn"); },
     "unsupported | rotary scaling is not known here | file: llama.rope.scaling.type"},
    {"rope_not_scaled", [](GgufWriter& w) { w.set("llama.rope.scaling.type", "none"); }, "accepted"},
    {"no_tokens", [](GgufWriter& w) { w.remove("tokenizer.ggml.tokens"); },
     "missing | key is missing | file: tokenizer.ggml.tokens"},
    {"empty_vocabulary",
     [](GgufWriter& w) { w.set_array("tokenizer.ggml.tokens", std::vector<std::string>{}); },
     "malformed | array is too short | file: tokenizer.ggml.tokens | got 0, allowed 1"},
    {"tokens_that_are_numbers",
     [](GgufWriter& w) {
       w.set_array("tokenizer.ggml.tokens", std::vector<std::int32_t>{1, 2});
     },
     "malformed | array of the wrong type | file: tokenizer.ggml.tokens"},
    {"intro_number", [](GgufWriter& w) { w.set("shrike.prompt.intro", 1u); },
     "malformed | must be a string | file: shrike.prompt.intro"},
    {"fps_0", [](GgufWriter& w) { w.set("shrike.video.fps", 0.0f); },
     "malformed | must be above 0 and at most 1000 | file: shrike.video.fps"},
    {"fps_negative", [](GgufWriter& w) { w.set("shrike.video.fps", -1.0f); },
     "malformed | must be above 0 and at most 1000 | file: shrike.video.fps"},
    {"fps_too_high", [](GgufWriter& w) { w.set("shrike.video.fps", 1000.5f); },
     "malformed | must be above 0 and at most 1000 | file: shrike.video.fps"},
    {"fps_not_a_number", [](GgufWriter& w) { w.set("shrike.video.fps", std::nanf("")); },
     "malformed | must be finite | file: shrike.video.fps"},
};

class TextConfigChanges : public testing::TestWithParam<Change> {};
TEST_P(TextConfigChanges, are_judged) {
  GgufWriter w = test::tiny_text();
  GetParam().change(w);
  EXPECT_EQ(text_verdict(w), GetParam().verdict);
}
INSTANTIATE_TEST_SUITE_P(text, TextConfigChanges, testing::ValuesIn(kTextChanges), change_name);

TEST(VisionConfig, says_what_the_file_says) {
  const Bytes bytes = test::tiny_vision().bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const VisionConfig c = read_vision_config(file).value();
  EXPECT_EQ(c.image_size, 32);
  EXPECT_EQ(c.patch_size, 8);
  EXPECT_EQ(c.grid(), 4);
  EXPECT_EQ(c.n_patches(), 16);
  EXPECT_EQ(c.patch_numbers(), 192);
  EXPECT_EQ(c.dim, 32);
  EXPECT_EQ(c.n_heads, 4);
  EXPECT_EQ(c.head_dim(), 8);
  EXPECT_EQ(c.n_ff, 64);
  EXPECT_EQ(c.n_layers, 1);
  EXPECT_EQ(c.eps, 1e-6f);
  EXPECT_EQ(c.activation, Activation::gelu);
  EXPECT_EQ(c.mean[1], 0.25f);
  EXPECT_EQ(c.std[2], 0.25f);
  EXPECT_EQ(c.shuffle, 2);
  EXPECT_EQ(c.n_image_tokens(), 4);
  EXPECT_EQ(c.projection_dim, 32);
}

TEST(VisionConfig, activation_is_quick_where_the_file_does_not_say) {
  GgufWriter w = test::tiny_vision();
  const Bytes bytes = w.remove("clip.use_gelu").bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  EXPECT_EQ(read_vision_config(file).value().activation, Activation::gelu_quick);
}

const Change kVisionChanges[] = {
    {"no_architecture", [](GgufWriter& w) { w.remove("general.architecture"); },
     "missing | key is missing | file: general.architecture"},
    {"a_text_file", [](GgufWriter& w) { w = test::tiny_text(); },
     "unsupported | not a vision file (mmproj) of architecture clip | file: llama"},
    {"no_vision", [](GgufWriter& w) { w.set("clip.has_vision_encoder", false); },
     "unsupported | has no vision encoder | file: clip.has_vision_encoder"},
    {"vision_that_is_no_bool", [](GgufWriter& w) { w.set("clip.has_vision_encoder", 1u); },
     "malformed | must be a bool | file: clip.has_vision_encoder"},
    {"vision_unsaid", [](GgufWriter& w) { w.remove("clip.has_vision_encoder"); }, "accepted"},
    {"another_projector", [](GgufWriter& w) { w.set("clip.projector_type", "resampler"); },
     "unsupported | is no projector that is known here | file: resampler"},
    {"no_projector", [](GgufWriter& w) { w.remove("clip.projector_type"); },
     "missing | key is missing | file: clip.vision.projector_type"},
    {"projector_of_newer_files",
     [](GgufWriter& w) { w.remove("clip.projector_type").set("clip.vision.projector_type", "idefics3"); },
     "accepted"},
    {"another_projector_of_newer_files",
     [](GgufWriter& w) { w.remove("clip.projector_type").set("clip.vision.projector_type", "pixtral"); },
     "unsupported | is no projector that is known here | file: pixtral"},
    {"patches_that_do_not_divide", [](GgufWriter& w) { w.set("clip.vision.patch_size", 5u); },
     "malformed | does not divide the image | file: clip.vision.patch_size | got 5, allowed 32"},
    {"too_many_patches",
     [](GgufWriter& w) { w.set("clip.vision.image_size", 4096u).set("clip.vision.patch_size", 1u); },
     "malformed | too many patches | file: clip.vision.patch_size | got 16777216, allowed 16384"},
    {"heads_that_do_not_divide", [](GgufWriter& w) { w.set("clip.vision.attention.head_count", 5u); },
     "malformed | does not divide the width | file: clip.vision.attention.head_count | got 5, allowed 32"},
    {"heads_wider_than_allowed", [](GgufWriter& w) { w.set("clip.vision.embedding_length", 2048u); },
     "malformed | heads are too wide | file: clip.vision.attention.head_count | got 512, allowed 256"},
    {"shuffle_that_does_not_divide", [](GgufWriter& w) { w.set("clip.vision.projector.scale_factor", 3u); },
     "malformed | does not divide the patch grid | file: clip.vision.projector.scale_factor | got 3, allowed "
     "4"},
    {"silu", [](GgufWriter& w) { w.set("clip.use_silu", true); },
     "unsupported | SiLU in the vision tower | file: clip.use_silu"},
    {"gelu_number", [](GgufWriter& w) { w.set("clip.use_gelu", 1u); },
     "malformed | must be a bool | file: clip.use_gelu"},
    {"no_mean", [](GgufWriter& w) { w.remove("clip.vision.image_mean"); },
     "missing | key is missing | file: clip.vision.image_mean"},
    {"mean_of_two",
     [](GgufWriter& w) {
       w.set_array("clip.vision.image_mean", std::vector<float>{0, 0});
     },
     "malformed | array is too short | file: clip.vision.image_mean | got 2, allowed 3"},
    {"mean_not_finite",
     [](GgufWriter& w) {
       w.set_array("clip.vision.image_mean", std::vector<float>{0, kInf, 0});
     },
     "malformed | must be finite | file: clip.vision.image_mean"},
    {"std_of_four",
     [](GgufWriter& w) {
       w.set_array("clip.vision.image_std", std::vector<float>{1, 1, 1, 1});
     },
     "malformed | array is too long | file: clip.vision.image_std | got 4, allowed 3"},
    {"std_0",
     [](GgufWriter& w) {
       w.set_array("clip.vision.image_std", std::vector<float>{1, 1, 0});
     },
     "malformed | must be positive | file: clip.vision.image_std"},
    {"std_negative",
     [](GgufWriter& w) {
       w.set_array("clip.vision.image_std", std::vector<float>{-1, 1, 1});
     },
     "malformed | must be positive | file: clip.vision.image_std"},
};

class VisionConfigChanges : public testing::TestWithParam<Change> {};
TEST_P(VisionConfigChanges, are_judged) {
  GgufWriter w = test::tiny_vision();
  GetParam().change(w);
  EXPECT_EQ(vision_verdict(w), GetParam().verdict);
}
INSTANTIATE_TEST_SUITE_P(vision, VisionConfigChanges, testing::ValuesIn(kVisionChanges), change_name);

}  // namespace
}  // namespace shrike
