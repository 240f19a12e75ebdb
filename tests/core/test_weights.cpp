// Which tensors a model must bring, in which shape and type; then whole pairs, good and spoiled.
#include "core/model/weights.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/session.hpp"
#include "tests/support/mutation.hpp"
#include "tests/support/perch.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/verdict.hpp"

namespace shrike {
namespace {

using test::Bytes;
using test::GgufWriter;
using test::TinyShape;
using test::verdict;

// One of the two files of a pair: how it is made and how it is read.
struct Half {
  const char* name;
  GgufWriter (*make)(DType type);
  std::string (*read)(const gguf::File& file);
};
const Half kHalves[] = {
    {"text", test::tiny_text<>,
     [](const gguf::File& file) { return verdict(read_text_weights(file, read_text_config(file).value())); }},
    {"vision", test::tiny_vision<>,
     [](const gguf::File& file) {
       return verdict(read_vision_weights(file, read_vision_config(file).value()));
     }},
};

std::string verdict_of(const Half& half, const GgufWriter& w) {
  const Bytes bytes = w.bytes();
  return half.read(gguf::File::parse(bytes, "file").value());
}

// Every tensor of either file in turn, in a fresh copy of that file.
void for_each_tensor(DType type,
                     const std::function<void(const Half&, GgufWriter&, GgufWriter::Tensor&)>& spoil) {
  for (const Half& half : kHalves) {
    const GgufWriter good = half.make(type);
    ASSERT_EQ(verdict_of(half, good), "accepted");
    const Bytes bytes = good.bytes();
    const gguf::File file = gguf::File::parse(bytes, "file").value();
    for (const gguf::TensorInfo& tensor : file.tensors()) {
      SCOPED_TRACE(std::string(tensor.name));
      GgufWriter w = good;
      spoil(half, w, w.tensor(tensor.name));
    }
  }
}

bool is_matrix(const GgufWriter::Tensor& tensor) { return tensor.ne.size() > 1; }
bool is_kernel(const GgufWriter::Tensor& tensor) { return tensor.ne.size() == 4; }

TEST(Weights, a_tiny_pair_is_accepted_in_every_type) {
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1,
                           DType::q5_0, DType::q5_1, DType::iq4_nl})
    for (const Half& half : kHalves) EXPECT_EQ(verdict_of(half, half.make(type)), "accepted") << half.name;
}

TEST(Weights, text_views_lie_on_their_tensors) {
  using S = TinyShape;
  const Bytes bytes = test::tiny_text(DType::q8_0).bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const TextWeights w = read_text_weights(file, read_text_config(file).value()).value();
  const auto expect_matrix = [&](const MatrixView& view, const char* name, int n_rows, int n_cols) {
    EXPECT_EQ(view.data, file.tensor(name)->data) << name;
    EXPECT_EQ(view.type, DType::q8_0) << name;
    EXPECT_EQ(view.n_rows, n_rows) << name;
    EXPECT_EQ(view.n_cols, n_cols) << name;
    EXPECT_EQ(view.row_bytes, static_cast<std::size_t>(n_cols) / 32 * 34) << name;
  };
  const auto expect_vector = [&](const float* view, const char* name) {
    EXPECT_EQ(reinterpret_cast<const std::byte*>(view), file.tensor(name)->data) << name;
  };
  ASSERT_EQ(w.layers.size(), 2u);
  const TextLayer& l = w.layers[1];
  expect_matrix(w.token_embd, "token_embd.weight", 266, S::dim);
  expect_vector(w.output_norm, "output_norm.weight");
  expect_vector(l.attn_norm, "blk.1.attn_norm.weight");
  expect_matrix(l.q.weight, "blk.1.attn_q.weight", S::n_heads * S::head_dim, S::dim);
  expect_matrix(l.k.weight, "blk.1.attn_k.weight", S::n_kv_heads * S::head_dim, S::dim);
  expect_matrix(l.v.weight, "blk.1.attn_v.weight", S::n_kv_heads * S::head_dim, S::dim);
  expect_matrix(l.o, "blk.1.attn_output.weight", S::dim, S::n_heads * S::head_dim);
  expect_vector(l.ffn_norm, "blk.1.ffn_norm.weight");
  expect_matrix(l.gate, "blk.1.ffn_gate.weight", S::n_ff, S::dim);
  expect_matrix(l.up, "blk.1.ffn_up.weight", S::n_ff, S::dim);
  expect_matrix(l.down, "blk.1.ffn_down.weight", S::dim, S::n_ff);
  EXPECT_EQ(w.output.data, w.token_embd.data) << "no output of its own: the embedding serves";
}

TEST(Weights, an_output_of_its_own_is_used) {
  GgufWriter writer = test::tiny_text();
  test::random_tensor(writer, "output.weight", {TinyShape::dim, 266}, DType::f16);
  const Bytes bytes = writer.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const TextWeights w = read_text_weights(file, read_text_config(file).value()).value();
  EXPECT_EQ(w.output.data, file.tensor("output.weight")->data);
  EXPECT_EQ(w.output.type, DType::f16);
  writer.tensor("output.weight").ne[1] = 265;
  EXPECT_EQ(verdict_of(kHalves[0], writer),
            "malformed | wrong number of rows | file: output.weight | got 265, allowed 266");
}

TEST(Weights, vision_views_lie_on_their_tensors) {
  const Bytes bytes = test::tiny_vision().bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const VisionWeights w = read_vision_weights(file, read_vision_config(file).value()).value();
  EXPECT_EQ(w.patch.weight.n_rows, 32);
  EXPECT_EQ(w.patch.weight.n_cols, 192) << "a kernel [8, 8, 3, 32] is a matrix of 32 rows";
  EXPECT_EQ(w.patch.weight.data, file.tensor("v.patch_embd.weight")->data);
  EXPECT_EQ(w.position.n_rows, 16);
  EXPECT_EQ(w.projector.first.weight.n_rows, 32);
  EXPECT_EQ(w.projector.first.weight.n_cols, 128);
  ASSERT_EQ(w.layers.size(), 1u);
  EXPECT_EQ(w.layers[0].up.weight.data, file.tensor("v.blk.0.ffn_up.weight")->data);
  EXPECT_EQ(w.layers[0].down.weight.data, file.tensor("v.blk.0.ffn_down.weight")->data);
  EXPECT_EQ(reinterpret_cast<const std::byte*>(w.layers[0].down.bias),
            file.tensor("v.blk.0.ffn_down.bias")->data);
}

TEST(Weights, up_and_down_swapped_as_older_files_have_them_are_told_by_their_shape) {
  GgufWriter writer = test::tiny_vision();
  for (const char* part : {".weight", ".bias"}) {
    writer.tensor(std::string("v.blk.0.ffn_up") + part).name = "swap";
    writer.tensor(std::string("v.blk.0.ffn_down") + part).name = std::string("v.blk.0.ffn_up") + part;
    writer.tensor("swap").name = std::string("v.blk.0.ffn_down") + part;
  }
  const Bytes bytes = writer.bytes();
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const VisionWeights w = read_vision_weights(file, read_vision_config(file).value()).value();
  EXPECT_EQ(w.layers[0].up.weight.data, file.tensor("v.blk.0.ffn_down.weight")->data);
  EXPECT_EQ(w.layers[0].up.weight.n_rows, 64);
  EXPECT_EQ(w.layers[0].down.weight.data, file.tensor("v.blk.0.ffn_up.weight")->data);
}

TEST(Weights, every_tensor_that_is_missing_is_missed) {
  for_each_tensor(DType::f32, [](const Half& half, GgufWriter& w, GgufWriter::Tensor& tensor) {
    const std::string name = tensor.name;
    w.remove_tensor(name);
    EXPECT_EQ(verdict_of(half, w), "malformed | tensor is missing | file: " + name);
  });
}

TEST(Weights, a_row_too_many_or_too_few_is_refused) {
  for_each_tensor(DType::f32, [](const Half& half, GgufWriter& w, GgufWriter::Tensor& tensor) {
    const std::uint64_t n = tensor.ne.back();
    const std::string numbers = " | got " + std::to_string(n - 1) + ", allowed " + std::to_string(n);
    tensor.ne.back() = n - 1;
    EXPECT_EQ(verdict_of(half, w),
              is_matrix(tensor) ? "malformed | wrong number of rows | file: " + tensor.name + numbers
                                : "malformed | vector of the wrong length | file: " + tensor.name + numbers);
    tensor.ne.back() = n + 1;
    tensor.data.resize(tensor.data.size() / n * (n + 1));
    EXPECT_TRUE(verdict_of(half, w).starts_with(is_matrix(tensor)
                                                    ? "malformed | wrong number of rows | file: "
                                                    : "malformed | vector of the wrong length | file: "));
  });
}

TEST(Weights, a_row_of_another_length_is_refused) {
  for_each_tensor(DType::f32, [](const Half& half, GgufWriter& w, GgufWriter::Tensor& tensor) {
    if (!is_matrix(tensor)) return;
    const std::uint64_t n = is_kernel(tensor) ? 192 : tensor.ne[0];
    // Of as many numbers, so that only the shape is wrong. A down product of 32 would pass for an up product.
    tensor.ne[0] *= 2;
    tensor.ne.back() /= 2;
    EXPECT_EQ(verdict_of(half, w), "malformed | row of the wrong length | file: " + tensor.name + " | got " +
                                       std::to_string(2 * n) + ", allowed " + std::to_string(n));
  });
}

TEST(Weights, a_vector_with_a_second_dimension_is_refused) {
  for_each_tensor(DType::f32, [](const Half& half, GgufWriter& w, GgufWriter::Tensor& tensor) {
    if (is_matrix(tensor)) return;
    const std::uint64_t n = tensor.ne[0];
    const auto refused = [&](std::uint64_t got) {
      return "malformed | vector of the wrong length | file: " + tensor.name + " | got " +
             std::to_string(got) + ", allowed " + std::to_string(n);
    };
    tensor.ne = {n / 2, 2};  // the right number of numbers
    EXPECT_EQ(verdict_of(half, w), refused(n / 2));
    tensor.ne = {n, 2};  // the right length of a row
    tensor.data.resize(2 * tensor.data.size());
    EXPECT_EQ(verdict_of(half, w), refused(2 * n));
  });
}

TEST(Weights, a_type_without_kernels_is_refused) {
  for (const DType type : {DType::q2_k, DType::q3_k, DType::iq4_xs, DType::f64, DType::i32})
    for_each_tensor(DType::f32, [&](const Half& half, GgufWriter& w, GgufWriter::Tensor& tensor) {
      tensor.type = static_cast<std::uint32_t>(type);
      const DTypeInfo info = dtype_info(type);
      // A multiple of every qblock that still is no length of this model; type comes before shape.
      tensor.ne[0] = 256;
      std::size_t n = 1;
      for (const std::uint64_t d : tensor.ne) n *= static_cast<std::size_t>(d);
      tensor.data.resize(n / static_cast<std::size_t>(info.weights) * static_cast<std::size_t>(info.bytes));
      EXPECT_EQ(verdict_of(half, w),
                (is_matrix(tensor) ? "unsupported | no kernels for matrices of this type | file: "
                                   : "unsupported | vectors must be f32 | file: ") +
                    tensor.name);
    });
}

TEST(Weights, a_vector_of_f16_is_refused) {
  for_each_tensor(DType::f32, [](const Half& half, GgufWriter& w, GgufWriter::Tensor& tensor) {
    if (is_matrix(tensor)) return;
    tensor.type = static_cast<std::uint32_t>(DType::f16);
    tensor.data.resize(tensor.data.size() / 2);
    EXPECT_EQ(verdict_of(half, w), "unsupported | vectors must be f32 | file: " + tensor.name);
  });
}

// The verdict on a file whose data section begins `beside` bytes behind a multiple of 4, nothing aligned.
std::string verdict_beside(const Half& half, DType type, std::size_t beside) {
  GgufWriter w = half.make(type);
  w.align(1);
  for (std::size_t n = 0; n < 4; ++n) {
    const Bytes bytes = w.set("a.filler", std::string(n, 'x')).bytes();
    const gguf::File file = gguf::File::parse(bytes, "file").value();
    const auto begin = static_cast<std::size_t>(file.tensors().front().data - bytes.data());
    if (begin % 4 == beside) return half.read(file);
  }
  return "no such file";
}

TEST(Weights, numbers_beside_their_alignment_are_refused) {
  const std::string refused = "unsupported | data is not aligned to its numbers | file: ";
  const Half &text = kHalves[0], &vision = kHalves[1];
  for (const std::size_t beside : {1u, 2u, 3u}) {
    EXPECT_EQ(verdict_beside(text, DType::f32, beside), refused + "token_embd.weight");
    EXPECT_EQ(verdict_beside(vision, DType::f32, beside), refused + "v.patch_embd.weight");
  }
  EXPECT_EQ(verdict_beside(text, DType::f16, 1), refused + "token_embd.weight");
  EXPECT_EQ(verdict_beside(text, DType::q8_0, 1), refused + "token_embd.weight");
  EXPECT_EQ(verdict_beside(text, DType::f16, 2), refused + "output_norm.weight") << "f16 may, f32 may not";
  EXPECT_EQ(verdict_beside(vision, DType::f16, 2), refused + "v.patch_embd.bias");
  for (const Half& half : kHalves) EXPECT_EQ(verdict_beside(half, DType::f32, 0), "accepted");
}

TEST(Weights, layers_that_are_only_said_are_missed) {
  GgufWriter text = test::tiny_text();
  text.set("llama.block_count", 3u);
  EXPECT_EQ(verdict_of(kHalves[0], text), "malformed | tensor is missing | file: blk.2.attn_norm.weight");
  GgufWriter vision = test::tiny_vision();
  vision.set("clip.vision.block_count", 2u);
  EXPECT_EQ(verdict_of(kHalves[1], vision), "malformed | tensor is missing | file: v.blk.1.ln1.weight");
}

TEST(Weights, scaled_rotary_frequencies_are_refused) {
  GgufWriter w = test::tiny_text();
  w.tensor("rope_freqs.weight", {4}, DType::f32, {1, 1, 1, 1});
  EXPECT_EQ(verdict_of(kHalves[0], w), "unsupported | scaled rotary frequencies | file: rope_freqs.weight");
}

// --- whole pairs -------------------------------------------------------------------------------------------

namespace fs = std::filesystem;

class Pair : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shrike_pair_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  SessionOptions options(const Bytes& text, const Bytes& vision) const {
    SessionOptions o;
    o.model_path = write("text.gguf", text);
    o.mmproj_path = write("vision.gguf", vision);
    o.n_threads = 1;
    o.question_tokens_max = 32;
    o.answer_tokens_max = 8;
    return o;
  }

 private:
  std::string write(const char* name, const Bytes& bytes) const {
    const fs::path path = folder_ / name;
    fs::remove(path);  // a new file: one cut to nothing may wait for the disk
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path.string();
  }
  fs::path folder_;
};

TEST_F(Pair, a_tiny_one_sees_and_answers) {
  for (const DType type : {DType::f32, DType::f16, DType::q8_0}) {
    auto session = Session::open(options(test::tiny_text(type).bytes(), test::tiny_vision(type).bytes()));
    ASSERT_TRUE(session) << verdict(session);
    for (int frame = 0; frame < 20; ++frame) {
      test::paint((*session)->image_input(), frame);
      EXPECT_NE((*session)->see(frame).status, See::memory_full);
    }
    AskResult result;
    test::answer(**session, "hello?", &result);
    EXPECT_NE(result.status, Ask::too_long);
    EXPECT_GT(result.question_tokens, 0);
  }
}

TEST_F(Pair, of_different_widths_is_refused) {
  GgufWriter vision = test::tiny_vision();
  vision.set("clip.vision.projection_dim", 64u);
  const SessionOptions o = options(test::tiny_text().bytes(), vision.bytes());
  EXPECT_EQ(verdict(Session::plan(o)), "malformed | does not belong to this text model: its width | " +
                                           o.mmproj_path +
                                           ": clip.vision.projection_dim | got 64, allowed 32");
}

TEST_F(Pair, without_the_marks_of_its_prompt_is_refused) {
  GgufWriter text = test::tiny_text();
  test::Vocabulary vocabulary = test::small_vocabulary();
  for (std::string& token : vocabulary.tokens)
    if (token == "<global-img>") token = "<global-pic>";
  vocabulary.write(text);
  const SessionOptions o = options(text.bytes(), test::tiny_vision().bytes());
  EXPECT_EQ(verdict(Session::plan(o)), "unsupported | the vocabulary lacks a mark of the chat format | " +
                                           o.model_path + ": <global-img>");
}

// Opens a pair that may be anything, shows it two frames and asks; false where the files are refused. What it
// answers is its own affair.
bool lives(const SessionOptions& options) {
  const Result<Plan> plan = Session::plan(options);
  if (!plan || plan->total_bytes() > (std::size_t{64} << 20)) return plan.has_value();
  Result<std::unique_ptr<Session>> session = Session::open(options);
  if (!session) return true;  // files that are sound, in a memory that is too small for them
  for (int frame = 0; frame < 2; ++frame) {
    test::paint((*session)->image_input(), frame);
    (void)(*session)->see(frame);
  }
  test::answer(**session, "hello?");
  return true;
}

// A key of either file set to a number that somebody might not have thought of.
void distort(GgufWriter& w, const Bytes& bytes, test::Numbers& numbers) {
  const gguf::File file = gguf::File::parse(bytes, "file").value();
  const auto values = file.values();
  const gguf::Value& value = values[static_cast<std::size_t>(numbers.below(static_cast<int>(values.size())))];
  constexpr std::int64_t kIntegers[] = {-1, 0,  1,   2,   3,    4,     8,     16,
                                        32, 64, 128, 256, 4096, 16384, 65536, 1 << 20};
  constexpr float kReals[] = {-1, 0, 1e-45f, 1e-30f, 0.5f, 1, 1e30f, 3e38f};
  const std::int64_t integer = kIntegers[numbers.below(static_cast<int>(std::size(kIntegers)))];
  const float real = kReals[numbers.below(static_cast<int>(std::size(kReals)))];
  if (value.type == gguf::ValueType::f32)
    w.set(value.key, real);
  else if (value.type == gguf::ValueType::array && value.element == gguf::ValueType::f32)
    w.set_array(value.key, std::vector<float>{real, real, real});
  else if (value.type == gguf::ValueType::array)
    w.set_array(value.key, std::vector<std::string>(static_cast<std::size_t>(numbers.below(300)), "x y"));
  else
    w.set(value.key, integer);
}

TEST_F(Pair, distorted_ones_run_or_are_refused) {
  const GgufWriter text = test::tiny_text(), vision = test::tiny_vision();
  const Bytes text_bytes = text.bytes(), vision_bytes = vision.bytes();
  int n_alive = 0;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    GgufWriter w[2] = {text, vision};
    for (int n = 1 + numbers.below(3); n > 0; --n) {
      const int half = numbers.below(2);
      distort(w[half], half == 0 ? text_bytes : vision_bytes, numbers);
    }
    n_alive += lives(options(w[0].bytes(), w[1].bytes())) ? 1 : 0;
  }
  EXPECT_GT(n_alive, 20) << "if all are refused at the door, nothing behind it is tried";
}

// Changes what stands before the data; the weights themselves may be any numbers.
Bytes mutate_head(const Bytes& whole, test::Numbers& numbers) {
  const gguf::File file = gguf::File::parse(whole, "file").value();
  const auto data = whole.begin() + (file.tensors().front().data - whole.data());
  Bytes out = test::mutate(Bytes(whole.begin(), data), numbers, numbers.below(4));
  out.resize(static_cast<std::size_t>(data - whole.begin()));
  out.insert(out.end(), data, whole.end());
  return out;
}

TEST_F(Pair, mutated_ones_run_or_are_refused) {
  std::vector<Bytes> texts, visions;
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q5_1, DType::bf16}) {
    texts.push_back(test::tiny_text(type).bytes());
    visions.push_back(test::tiny_vision(type).bytes());
  }
  int n_alive = 0;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    const std::size_t kind = seed % texts.size();
    n_alive += lives(options(mutate_head(texts[kind], numbers), mutate_head(visions[kind], numbers))) ? 1 : 0;
  }
  EXPECT_GT(n_alive, 20);
}

// Scales may be infinite or no numbers: nothing but the answer is wrong then.
TEST_F(Pair, any_bits_are_weights) {
  using Make = GgufWriter (*)(DType type);
  const Make narrow[] = {test::tiny_text<>, test::tiny_vision<>};
  const Make wide[] = {test::tiny_text<test::WideShape>, test::tiny_vision<test::WideShape>};
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1,
                           DType::q5_0, DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl}) {
    SCOPED_TRACE(dtype_info(type).name);
    test::Numbers numbers(static_cast<std::uint32_t>(type));
    Bytes files[2];
    for (std::size_t half = 0; half < 2; ++half) {
      GgufWriter w = (dtype_info(type).weights == 256 ? wide : narrow)[half](type);
      const Bytes honest = w.bytes();
      const gguf::File file = gguf::File::parse(honest, "file").value();
      for (const gguf::TensorInfo& tensor : file.tensors())
        for (std::byte& b : w.tensor(tensor.name).data) b = static_cast<std::byte>(numbers.byte());
      files[half] = w.bytes();
    }
    EXPECT_TRUE(lives(options(files[0], files[1])));
  }
}

}  // namespace
}  // namespace shrike
