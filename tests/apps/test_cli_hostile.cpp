// What has broken other runtimes that read the same files, by class and record, through the front door: one line that
// names the file and what is wrong, exit code 65 (bad data), nothing printed. Every other lie is in
// tests/core/test_gguf_malformed.cpp, test_config.cpp, test_weights.cpp and test_tokenizer_hostile.cpp.
#include <limits>
#include <ostream>

#include "tests/apps/cli_test.hpp"
#include "tests/support/tiny_model.hpp"

namespace shrike {
namespace {

using test::Bytes;
using test::GgufWriter;
using test::Words;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kU32 = static_cast<std::uint32_t>(gguf::ValueType::u32);

void replace_tensor(GgufWriter& w, const char* name, std::vector<std::uint64_t> ne, std::uint32_t type) {
  w.tensor(name).ne = std::move(ne);
  w.tensor(name).type = type;
}
Words tokens(int n) {
  Words words = test::small_vocabulary().tokens;
  words.resize(static_cast<std::size_t>(n));
  return words;
}

struct Attack {
  const char* name;
  const char* file;  // the one that lies
  void (*lie)(GgufWriter& text, GgufWriter& vision);
  Words told;
  friend void PrintTo(const Attack& a, std::ostream* out) { *out << a.name; }
};

const Attack kAttacks[] = {
    // A: counts whose product wraps, so that little is allocated and much is read.
    {"A_header_n_kv_cve_2024_23605",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.n_keys = kHuge; },
     {"keys"}},
    {"A_header_n_tensors_cve_2024_21836",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.n_tensors = kHuge / 8; },
     {"tensors"}},
    {"A_string_length_cve_2024_23496",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.key("llama.block_count").name_bytes = kHuge; },
     {"keys", "length"}},
    {"A_array_length_cve_2026_27940",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) {
       t.set_array_raw("tokenizer.ggml.token_type", kU32, kHuge / 4 + 1, {});
     },
     {"tokenizer.ggml.token_type"}},
    {"A_dimensions_cve_2024_21802",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.tensor("token_embd.weight").n_dims = 1u << 30; },
     {"token_embd.weight"}},
    // B: tensors that are not where, or not as large as they say.
    {"B_product_wraps_cve_2026_33298",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) {
       replace_tensor(t, "blk.0.ffn_up.weight", {1ull << 62, 32}, 8);
     },
     {"blk.0.ffn_up.weight"}},
    {"B_dimension_of_2_to_the_42_plus_1",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) {
       replace_tensor(t, "blk.0.ffn_up.weight", {32, (1ull << 42) + 1}, 0);
     },
     {"blk.0.ffn_up.weight"}},
    {"B_past_the_end_cve_2026_7482",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.tensor("blk.1.ffn_down.weight").offset = 1ull << 40; },
     {"blk.1.ffn_down.weight", "outside the file"}},
    {"B_past_the_end_of_the_projector",
     "vision.gguf",
     [](GgufWriter&, GgufWriter& v) { v.tensor("v.blk.0.ffn_down.weight").offset = kHuge / 32 * 32; },
     {"v.blk.0.ffn_down.weight", "outside the file"}},
    {"B_alignment_without_bound",
     "vision.gguf",
     [](GgufWriter&, GgufWriter& v) { v.set("general.alignment", 1u << 31); },
     {"general.alignment"}},
    // C: keys of another type, or beyond all sense.
    {"C_array_of_another_type",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.set_array("tokenizer.ggml.tokens", std::vector<float>(261)); },
     {"tokenizer.ggml.tokens"}},
    {"C_block_count_beyond_512",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.set("llama.block_count", 4000000000u); },
     {"llama.block_count"}},
    {"C_division_by_zero_heads_cve_2024_8063",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.set("llama.attention.head_count", 0u); },
     {"llama.attention.head_count"}},
    {"C_division_by_zero_patch",
     "vision.gguf",
     [](GgufWriter&, GgufWriter& v) { v.set("clip.vision.patch_size", 0u); },
     {"clip.vision.patch_size"}},
    // D: vocabularies.
    {"D_piece_length_cve_2025_49847",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) {
       Words words = tokens(266);
       words[7] = std::string(std::size_t{1} << 20, 'x');
       t.set_array("tokenizer.ggml.tokens", words);
     },
     {"tokenizer.ggml.tokens"}},
    {"D_token_count_sign_cve_2025_52566",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.set("tokenizer.ggml.eos_token_id", -7); },
     {"tokenizer.ggml.eos_token_id"}},
    {"D_fewer_rows_than_tokens",
     "text.gguf",
     [](GgufWriter& t, GgufWriter&) { t.set_array("tokenizer.ggml.tokens", Words(5000, "a")); },
     {"token_embd.weight", "rows"}},
    // E: geometry of pictures that the projector's file asks for.
    {"E_patches_a_side_beyond_1024",
     "vision.gguf",
     [](GgufWriter&, GgufWriter& v) {
       v.set("clip.vision.image_size", 65536u).set("clip.vision.patch_size", 1u);
     },
     {"clip.vision."}},
    {"E_merge_size_that_writes_outside",
     "vision.gguf",
     [](GgufWriter&, GgufWriter& v) { v.set("clip.vision.projector.scale_factor", 3u); },
     {"clip.vision.projector.scale_factor"}},
};

class CliHostile : public test::CliTest, public ::testing::WithParamInterface<Attack> {
 protected:
  std::string written(const char* name, const GgufWriter& w) const {
    const Bytes bytes = w.bytes();
    return file(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

TEST_P(CliHostile, is_refused_in_one_line) {
  GgufWriter text = test::tiny_text(), vision = test::tiny_vision();
  const auto plan = [&] {
    return Words{"plan",      "-m", written("text.gguf", text), "--mmproj", written("vision.gguf", vision),
                 "--predict", "4",  "--question-tokens",        "32"};
  };
  ASSERT_EQ(test::run_shrike(plan()).code, 0) << "honest, it runs";
  GetParam().lie(text, vision);
  Words told = GetParam().told;
  told.emplace_back(GetParam().file);
  test::expect_refused(plan(), 65, told);
}
INSTANTIATE_TEST_SUITE_P(Attacks, CliHostile, ::testing::ValuesIn(kAttacks),
                         [](const auto& row) { return std::string(row.param.name); });

// E: a picture as long as it is thin, with an unmodified model.
class CliHostilePicture : public test::CliTest {};
TEST_F(CliHostilePicture, E_a_picture_of_52800_by_44_does_no_harm) {
  if (!SHRIKE_CAMERA) GTEST_SKIP() << "built without the capture process";
  const std::string pixels(std::size_t{52800} * 44 * 3, '\x7f');
  const std::string wide = file("wide.ppm", "P6\n52800 44\n255\n" + pixels);
  const std::string tall = file("tall.ppm", "P6\n44 52800\n255\n" + pixels);
  for (const std::string& picture : {wide, tall})
    test::expect_refused(
        {"ask", "-m", test::kText, "--mmproj", test::kVision, "--image", picture, test::kNow}, 65, {picture});
}

}  // namespace
}  // namespace shrike
