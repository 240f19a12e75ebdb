// Well-formed files read back whole, and what the typed accessors make of their keys. The malformed ones are
// in test_gguf_malformed.cpp.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/gguf/reader.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/verdict.hpp"

namespace shrike::gguf {
namespace {

using test::Bytes;
using test::GgufWriter;
using test::verdict;

constexpr std::int64_t kI64Min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kI64Max = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kU64Max = std::numeric_limits<std::uint64_t>::max();

// A parsed file and the bytes that it looks into.
struct Parsed {
  explicit Parsed(const GgufWriter& writer)
      : bytes(writer.bytes()), file(File::parse(bytes, "file").value()) {}
  Bytes bytes;
  File file;
};

Bytes bytes_of(const TensorInfo& tensor) { return {tensor.data, tensor.data + tensor.bytes}; }

TEST(Gguf, every_scalar_reads_back) {
  GgufWriter w;
  w.set("u8", std::uint8_t{200}).set("i8", std::int8_t{-100});
  w.set("u16", std::uint16_t{60000}).set("i16", std::int16_t{-30000});
  w.set("u32", 4'000'000'000u).set("i32", -2'000'000'000);
  w.set("u64", kU64Max).set("i64", kI64Min);
  w.set("f32", -1.5f).set("f64", 2.25);
  w.set("yes", true).set("no", false);
  w.set("text", "a\0b").set("none", "").set("view", std::string_view("a\0b", 3));
  const Parsed p(w);
  EXPECT_EQ(p.file.values().size(), 15u);
  EXPECT_EQ(p.file.integer("u8", 0, kI64Max).value(), 200);
  EXPECT_EQ(p.file.integer("i8", kI64Min, kI64Max).value(), -100);
  EXPECT_EQ(p.file.integer("u16", 0, kI64Max).value(), 60000);
  EXPECT_EQ(p.file.integer("i16", kI64Min, kI64Max).value(), -30000);
  EXPECT_EQ(p.file.integer("u32", 0, kI64Max).value(), 4'000'000'000);
  EXPECT_EQ(p.file.integer("i32", kI64Min, kI64Max).value(), -2'000'000'000);
  EXPECT_EQ(p.file.integer("i64", kI64Min, kI64Max).value(), kI64Min);
  EXPECT_EQ(p.file.find("u64")->bits, kU64Max);
  EXPECT_EQ(p.file.real("f32").value(), -1.5f);
  EXPECT_EQ(p.file.real("f64").value(), 2.25f);
  EXPECT_TRUE(p.file.boolean_or("yes", false).value());
  EXPECT_FALSE(p.file.boolean_or("no", true).value());
  EXPECT_EQ(p.file.string("none").value(), "");
  EXPECT_EQ(p.file.string("view").value(), std::string_view("a\0b", 3)) << "a string may hold any byte";
}

template <class T>
void expect_array_reads_back(const std::vector<T>& values) {
  GgufWriter w;
  w.set_array("before", std::vector<std::uint8_t>{1}).set_array("numbers", values).set("after", 7u);
  const Parsed p(w);
  const Value* array = p.file.array("numbers", test::value_type<T>(), values.size(), values.size()).value();
  ASSERT_EQ(array->count, values.size());
  Bytes expected;
  for (const T& value : values) test::append(expected, value);
  EXPECT_EQ(Bytes(array->bytes.begin(), array->bytes.end()), expected);
  EXPECT_EQ(p.file.integer("after", 0, 9).value(), 7);
}

TEST(Gguf, arrays_of_every_number_read_back) {
  expect_array_reads_back<std::uint8_t>({0, 1, 255});
  expect_array_reads_back<std::int8_t>({-128, 127});
  expect_array_reads_back<std::uint16_t>({0, 65535});
  expect_array_reads_back<std::int16_t>({-32768, 32767});
  expect_array_reads_back<std::uint32_t>({0, 1, 4294967295u});
  expect_array_reads_back<std::int32_t>({-1, 2147483647});
  expect_array_reads_back<std::uint64_t>({kU64Max});
  expect_array_reads_back<std::int64_t>({kI64Min, kI64Max});
  expect_array_reads_back<float>({1.0f, -2.5f});
  expect_array_reads_back<double>({1.0, -2.5});
  expect_array_reads_back<bool>({true, false, true});
  expect_array_reads_back<std::uint32_t>({});
}

TEST(Gguf, arrays_of_strings_read_back_in_order) {
  const std::vector<std::string> texts = {"one", "", std::string("n\0l", 3), std::string(5000, 'x'), "last"};
  GgufWriter w;
  w.set_array("texts", texts).set_array("nothing", std::vector<std::string>{}).set("after", 7u);
  const Parsed p(w);
  StringArray array(*p.file.array("texts", ValueType::string, 5, 5).value());
  std::string_view text;
  for (const std::string& expected : texts) {
    ASSERT_TRUE(array.next(text));
    EXPECT_EQ(text, expected);
  }
  EXPECT_FALSE(array.next(text));
  EXPECT_FALSE(array.next(text)) << "the end stays the end";
  StringArray nothing(*p.file.array("nothing", ValueType::string, 0, 0).value());
  EXPECT_FALSE(nothing.next(text));
  EXPECT_EQ(p.file.integer("after", 0, 9).value(), 7);
}

TEST(Gguf, tensors_read_back_on_every_alignment_in_both_versions) {
  test::Numbers numbers(1);
  for (const std::uint32_t version : {2u, 3u})
    for (const std::uint32_t alignment : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
      SCOPED_TRACE(testing::Message() << "version " << version << ", alignment " << alignment);
      GgufWriter w;
      w.version = version;
      w.align(alignment);
      w.tensor("odd", {3}, DType::f16, numbers.floats(3));
      w.tensor("matrix", {32, 5}, DType::q8_0, numbers.floats(160));
      w.tensor("cube", {2, 3, 4}, DType::f32, numbers.floats(24));
      w.tensor("kernel", {2, 2, 3, 4}, DType::f32, numbers.floats(48));
      w.tensor("scalar", {}, DType::f32, {5.0f});
      const Parsed p(w);
      EXPECT_EQ(p.file.version(), version);
      EXPECT_EQ(p.file.name(), "file");
      EXPECT_EQ(p.file.size_bytes(), p.bytes.size());
      ASSERT_EQ(p.file.tensors().size(), 5u);
      for (const TensorInfo& tensor : p.file.tensors()) {
        EXPECT_EQ(p.file.tensor(tensor.name), &tensor);
        const auto& written = w.tensor(tensor.name);
        EXPECT_EQ(bytes_of(tensor), written.data) << tensor.name;
        EXPECT_EQ(tensor.n_dims, static_cast<int>(written.ne.size()));
        for (std::size_t d = 0; d < 4; ++d)
          EXPECT_EQ(tensor.ne[d], d < written.ne.size() ? written.ne[d] : 1) << tensor.name << d;
        EXPECT_EQ(static_cast<std::uint32_t>(tensor.type), written.type);
      }
      EXPECT_EQ(p.file.tensors().front().name, "odd") << "in the order of the file";
    }
}

TEST(Gguf, without_the_key_the_alignment_is_32) {
  GgufWriter w;
  w.tensor("a", {1}, DType::f32, {1.0f}).tensor("b", {1}, DType::f32, {2.0f});
  EXPECT_EQ(w.alignment, 32u);
  const Parsed p(w);
  EXPECT_EQ(p.file.tensor("b")->data - p.file.tensor("a")->data, 32);
}

TEST(Gguf, tensors_may_lie_in_any_order_with_gaps) {
  GgufWriter w;
  w.align(4);
  for (const char* name : {"a", "b", "c", "d"}) w.tensor(name, {1}, DType::f32, {1.0f});
  w.tensor("a").offset = 12;
  w.tensor("d").offset = 0;
  w.tensor("c").offset = 4;
  w.tensor("b").offset = 8;
  EXPECT_EQ(verdict(File::parse(w.bytes(), "file")), "accepted");
}

TEST(Gguf, a_file_with_nothing_in_it_is_a_file) {
  const Parsed p{GgufWriter()};
  EXPECT_EQ(p.bytes.size(), 24u);
  EXPECT_TRUE(p.file.values().empty());
  EXPECT_TRUE(p.file.tensors().empty());
  EXPECT_EQ(p.file.find("a"), nullptr);
  EXPECT_EQ(p.file.tensor("a"), nullptr);
}

TEST(Gguf, keys_and_tensors_are_found_by_their_whole_name_only) {
  GgufWriter w;
  for (const char* name : {"b", "ab", "abc", "a.b", "ba"}) {
    w.set(name, name);
    w.tensor(name, {1}, DType::f32, {1.0f});
  }
  const Parsed p(w);
  for (const char* name : {"b", "ab", "abc", "a.b", "ba"}) {
    EXPECT_EQ(p.file.string(name).value(), name);
    ASSERT_NE(p.file.tensor(name), nullptr);
    EXPECT_EQ(p.file.tensor(name)->name, name);
  }
  for (const char* name : {"", "a", "abcd", "bb", "A", "z"}) {
    EXPECT_EQ(p.file.find(name), nullptr) << name;
    EXPECT_EQ(p.file.tensor(name), nullptr) << name;
  }
}

TEST(Gguf, names_as_long_as_allowed_are_read) {
  const std::string key(1024, 'k'), tensor(63, 't');
  GgufWriter w;
  w.set(key, 1u).tensor(tensor, {1}, DType::f32, {1.0f});
  const Parsed p(w);
  EXPECT_NE(p.file.find(key), nullptr);
  EXPECT_NE(p.file.tensor(tensor), nullptr);
}

TEST(Gguf, as_many_keys_and_tensors_as_allowed_are_read) {
  GgufWriter w;
  w.align(1);
  for (int i = 1; i < 4096; ++i) w.add_raw("key" + std::to_string(i), 0, {std::byte{1}});
  for (int i = 0; i < 16384; ++i) w.tensor_raw("tensor" + std::to_string(i), {1}, 24, {std::byte{1}});
  const Parsed p(w);
  EXPECT_EQ(p.file.values().size(), 4096u);
  EXPECT_EQ(p.file.tensors().size(), 16384u);
}

TEST(Gguf, a_file_outlives_a_move) {
  GgufWriter w;
  w.set("key", "text").tensor("a", {1}, DType::f32, {1.0f});
  Parsed p(w);
  const File moved = std::move(p.file);
  EXPECT_EQ(moved.string("key").value(), "text");
  EXPECT_NE(moved.tensor("a"), nullptr);
}

TEST(Gguf, one_piece_of_one_is_no_split_file) {
  GgufWriter w;
  w.set("split.count", std::uint16_t{1});
  EXPECT_EQ(verdict(File::parse(w.bytes(), "file")), "accepted");
}

// --- typed access ------------------------------------------------------------------------------------------

TEST(GgufAccess, integers_keep_to_their_range) {
  GgufWriter w;
  w.set("n", std::uint8_t{7}).set("below", std::int16_t{-1}).set("huge", kU64Max);
  w.set("half", std::uint64_t{1} << 63).set("top", static_cast<std::uint64_t>(kI64Max));
  const Parsed p(w);
  EXPECT_EQ(p.file.integer("n", 7, 7).value(), 7);
  EXPECT_EQ(verdict(p.file.integer("n", 8, 9)), "malformed | is too small | file: n | got 7, allowed 8");
  EXPECT_EQ(verdict(p.file.integer("n", 0, 6)), "malformed | is too large | file: n | got 7, allowed 6");
  EXPECT_EQ(p.file.integer("below", -1, 0).value(), -1);
  EXPECT_EQ(verdict(p.file.integer("below", 0, 9)),
            "malformed | is too small | file: below | got -1, allowed 0");
  EXPECT_EQ(p.file.integer("top", 0, kI64Max).value(), kI64Max);
  for (const char* key : {"huge", "half"})  // an Error has signed numbers: beyond them it shows the largest
    EXPECT_EQ(
        verdict(p.file.integer(key, kI64Min, 100)),
        "malformed | is too large | file: " + std::string(key) + " | got 9223372036854775807, allowed 100");
  EXPECT_EQ(verdict(p.file.integer("huge", kI64Min, kI64Max)),
            "malformed | is too large | file: huge | got 9223372036854775807, allowed 9223372036854775807");
}

TEST(GgufAccess, only_integers_are_integers) {
  GgufWriter w;
  w.set("f32", 1.0f).set("f64", 1.0).set("bool", true).set("text", "1");
  w.set_array("array", std::vector<std::uint32_t>{1});
  const Parsed p(w);
  for (const char* key : {"f32", "f64", "bool", "text", "array"})
    EXPECT_EQ(verdict(p.file.integer(key, 0, 9)),
              "malformed | must be an integer | file: " + std::string(key));
}

TEST(GgufAccess, reals_are_finite_floats) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  GgufWriter w;
  w.set("inf", inf)
      .set("minus", -inf)
      .set("nan", std::nanf(""))
      .set("nan64", std::nan(""))
      .set("large", 1e300);
  w.set("tiny", 1e-300).set("whole", 1u).set("text", "1.0").set("bool", true);
  const Parsed p(w);
  for (const char* key : {"inf", "minus", "nan", "nan64", "large"})
    EXPECT_EQ(verdict(p.file.real(key)), "malformed | must be finite | file: " + std::string(key));
  EXPECT_EQ(p.file.real("tiny").value(), 0.0f);
  for (const char* key : {"whole", "text", "bool"})
    EXPECT_EQ(verdict(p.file.real(key)), "malformed | must be a float | file: " + std::string(key));
}

TEST(GgufAccess, bools_strings_and_arrays_are_what_they_are) {
  GgufWriter w;
  w.set("number", 1u).set("text", "x").set_array("texts", std::vector<std::string>{"a", "b"});
  const Parsed p(w);
  EXPECT_EQ(verdict(p.file.boolean_or("number", true)), "malformed | must be a bool | file: number");
  EXPECT_EQ(verdict(p.file.string("number")), "malformed | must be a string | file: number");
  EXPECT_EQ(verdict(p.file.string("texts")), "malformed | must be a string | file: texts");
  const auto array = [&](const char* key, ValueType type, std::uint64_t min, std::uint64_t max) {
    return verdict(p.file.array(key, type, min, max));
  };
  EXPECT_EQ(array("text", ValueType::string, 0, 9), "malformed | must be an array | file: text");
  EXPECT_EQ(array("texts", ValueType::i32, 0, 9), "malformed | array of the wrong type | file: texts");
  EXPECT_EQ(array("texts", ValueType::string, 3, 9),
            "malformed | array is too short | file: texts | got 2, allowed 3");
  EXPECT_EQ(array("texts", ValueType::string, 0, 1),
            "malformed | array is too long | file: texts | got 2, allowed 1");
}

TEST(GgufAccess, what_is_missing_is_missing_or_the_fallback) {
  GgufWriter w;
  w.set("wrong", "x").set("number", 1u);
  const Parsed p(w);
  const std::string missing = "missing | key is missing | file: absent";
  float three[3];
  EXPECT_EQ(verdict(p.file.integer("absent", 0, 9)), missing);
  EXPECT_EQ(verdict(p.file.real("absent")), missing);
  EXPECT_EQ(verdict(p.file.string("absent")), missing);
  EXPECT_EQ(verdict(p.file.array("absent", ValueType::u8, 0, 9)), missing);
  EXPECT_EQ(verdict(p.file.reals("absent", three)), missing);
  EXPECT_EQ(p.file.integer_or("absent", 77, 0, 9).value(), 77) << "a fallback need not be in the range";
  EXPECT_EQ(p.file.real_or("absent", 0.5f).value(), 0.5f);
  EXPECT_EQ(p.file.string_or("absent", "else").value(), "else");
  EXPECT_TRUE(p.file.boolean_or("absent", true).value());
  EXPECT_EQ(verdict(p.file.integer_or("wrong", 7, 0, 9)), "malformed | must be an integer | file: wrong")
      << "a fallback is for what is absent, not for what is wrong";
  EXPECT_EQ(verdict(p.file.real_or("wrong", 7)), "malformed | must be a float | file: wrong");
  EXPECT_EQ(verdict(p.file.string_or("number", "else")), "malformed | must be a string | file: number");
}

TEST(GgufAccess, reals_fills_an_array_of_exactly_its_size) {
  GgufWriter w;
  w.set_array("f32", std::vector<float>{1, 2, 3}).set_array("f64", std::vector<double>{0.5, 1.5, 2.5});
  w.set_array("nan", std::vector<float>{1, std::nanf(""), 3})
      .set_array("large", std::vector<double>{1, 2, 1e39});
  w.set_array("whole", std::vector<std::int32_t>{1, 2, 3}).set("one", 1.0f);
  const Parsed p(w);
  std::vector<float> out(3);
  ASSERT_TRUE(p.file.reals("f32", out));
  EXPECT_EQ(out, (std::vector<float>{1, 2, 3}));
  ASSERT_TRUE(p.file.reals("f64", out));
  EXPECT_EQ(out, (std::vector<float>{0.5, 1.5, 2.5}));
  EXPECT_EQ(verdict(p.file.reals("nan", out)), "malformed | must be finite | file: nan");
  EXPECT_EQ(verdict(p.file.reals("large", out)), "malformed | must be finite | file: large");
  EXPECT_EQ(verdict(p.file.reals("whole", out)), "malformed | array of the wrong type | file: whole");
  EXPECT_EQ(verdict(p.file.reals("one", out)), "malformed | must be an array | file: one");
  std::vector<float> two(2), four(4);
  EXPECT_EQ(verdict(p.file.reals("f32", two)),
            "malformed | array is too long | file: f32 | got 3, allowed 2");
  EXPECT_EQ(verdict(p.file.reals("f64", four)),
            "malformed | array is too short | file: f64 | got 3, allowed 4");
}

}  // namespace
}  // namespace shrike::gguf
