// A small pair of random numbers with every matrix in one type, for each type: against the same numbers in f32, and
// every set against the plain one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/model/linear.hpp"
#include "core/runtime.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/perch.hpp"
#include "tests/support/tiny_session.hpp"

namespace shrike {
namespace {

using test::Bytes;
using test::GgufWriter;

constexpr DType kTypes[] = {DType::f32,  DType::f16,  DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1,
                            DType::q5_0, DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl};

// The same file with the numbers its matrices hold as f32.
Bytes in_f32(GgufWriter w) {
  const Bytes bytes = w.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const Kernels kernels = kernels_for(Isa::scalar);
  for (const gguf::TensorInfo& info : file.tensors()) {
    if (info.type == DType::f32) continue;
    const DTypeInfo type = dtype_info(info.type);
    const std::uint64_t n =
        info.bytes / static_cast<std::uint64_t>(type.bytes) * static_cast<std::uint64_t>(type.weights);
    std::vector<float> numbers(static_cast<std::size_t>(n));
    const MatrixView all{info.data, info.type, 1, static_cast<int>(n), static_cast<std::size_t>(info.bytes)};
    matrix_row(kernels, all, 0, numbers.data());
    GgufWriter::Tensor& tensor = w.tensor(info.name);
    tensor.type = static_cast<std::uint32_t>(DType::f32);
    tensor.data = test::encode(DType::f32, numbers);
  }
  return w.bytes();
}

class Types : public ::testing::Test {
 protected:
  Types() : folder_(std::filesystem::temp_directory_path() / ("shrike-types-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Types() override { std::filesystem::remove_all(folder_); }

  struct Seen {
    std::vector<float> rows, logits;
  };
  // A picture's rows, and the logits after it and some text.
  Seen run(const Bytes& text, const Bytes& vision, Isa isa, int n_threads = 1) {
    SessionOptions options;
    options.model_path = write("text.gguf", text);
    options.mmproj_path = write("mmproj.gguf", vision);
    options.kv_policy = "full";
    options.kv_budget_bytes = std::size_t{1} << 30;
    options.isa = isa_name(isa);
    options.n_threads = n_threads;
    Result<std::unique_ptr<Runtime>> opened = Runtime::open(options);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().subject + ": " + opened.error().rule);
    if (!opened) return {};
    Runtime& runtime = **opened;
    test::paint(runtime.image_input(), 3);
    const float* rows = runtime.encode_image();
    const int n_rows = runtime.vision_config()->n_image_tokens();
    Seen seen;
    seen.rows.assign(rows, rows + n_rows * runtime.text_config().dim);
    std::vector<PromptToken> prompt;
    for (int i = 0; i < 24; ++i) {
      PromptToken token;
      token.token = i < n_rows ? image_row(i) : (i * 37) % runtime.text_config().n_vocab;
      token.facts.modality = i < n_rows ? kv::Modality::image : kv::Modality::text;
      prompt.push_back(token);
    }
    EXPECT_EQ(runtime.memory().make_room(static_cast<int>(prompt.size()) + 1, runtime.policy()),
              kv::Room::ok);
    runtime.run(prompt, seen.rows.data(), true);
    runtime.run({&prompt.back(), 1}, nullptr, true);  // as decoding does: one row
    seen.logits.assign(runtime.logits(), runtime.logits() + runtime.text_config().n_vocab);
    return seen;
  }

  std::string write(const char* name, const Bytes& bytes) const {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path.string();
  }
  std::filesystem::path folder_;
};

// Largest difference over the range of what is wanted.
float relative_error(const std::vector<float>& got, const std::vector<float>& want) {
  if (got.size() != want.size() || want.empty()) return INFINITY;
  const auto [low, high] = std::minmax_element(want.begin(), want.end());
  float worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    worst = std::max(worst, std::fabs(got[i] - want[i]));
  }
  return worst / (*high - *low);
}

struct Writers {
  GgufWriter text, vision;
};
Writers pair_of(DType type) {
  const bool wide = dtype_info(type).weights == 256;
  Writers w = wide ? Writers{test::tiny_text<test::WideShape>(type), test::tiny_vision<test::WideShape>(type)}
                   : Writers{test::tiny_text(type), test::tiny_vision(type)};
  w.text.set("llama.context_length", 1024u);
  return w;
}

// Activations are rounded to int8 where weights are quantised; nowhere else does anything differ.
TEST_F(Types, a_model_of_any_type_computes_what_its_numbers_do_in_f32) {
  for (const DType type : kTypes) {
    const Writers w = pair_of(type);
    const float tolerance = is_quantised(type) ? 1e-2f : 1e-3f;
    for (const Isa isa : test::isas_for_models()) {
      const Seen want = run(in_f32(w.text), in_f32(w.vision), isa);
      const Seen got = run(w.text.bytes(), w.vision.bytes(), isa);
      EXPECT_LE(relative_error(got.rows, want.rows), tolerance)
          << dtype_info(type).name << " " << isa_name(isa);
      EXPECT_LE(relative_error(got.logits, want.logits), tolerance)
          << dtype_info(type).name << " " << isa_name(isa);
    }
  }
}

TEST_F(Types, every_set_computes_what_the_plain_one_does_and_threads_change_no_bit) {
  for (const DType type : kTypes) {
    const Writers w = pair_of(type);
    const Seen want = run(w.text.bytes(), w.vision.bytes(), Isa::scalar);
    for (const Isa isa : test::isas_for_models()) {
      const Seen got = run(w.text.bytes(), w.vision.bytes(), isa);
      // Many rows are multiplied as integers: of 13 bits on AVX2, else of 8 where weights are quantised.
      const float tolerance = is_quantised(type) ? 1e-2f : 1e-3f;
      EXPECT_LE(relative_error(got.rows, want.rows), tolerance)
          << dtype_info(type).name << " " << isa_name(isa);
      EXPECT_LE(relative_error(got.logits, want.logits), tolerance)
          << dtype_info(type).name << " " << isa_name(isa);
      const Seen shared = run(w.text.bytes(), w.vision.bytes(), isa, 3);
      EXPECT_EQ(shared.rows, got.rows) << dtype_info(type).name << " " << isa_name(isa);
      EXPECT_EQ(shared.logits, got.logits) << dtype_info(type).name << " " << isa_name(isa);
    }
  }
}

// What the tests above stand on: the qblocks that tests write hold the numbers they were given, nearly.
TEST(Quantising, keeps_numbers_to_half_a_step) {
  test::Numbers numbers(77);
  const Kernels kernels = kernels_for(Isa::scalar);
  const struct {
    DType type;
    float step;  // of the range of -1 to 1
  } cases[] = {{DType::q8_0, 2 / 254.0f}, {DType::q4_0, 2 / 16.0f}, {DType::q4_1, 2 / 15.0f},
               {DType::q5_0, 2 / 32.0f},  {DType::q5_1, 2 / 31.0f}, {DType::q4_k, 2 / 15.0f},
               {DType::q5_k, 2 / 31.0f},  {DType::q6_k, 2 / 62.0f}, {DType::iq4_nl, 25 / 127.0f}};
  for (const auto& c : cases) {
    const std::vector<float> x = numbers.floats(512);
    const Bytes bytes = test::encode(c.type, x);
    std::vector<float> back(x.size());
    kernels.quants_to_f32(c.type, back.data(), bytes.data(), 512);
    for (std::size_t i = 0; i < x.size(); ++i)
      // one side of a type that is centred has a level less; scales of six bits are rounded themselves
      ASSERT_NEAR(back[i], x[i], 1.1f * c.step) << dtype_info(c.type).name << " " << i;
  }
}

}  // namespace
}  // namespace shrike
