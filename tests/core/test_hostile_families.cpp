// What keys and tensors of the families beside SmolVLM may say, and with which words the rest is refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <ostream>

#include "core/model/model.hpp"
#include "tests/support/family_files.hpp"
#include "tests/support/verdict.hpp"

namespace shrike {
namespace {

using test::Bytes;
using test::GgufWriter;
using test::kFamilies;
using test::verdict;

std::string text_verdict(const GgufWriter& w) {
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const Result<TextConfig> config = read_text_config(file);
  return config ? verdict(read_text_weights(file, *config)) : verdict(config);
}
std::string vision_verdict(const GgufWriter& w) {
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const Result<VisionConfig> config = read_vision_config(file);
  return config ? verdict(read_vision_weights(file, *config)) : verdict(config);
}

enum Half { text, vision };
struct Change {
  const char* name;
  const char* family;
  Half half;
  std::function<void(GgufWriter&)> change;
  const char* verdict;
};
void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

using Ints = std::vector<std::int32_t>;
const std::string kSections = "qwen2vl.rope.dimension_sections";
const std::string kWindow = "gemma3.attention.sliding_window";
const std::string kPattern = "gemma3.attention.sliding_window_pattern";

const Change kChanges[] = {
    {"no_sections", "qwen2vl", text, [](GgufWriter& w) { w.remove(kSections); },
     "missing | key is missing | file: qwen2vl.rope.dimension_sections"},
    {"two_sections", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{4, 4});
     },
     "malformed | array is too short | file: qwen2vl.rope.dimension_sections | got 2, allowed 3"},
    {"five_sections", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{2, 3, 3, 0, 0});
     },
     "malformed | array is too long | file: qwen2vl.rope.dimension_sections | got 5, allowed 4"},
    {"sections_of_floats", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, std::vector<float>{2, 3, 3});
     },
     "malformed | array of the wrong type | file: qwen2vl.rope.dimension_sections"},
    {"sections_below_half_the_head", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{2, 3, 2, 0});
     },
     "malformed | do not add up to half the turned numbers of a head | file: qwen2vl.rope.dimension_sections "
     "| "
     "got 7, allowed 8"},
    {"sections_above_half_the_head", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{16, 16, 16, 0});
     },
     "malformed | do not add up to half the turned numbers of a head | file: qwen2vl.rope.dimension_sections "
     "| "
     "got 48, allowed 8"},
    {"section_below_0", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{-1, 5, 4, 0});
     },
     "malformed | section is out of range | file: qwen2vl.rope.dimension_sections | got -1, allowed 16"},
    {"section_of_2_to_the_31", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{2147483647, 1, 8, 0});
     },
     "malformed | section is out of range | file: qwen2vl.rope.dimension_sections | got 2147483647, allowed "
     "16"},
    {"a_fourth_section", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{2, 3, 2, 1});
     },
     "unsupported | a fourth section is not known here | file: qwen2vl.rope.dimension_sections | got 1, "
     "allowed "
     "0"},
    {"three_sections", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array(kSections, Ints{8, 0, 0});
     },
     "accepted"},
    {"deepstack_beyond_the_layers", "qwen3vl", text,
     [](GgufWriter& w) { w.set("qwen3vl.n_deepstack_layers", 4u); },
     "malformed | is too large | file: qwen3vl.n_deepstack_layers | got 4, allowed 3"},
    {"deepstack_negative", "qwen3vl", text, [](GgufWriter& w) { w.set("qwen3vl.n_deepstack_layers", -1); },
     "malformed | is too small | file: qwen3vl.n_deepstack_layers | got -1, allowed 0"},
    {"head_norm_of_another_length", "qwen3vl", text,
     [](GgufWriter& w) { w.tensor("blk.1.attn_k_norm.weight").ne[0] = 8; },
     "malformed | vector of the wrong length | file: blk.1.attn_k_norm.weight | got 8, allowed 16"},

    {"convolution_of_nothing", "lfm2", text, [](GgufWriter& w) { w.set("lfm2.shortconv.l_cache", 0u); },
     "malformed | is too small | file: lfm2.shortconv.l_cache | got 0, allowed 1"},
    {"convolution_absurd", "lfm2", text, [](GgufWriter& w) { w.set("lfm2.shortconv.l_cache", 17u); },
     "malformed | is too large | file: lfm2.shortconv.l_cache | got 17, allowed 16"},
    {"convolution_of_another_length", "lfm2", text,
     [](GgufWriter& w) { w.set("lfm2.shortconv.l_cache", 4u); },
     "malformed | row of the wrong length | file: blk.0.shortconv.conv.weight | got 3, allowed 4"},
    {"no_layer_with_attention", "lfm2", text,
     [](GgufWriter& w) {
       w.set_array("lfm2.attention.head_count_kv", Ints{0, 0, 0});
     },
     "unsupported | no layer has attention | file: lfm2.attention.head_count_kv"},
    {"kv_heads_for_too_few_layers", "lfm2", text,
     [](GgufWriter& w) {
       w.set_array("lfm2.attention.head_count_kv", Ints{0, 1});
     },
     "malformed | array is too short | file: lfm2.attention.head_count_kv | got 2, allowed 3"},
    {"kv_heads_below_0", "lfm2", text,
     [](GgufWriter& w) {
       w.set_array("lfm2.attention.head_count_kv", Ints{0, 1, -1});
     },
     "malformed | is out of range | file: lfm2.attention.head_count_kv | got -1, allowed 256"},
    {"kv_heads_that_differ", "lfm2", text,
     [](GgufWriter& w) {
       w.set_array("lfm2.attention.head_count_kv", Ints{0, 1, 2});
     },
     "unsupported | layers of different kv heads | file: lfm2.attention.head_count_kv | got 2, allowed 1"},
    {"a_layer_of_nothing", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array("qwen2vl.attention.head_count_kv", Ints{1, 0, 1});
     },
     "malformed | a layer has no attention, and nothing else in its place | file: "
     "qwen2vl.attention.head_count_kv"},
    {"kv_heads_one_by_one", "qwen2vl", text,
     [](GgufWriter& w) {
       w.set_array("qwen2vl.attention.head_count_kv", Ints{1, 1, 1});
     },
     "accepted"},

    {"patch_0", "qwen2vl", vision, [](GgufWriter& w) { w.set("clip.vision.patch_size", 0u); },
     "malformed | is too small | file: clip.vision.patch_size | got 0, allowed 1"},
    {"patch_absurd", "qwen2vl", vision, [](GgufWriter& w) { w.set("clip.vision.patch_size", 512u); },
     "malformed | too large | file: clip.vision.patch_size | got 1024, allowed 256"},
    {"merge_0", "qwen2vl", vision, [](GgufWriter& w) { w.set("clip.vision.spatial_merge_size", 0u); },
     "malformed | is too small | file: clip.vision.spatial_merge_size | got 0, allowed 1"},
    {"merge_absurd", "qwen2vl", vision, [](GgufWriter& w) { w.set("clip.vision.spatial_merge_size", 17u); },
     "malformed | is too large | file: clip.vision.spatial_merge_size | got 17, allowed 16"},
    {"merge_that_the_projector_was_not_made_for", "qwen2vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.spatial_merge_size", 3u); },
     "malformed | row of the wrong length | file: mm.0.weight | got 64, allowed 144"},
    {"heads_that_two_positions_cannot_turn", "qwen2vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.attention.head_count", 8u); },
     "malformed | a head cannot be turned by two positions | file: clip.vision.attention.head_count | got 2, "
     "allowed 0"},
    {"fewest_pixels_above_the_most", "qwen2vl", vision,
     [](GgufWriter& w) {
       w.set("clip.vision.image_min_pixels", 1u << 20).set("clip.vision.image_max_pixels", 4096u);
     },
     "malformed | is more than the most | file: clip.vision.image_min_pixels | got 4096, allowed 64"},
    {"pixels_0", "qwen2vl", vision, [](GgufWriter& w) { w.set("clip.vision.image_max_pixels", 0u); },
     "malformed | is too small | file: clip.vision.image_max_pixels | got 0, allowed 1"},
    {"pixels_beyond_everything_are_cut_to_what_there_may_be", "qwen2vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.image_max_pixels", std::uint64_t{1} << 40); }, "accepted"},
    {"a_kernel_for_one_frame", "qwen2vl", vision,
     [](GgufWriter& w) { w.remove_tensor("v.patch_embd.weight.1"); },
     "malformed | tensor is missing | file: v.patch_embd.weight.1"},

    {"window_0", "qwen2.5vl", vision, [](GgufWriter& w) { w.set("clip.vision.window_size", 0u); },
     "malformed | is too small | file: clip.vision.window_size | got 0, allowed 1"},
    {"window_absurd", "qwen2.5vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.window_size", 4294967295u); },
     "malformed | is too large | file: clip.vision.window_size | got 4294967295, allowed 4096"},
    {"window_smaller_than_a_token", "qwen2.5vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.window_size", 4u); },
     "malformed | is no whole number of image tokens | file: clip.vision.window_size | got 4, allowed 8"},
    {"window_of_broken_tokens", "qwen2.5vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.window_size", 20u); },
     "malformed | is no whole number of image tokens | file: clip.vision.window_size | got 20, allowed 8"},
    {"window_of_the_whole_picture", "qwen2.5vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.window_size", 4096u); }, "accepted"},
    {"no_layer_without_windows", "qwen2.5vl", vision,
     [](GgufWriter& w) { w.remove("clip.vision.n_wa_pattern"); },
     "missing | key is missing | file: clip.vision.n_wa_pattern"},
    {"pattern_0", "qwen2.5vl", vision, [](GgufWriter& w) { w.set("clip.vision.n_wa_pattern", 0u); },
     "malformed | is too small | file: clip.vision.n_wa_pattern | got 0, allowed 1"},
    {"pattern_beyond_the_layers", "qwen2.5vl", vision,
     [](GgufWriter& w) { w.set("clip.vision.n_wa_pattern", 4u); },
     "malformed | is too large | file: clip.vision.n_wa_pattern | got 4, allowed 3"},

    {"tapped_layers_of_numbers", "qwen3vl", vision,
     [](GgufWriter& w) {
       w.set_array("clip.vision.is_deepstack_layers", std::vector<std::uint8_t>{1, 0, 1});
     },
     "malformed | array of the wrong type | file: clip.vision.is_deepstack_layers"},
    {"tapped_layers_too_few", "qwen3vl", vision,
     [](GgufWriter& w) {
       w.set_array_raw("clip.vision.is_deepstack_layers",
                       static_cast<std::uint32_t>(gguf::ValueType::boolean), 2, Bytes(2));
     },
     "malformed | array is too short | file: clip.vision.is_deepstack_layers | got 2, allowed 3"},
    {"tapped_layer_without_its_projection", "qwen3vl", vision,
     [](GgufWriter& w) { w.remove_tensor("v.deepstack.2.fc1.weight"); },
     "malformed | tensor is missing | file: v.deepstack.2.fc1.weight"},
    {"hidden_rows_beyond_the_limit", "qwen3vl", vision,
     [](GgufWriter& w) {
       w.tensor_raw("big", {64, 65537}, static_cast<std::uint32_t>(DType::f16),
                    Bytes(std::size_t{128} * 65537));
       w.tensor("mm.0.weight").name = "small";
       w.tensor("big").name = "mm.0.weight";
     },
     "malformed | too many rows | file: mm.0.weight | got 65537, allowed 65536"},
    {"places_of_no_square", "qwen3vl", vision,
     [](GgufWriter& w) { w.tensor("v.position_embd.weight").ne[1] = 35; },
     "malformed | is no square grid | file: v.position_embd.weight | got 35, allowed 36"},

    {"shuffle_that_does_not_divide", "internvl", vision,
     [](GgufWriter& w) { w.set("clip.vision.projector.scale_factor", 3u); },
     "malformed | does not divide the patch grid | file: clip.vision.projector.scale_factor | got 3, allowed "
     "4"},
    {"tiles_absurd", "internvl", vision, [](GgufWriter& w) { w.set("clip.vision.preproc_max_tiles", 65u); },
     "malformed | is too large | file: clip.vision.preproc_max_tiles | got 65, allowed 64"},
    {"tiles_fewest_above_the_most", "internvl", vision,
     [](GgufWriter& w) { w.set("clip.vision.preproc_min_tiles", 13u); },
     "malformed | is too large | file: clip.vision.preproc_min_tiles | got 13, allowed 12"},
    {"places_without_the_class_token", "internvl", vision,
     [](GgufWriter& w) { w.tensor("v.position_embd.weight").ne[1] = 16; },
     "malformed | wrong number of rows | file: v.position_embd.weight | got 16, allowed 17"},
    {"the_tower_of_6b", "internvl", vision,
     [](GgufWriter& w) { w.tensor("v.blk.0.ls1.weight").name = "v.blk.0.attn_q_norm.weight"; },
     "unsupported | the tower of 6B is not known here | file: v.blk.0.attn_q_norm.weight"},
    {"a_window_of_nothing", "gemma3", text, [](GgufWriter& w) { w.set(kWindow, 0u); },
     "malformed | is too small | file: gemma3.attention.sliding_window | got 0, allowed 1"},
    {"a_window_below_0", "gemma3", text, [](GgufWriter& w) { w.set(kWindow, -7); },
     "malformed | is too small | file: gemma3.attention.sliding_window | got -7, allowed 1"},
    {"a_window_absurd", "gemma3", text, [](GgufWriter& w) { w.set(kWindow, 4294967295u); },
     "malformed | is too large | file: gemma3.attention.sliding_window | got 4294967295, allowed 1048576"},
    {"a_window_of_words", "gemma3", text, [](GgufWriter& w) { w.set(kWindow, std::string("wide")); },
     "malformed | must be an integer | file: gemma3.attention.sliding_window"},
    {"no_window", "gemma3", text, [](GgufWriter& w) { w.remove(kWindow); },
     "missing | key is missing | file: gemma3.attention.sliding_window"},
    {"a_window_of_everything", "gemma3", text, [](GgufWriter& w) { w.set(kWindow, 1048576u); }, "accepted"},
    {"far_layers_never", "gemma3", text, [](GgufWriter& w) { w.set(kPattern, 0u); },
     "malformed | is too small | file: gemma3.attention.sliding_window_pattern | got 0, allowed 1"},
    {"far_layers_absurd", "gemma3", text, [](GgufWriter& w) { w.set(kPattern, 257u); },
     "malformed | is too large | file: gemma3.attention.sliding_window_pattern | got 257, allowed 256"},
    {"far_layers_one_by_one", "gemma3", text,
     [](GgufWriter& w) {
       w.set_array(kPattern, Ints{1, 1, 0});
     },
     "malformed | must be an integer | file: gemma3.attention.sliding_window_pattern"},
    {"far_layers_as_usual", "gemma3", text, [](GgufWriter& w) { w.remove(kPattern); }, "accepted"},
    {"a_near_base_of_0", "gemma3", text, [](GgufWriter& w) { w.set("gemma3.rope.freq_base_swa", 0.0f); },
     "malformed | must be positive | file: gemma3.rope.freq_base_swa"},
    {"a_near_base_of_no_number", "gemma3", text,
     [](GgufWriter& w) { w.set("gemma3.rope.freq_base_swa", std::nanf("")); },
     "malformed | must be finite | file: gemma3.rope.freq_base_swa"},
    {"scores_capped", "gemma3", text, [](GgufWriter& w) { w.set("gemma3.attn_logit_softcapping", 50.0f); },
     "unsupported | numbers that are capped are not known here | file: gemma3.attn_logit_softcapping"},
    {"logits_capped", "gemma3", text, [](GgufWriter& w) { w.set("gemma3.final_logit_softcapping", 30.0f); },
     "unsupported | numbers that are capped are not known here | file: gemma3.final_logit_softcapping"},
    {"the_model_of_27b", "gemma3", text, [](GgufWriter& w) { w.set("gemma3.block_count", 62u); },
     "unsupported | the model of 27B is not known here | file: gemma3.block_count"},
    {"a_branch_norm_of_another_length", "gemma3", text,
     [](GgufWriter& w) { w.tensor("blk.1.post_ffw_norm.weight").ne[0] = 8; },
     "malformed | vector of the wrong length | file: blk.1.post_ffw_norm.weight | got 8, allowed 24"},
    {"a_layer_of_gemma_without_attention", "gemma3", text,
     [](GgufWriter& w) {
       w.set_array("gemma3.attention.head_count_kv", Ints{1, 0, 1});
     },
     "malformed | a layer has no attention, and nothing else in its place | file: "
     "gemma3.attention.head_count_kv"},
    {"a_turned_projection_in_few_bits", "gemma3", vision,
     [](GgufWriter& w) {
       auto& tensor = w.tensor("mm.input_projection.weight");
       tensor.type = static_cast<std::uint32_t>(DType::bf16);
       tensor.data.resize(tensor.data.size() / 2);
     },
     "unsupported | must be f32 or f16 | file: mm.input_projection.weight"},
    {"a_projector_with_norms", "llava", vision,
     [](GgufWriter& w) { w.tensor("mm.2.weight").name = "mm.3.weight"; },
     "unsupported | a projector with norms is not known here | file: mm.3.weight"},
};

class FamilyChanges : public testing::TestWithParam<Change> {};
TEST_P(FamilyChanges, are_judged) {
  const Change& change = GetParam();
  GgufWriter w = test::writer_of(test::family_path(change.family, change.half == vision));
  change.change(w);
  EXPECT_EQ(change.half == vision ? vision_verdict(w) : text_verdict(w), change.verdict);
}
INSTANTIATE_TEST_SUITE_P(families, FamilyChanges, testing::ValuesIn(kChanges),
                         [](const auto& change) { return std::string(change.param.name); });

// Whichever tensor is not there, its name is told.
TEST(Families, miss_every_tensor_that_is_not_there) {
  for (const std::string family : kFamilies)
    for (const Half half : {text, vision}) {
      const GgufWriter good = test::writer_of(test::family_path(family, half == vision));
      const auto judge = half == vision ? vision_verdict : text_verdict;
      ASSERT_EQ(judge(good), "accepted") << family;
      const Bytes bytes = good.bytes();
      const gguf::File file = gguf::File::parse(bytes, "file").value();
      for (const gguf::TensorInfo& tensor : file.tensors()) {
        // What a file of LFM2 need not have; and its last norm, which has two names.
        const bool optional =
            family == "lfm2" && (tensor.name == "v.post_ln.weight" || tensor.name == "mm.input_norm.weight");
        const std::string wanted =
            tensor.name == "token_embd_norm.weight" ? "output_norm.weight" : std::string(tensor.name);
        GgufWriter w = good;
        w.remove_tensor(tensor.name);
        EXPECT_EQ(judge(w), optional ? "accepted" : "malformed | tensor is missing | file: " + wanted)
            << family;
      }
    }
}

TEST(Families, files_of_two_families_are_no_pair) {
  const auto pair = [](const char* model, const char* mmproj) {
    const auto opened = Model::open(test::family_path(model), test::family_path(mmproj, true));
    if (opened) return std::string("accepted");
    const Error& e = opened.error();
    return std::string(e.rule) + ": " + std::to_string(e.got) + ", " + std::to_string(e.allowed);
  };
  EXPECT_EQ(pair("qwen3vl", "qwen2.5vl"), "does not belong to this text model: its deepstack layers: 0, 2");
  EXPECT_EQ(pair("internvl", "qwen3vl"), "does not belong to this text model: its deepstack layers: 2, 0");
  EXPECT_EQ(pair("internvl3.5", "internvl"), "accepted");
  const char* kTiles = "cuts pictures into tiles, which this text model has no positions for: 0, 0";
  EXPECT_EQ(pair("qwen2vl", "internvl"), kTiles);
  EXPECT_EQ(pair("qwen2vl", "lfm2"), kTiles);
  EXPECT_EQ(pair("qwen2vl", "llava"), "accepted");
  const char* kWhole = "cuts pictures into tiles, which this text model sees whole: 0, 0";
  EXPECT_EQ(pair("gemma3", "internvl"), kWhole);
  EXPECT_EQ(pair("gemma3", "lfm2"), kWhole);
  EXPECT_EQ(pair("gemma3", "llava"), "accepted");
}

}  // namespace
}  // namespace shrike
