// Every way in which a GGUF file can break its format, by name; then every prefix of a good one, and what is
// left of it after bytes were changed at random.
#include <gtest/gtest.h>

#include <cstring>
#include <ostream>

#include "core/gguf/reader.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/mutation.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/verdict.hpp"

namespace shrike::gguf {
namespace {

using test::append;
using test::append_string;
using test::Bytes;
using test::GgufWriter;
using test::verdict;

constexpr std::uint64_t kU64Max = ~std::uint64_t{0};
constexpr std::uint32_t kString = static_cast<std::uint32_t>(ValueType::string);
constexpr std::uint32_t kArray = static_cast<std::uint32_t>(ValueType::array);
constexpr std::uint32_t kBool = static_cast<std::uint32_t>(ValueType::boolean);
constexpr std::uint32_t kU32 = static_cast<std::uint32_t>(ValueType::u32);
constexpr std::uint32_t kU64 = static_cast<std::uint32_t>(ValueType::u64);

// One lie told to an otherwise honest file, and what the reader says of it. `cut`: bytes missing at the end.
struct Malformation {
  const char* name;
  void (*lie)(GgufWriter& w);
  const char* verdict;
  std::size_t cut = 0;
  friend void PrintTo(const Malformation& m, std::ostream* out) { *out << m.name; }
};

Bytes string_value(std::string_view text, std::uint64_t length) {
  Bytes raw;
  append_string(raw, text, length);
  return raw;
}
// A tensor of f32 whose directory entry is the end of the file: it is the data that is missing.
GgufWriter::Tensor& entry_at_the_end(GgufWriter& w) {
  w.alignment = 1;
  w.tensor_raw("t", {1}, 0, {});
  return w.tensor("t");
}
void two_tensors(GgufWriter& w) {
  w.tensor("a", {16}, DType::f32, std::vector<float>(16));
  w.tensor("b", {16}, DType::f32, std::vector<float>(16));
}

const Malformation kOfTheHeader[] = {
    {"empty_file", [](GgufWriter&) {},
     "malformed | not a GGUF file (it does not begin with GGUF) | file: header", 24},
    {"three_bytes", [](GgufWriter&) {},
     "malformed | not a GGUF file (it does not begin with GGUF) | file: header", 21},
    {"wrong_magic", [](GgufWriter& w) { w.magic = 0x4C4D4747; },
     "malformed | not a GGUF file (it does not begin with GGUF) | file: header"},
    {"no_version", [](GgufWriter&) {}, "malformed | file ends inside the header | file: header", 17},
    {"half_a_count", [](GgufWriter&) {}, "malformed | file ends inside the header | file: header", 1},
    {"version_1", [](GgufWriter& w) { w.version = 1; },
     "unsupported | GGUF version 1 is dead; convert the file anew | file: header | got 1, allowed 3"},
    {"version_0", [](GgufWriter& w) { w.version = 0; },
     "unsupported | unknown GGUF version | file: header | got 0, allowed 3"},
    {"version_4", [](GgufWriter& w) { w.version = 4; },
     "unsupported | unknown GGUF version | file: header | got 4, allowed 3"},
    {"big_endian", [](GgufWriter& w) { w.version = 3u << 24; },
     "unsupported | file is big-endian; this build reads little-endian ones | file: header | got 50331648, "
     "allowed 3"},
    {"too_many_keys", [](GgufWriter& w) { w.n_keys = 4097; },
     "malformed | too many keys | file: header | got 4097, allowed 4096"},
    {"all_the_keys", [](GgufWriter& w) { w.n_keys = kU64Max; },
     "malformed | too many keys | file: header | got 9223372036854775807, allowed 4096"},
    {"too_many_tensors", [](GgufWriter& w) { w.n_tensors = 16385; },
     "malformed | too many tensors | file: header | got 16385, allowed 16384"},
    {"all_the_tensors", [](GgufWriter& w) { w.n_tensors = kU64Max; },
     "malformed | too many tensors | file: header | got 9223372036854775807, allowed 16384"},
    {"split_file", [](GgufWriter& w) { w.set("split.count", std::uint16_t{2}); },
     "unsupported | file in pieces; join them first | file: split.count | got 2, allowed 1"},
    {"split_into_nonsense", [](GgufWriter& w) { w.set("split.count", std::int32_t{-1}); },
     "malformed | is too small | file: split.count | got -1, allowed 0"},
    {"alignment_0", [](GgufWriter& w) { w.set("general.alignment", 0u); },
     "malformed | is too small | file: general.alignment | got 0, allowed 1"},
    {"alignment_3", [](GgufWriter& w) { w.set("general.alignment", 3u); },
     "malformed | alignment is no power of two | file: general.alignment | got 3, allowed 65536"},
    {"alignment_too_large", [](GgufWriter& w) { w.set("general.alignment", 131072u); },
     "malformed | is too large | file: general.alignment | got 131072, allowed 65536"},
    {"alignment_no_integer", [](GgufWriter& w) { w.set("general.alignment", 32.0f); },
     "malformed | must be an integer | file: general.alignment"},
};

const Malformation kOfKeys[] = {
    {"fewer_than_said", [](GgufWriter& w) { w.n_keys = 1; },
     "malformed | file ends inside a key, or its length is a lie | file: keys"},
    {"name_longer_than_the_file", [](GgufWriter& w) { w.set("key", 1u).key("key").name_bytes = 12; },
     "malformed | file ends inside a key, or its length is a lie | file: keys"},
    {"name_of_all_bytes_there_are", [](GgufWriter& w) { w.set("key", 1u).key("key").name_bytes = kU64Max; },
     "malformed | file ends inside a key, or its length is a lie | file: keys"},
    {"name_empty", [](GgufWriter& w) { w.set("", 1u); }, "malformed | empty key | file: keys"},
    {"name_too_long", [](GgufWriter& w) { w.set(std::string(1025, 'k'), 1u); },
     "malformed | key is too long | file: "
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk | got 1025, allowed "
     "1024"},
    {"comes_twice",
     [](GgufWriter& w) { w.set("a", 1u).set("b", 1u).add_raw("a", kString, string_value("", 0)); },
     "malformed | key comes twice | file: a"},
    {"no_type", [](GgufWriter& w) { w.set("a", 1u); }, "malformed | file ends inside a key | file: a", 5},
    {"unknown_type", [](GgufWriter& w) { w.set_raw("a", 13, Bytes(8)); },
     "malformed | unknown value type | file: a | got 13, allowed 12"},
    {"type_of_all_bits", [](GgufWriter& w) { w.set_raw("a", ~0u, Bytes(8)); },
     "malformed | unknown value type | file: a | got 4294967295, allowed 12"},
    {"value_cut", [](GgufWriter& w) { w.set("a", 1u); }, "malformed | file ends inside a value | file: a", 1},
    {"wide_value_cut", [](GgufWriter& w) { w.set_raw("a", kU64, Bytes(7)); },
     "malformed | file ends inside a value | file: a"},
    {"bool_2", [](GgufWriter& w) { w.set_raw("a", kBool, {std::byte{2}}); },
     "malformed | a bool is neither 0 nor 1 | file: a | got 2, allowed 1"},
    {"bool_255", [](GgufWriter& w) { w.set_raw("a", kBool, {std::byte{255}}); },
     "malformed | a bool is neither 0 nor 1 | file: a | got 255, allowed 1"},
    {"string_without_length", [](GgufWriter& w) { w.set_raw("a", kString, Bytes(7)); },
     "malformed | file ends inside a string, or its length is a lie | file: a"},
    {"string_one_byte_short", [](GgufWriter& w) { w.set_raw("a", kString, string_value("text", 5)); },
     "malformed | file ends inside a string, or its length is a lie | file: a"},
    {"string_of_2_to_the_63",
     [](GgufWriter& w) { w.set_raw("a", kString, string_value("text", 1ull << 63)); },
     "malformed | file ends inside a string, or its length is a lie | file: a"},
    {"string_of_all_bytes_there_are",
     [](GgufWriter& w) { w.set_raw("a", kString, string_value("text", kU64Max)); },
     "malformed | file ends inside a string, or its length is a lie | file: a"},
    // The length that would end before it began, were sums not compared but computed.
    {"string_that_wraps_around",
     [](GgufWriter& w) { w.set_raw("a", kString, string_value("text", kU64Max - 40)); },
     "malformed | file ends inside a string, or its length is a lie | file: a"},
};

const Malformation kOfArrays[] = {
    {"no_element_type", [](GgufWriter& w) { w.set_raw("a", kArray, Bytes(3)); },
     "malformed | file ends inside an array | file: a"},
    {"no_count", [](GgufWriter& w) { w.set_raw("a", kArray, Bytes(11)); },
     "malformed | file ends inside an array | file: a"},
    {"of_arrays", [](GgufWriter& w) { w.set_array_raw("a", kArray, 1, Bytes(16)); },
     "malformed | arrays of arrays are not allowed | file: a"},
    {"of_no_arrays", [](GgufWriter& w) { w.set_array_raw("a", kArray, 0, {}); },
     "malformed | arrays of arrays are not allowed | file: a"},
    {"of_unknown_type", [](GgufWriter& w) { w.set_array_raw("a", 13, 1, Bytes(8)); },
     "malformed | unknown element type | file: a | got 13, allowed 12"},
    {"one_element_short", [](GgufWriter& w) { w.set_array_raw("a", kU32, 3, Bytes(11)); },
     "malformed | array is longer than the file | file: a | got 3, allowed 2"},
    {"of_all_the_numbers", [](GgufWriter& w) { w.set_array_raw("a", kU32, kU64Max, Bytes(8)); },
     "malformed | array is longer than the file | file: a | got 9223372036854775807, allowed 2"},
    {"whose_bytes_overflow_to_0", [](GgufWriter& w) { w.set_array_raw("a", kU64, 1ull << 61, Bytes(8)); },
     "malformed | array is longer than the file | file: a | got 2305843009213693952, allowed 1"},
    {"whose_bytes_overflow_to_4",
     [](GgufWriter& w) { w.set_array_raw("a", kU32, (1ull << 62) + 1, Bytes(8)); },
     "malformed | array is longer than the file | file: a | got 4611686018427387905, allowed 2"},
    {"of_bools_that_are_none",
     [](GgufWriter& w) {
       w.set_array_raw("a", kBool, 3, {std::byte{1}, std::byte{0}, std::byte{2}});
     },
     "malformed | a bool is neither 0 nor 1 | file: a | got 2, allowed 1"},
    {"of_more_strings_than_bytes", [](GgufWriter& w) { w.set_array_raw("a", kString, 3, Bytes(23)); },
     "malformed | array is longer than the file | file: a | got 3, allowed 2"},
    {"of_all_the_strings", [](GgufWriter& w) { w.set_array_raw("a", kString, kU64Max, Bytes(16)); },
     "malformed | array is longer than the file | file: a | got 9223372036854775807, allowed 2"},
    {"of_a_string_that_lies",
     [](GgufWriter& w) {
       Bytes raw = string_value("good", 4);
       append_string(raw, "bad", kU64Max);
       w.set_array_raw("a", kString, 2, raw);
     },
     "malformed | file ends inside a string of an array | file: a"},
    {"of_a_string_one_byte_short",
     [](GgufWriter& w) {
       w.set_array("a", std::vector<std::string>{"one", "two"});
     },
     "malformed | file ends inside a string of an array | file: a", 1},
};

const Malformation kOfTensors[] = {
    {"fewer_than_said", [](GgufWriter& w) { w.n_tensors = 1; },
     "malformed | file ends inside the tensor directory | file: tensors"},
    {"name_of_all_bytes_there_are", [](GgufWriter& w) { entry_at_the_end(w).name_bytes = kU64Max; },
     "malformed | file ends inside the tensor directory | file: tensors"},
    {"name_empty", [](GgufWriter& w) { w.tensor("", {1}, DType::f32, {1.0f}); },
     "malformed | tensor without a name | file: tensors"},
    {"name_too_long", [](GgufWriter& w) { w.tensor(std::string(64, 't'), {1}, DType::f32, {1.0f}); },
     "malformed | tensor name is too long | file: "
     "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt | got 64, allowed 63"},
    {"comes_twice",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("a", {1}, DType::f32, {1.0f});
     },
     "malformed | tensor comes twice | file: a"},
    {"no_dimensions", [](GgufWriter& w) { entry_at_the_end(w); },
     "malformed | file ends inside the tensor directory | file: t", 21},
    {"dimension_cut", [](GgufWriter& w) { entry_at_the_end(w); },
     "malformed | file ends inside the tensor directory | file: t", 13},
    {"type_cut", [](GgufWriter& w) { entry_at_the_end(w); },
     "malformed | file ends inside the tensor directory | file: t", 9},
    {"offset_cut", [](GgufWriter& w) { entry_at_the_end(w); },
     "malformed | file ends inside the tensor directory | file: t", 1},
    {"too_many_dimensions",
     [](GgufWriter& w) {
       w.tensor("t", {1, 1, 1, 1, 1}, DType::f32, {1.0f});
     },
     "malformed | tensor has too many dimensions | file: t | got 5, allowed 4"},
    {"all_the_dimensions", [](GgufWriter& w) { entry_at_the_end(w).n_dims = ~0u; },
     "malformed | tensor has too many dimensions | file: t | got 4294967295, allowed 4"},
    {"empty_dimension",
     [](GgufWriter& w) {
       w.tensor("t", {4, 0}, DType::f32, {});
     },
     "malformed | tensor has an empty dimension | file: t"},
    {"product_overflows",
     [](GgufWriter& w) {
       w.tensor_raw("t", {1ull << 32, 1ull << 32}, 0, Bytes(4));
     },
     "malformed | tensor is larger than anything can be | file: t"},
    {"product_overflows_to_1",  // (2^32 + 1) (2^32 - 1) = 2^64 - 1; once more 2^64 - 1 gives 1
     [](GgufWriter& w) {
       w.tensor_raw("t", {(1ull << 32) + 1, (1ull << 32) - 1, kU64Max}, 0, Bytes(4));
     },
     "malformed | tensor is larger than anything can be | file: t"},
    {"bytes_overflow", [](GgufWriter& w) { w.tensor_raw("t", {1ull << 62}, 0, Bytes(4)); },
     "malformed | tensor is larger than anything can be | file: t"},
    {"more_numbers_than_anything_has", [](GgufWriter& w) { w.tensor_raw("t", {1ull << 63}, 24, Bytes(4)); },
     "malformed | tensor is larger than anything can be | file: t"},
    {"unknown_type", [](GgufWriter& w) { w.tensor_raw("t", {1}, 31, Bytes(4)); },
     "unsupported | unknown tensor type | file: t"},
    {"type_that_was_removed", [](GgufWriter& w) { w.tensor_raw("t", {32}, 4, Bytes(24)); },
     "unsupported | unknown tensor type | file: t"},
    {"type_of_all_bits", [](GgufWriter& w) { w.tensor_raw("t", {1}, ~0u, Bytes(4)); },
     "unsupported | unknown tensor type | file: t"},
    {"row_that_cuts_a_qblock",
     [](GgufWriter& w) {
       w.tensor_raw("t", {48, 2}, 8, Bytes(102));
     },
     "malformed | row is no multiple of its type's qblock | file: t | got 48, allowed 32"},
    {"row_that_cuts_a_large_qblock",
     [](GgufWriter& w) {
       w.tensor_raw("t", {128, 2}, 12, Bytes(144));
     },
     "malformed | row is no multiple of its type's qblock | file: t | got 128, allowed 256"},
    {"offset_beside_the_alignment",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("b").offset = 68;
     },
     "malformed | tensor does not start on the alignment | file: b | got 68, allowed 32"},
    {"starts_outside_the_file",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("b").offset = 160;
     },
     "malformed | tensor lies outside the file | file: b | got 160, allowed 128"},
    {"starts_at_the_end_of_the_file",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("b").offset = 128;
     },
     "malformed | tensor lies outside the file | file: b | got 128, allowed 128"},
    {"starts_where_a_sum_would_wrap",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("b").offset = kU64Max - 31;
     },
     "malformed | tensor lies outside the file | file: b | got 9223372036854775807, allowed 128"},
    {"ends_one_byte_outside_the_file", [](GgufWriter& w) { two_tensors(w); },
     "malformed | tensor lies outside the file | file: b | got 64, allowed 127", 1},
    {"is_larger_than_the_file", [](GgufWriter& w) { w.tensor_raw("t", {1ull << 40}, 0, Bytes(64)); },
     "malformed | tensor lies outside the file | file: t | got 0, allowed 64"},
    {"no_data_section_at_all", [](GgufWriter& w) { entry_at_the_end(w); },
     "malformed | tensor lies outside the file | file: t | got 0, allowed 0"},
    {"overlaps_the_one_before",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("b").offset = 32;
     },
     "malformed | tensor overlaps another | file: b"},
    {"overlaps_by_one_byte",
     [](GgufWriter& w) {
       w.align(1);
       two_tensors(w);
       w.tensor("b").offset = 63;
     },
     "malformed | tensor overlaps another | file: b"},
    {"overlaps_the_one_after",
     [](GgufWriter& w) {
       two_tensors(w);
       w.tensor("a").offset = 64;
       w.tensor("b").offset = 32;
     },
     "malformed | tensor overlaps another | file: a"},
};

class Malformed : public testing::TestWithParam<Malformation> {};

TEST_P(Malformed, is_refused_with_its_rule) {
  GgufWriter w;
  GetParam().lie(w);
  const Bytes whole = w.bytes();
  const Bytes bytes(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(GetParam().cut));
  EXPECT_EQ(verdict(File::parse(bytes, "file")), GetParam().verdict);
}

std::string case_name(const testing::TestParamInfo<Malformation>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(header, Malformed, testing::ValuesIn(kOfTheHeader), case_name);
INSTANTIATE_TEST_SUITE_P(key, Malformed, testing::ValuesIn(kOfKeys), case_name);
INSTANTIATE_TEST_SUITE_P(array, Malformed, testing::ValuesIn(kOfArrays), case_name);
INSTANTIATE_TEST_SUITE_P(tensor, Malformed, testing::ValuesIn(kOfTensors), case_name);

TEST(GgufMalformed, two_tensors_in_one_place_overlap_whichever_is_named) {
  GgufWriter w;
  two_tensors(w);
  w.tensor("b").offset = 0;
  const Result<File> file = File::parse(w.bytes(), "file");
  ASSERT_FALSE(file);
  EXPECT_STREQ(file.error().rule, "tensor overlaps another");
}

// --- qblocks -----------------------------------------------------------------------------------------------

TEST(GgufMalformed, an_unknown_type_is_named_beside_the_known_ones) {
  for (const std::uint32_t id : {4u, 5u, 16u, 31u, 39u, 97u, ~0u}) {
    GgufWriter w;
    const Bytes bytes = w.tensor_raw("t", {256}, id, Bytes(256)).bytes();
    const Result<File> file = File::parse(bytes, "file");
    ASSERT_FALSE(file);
    EXPECT_EQ(verdict(file.error()), "unsupported | unknown tensor type | file: t");
    EXPECT_EQ(file.error().hint, "its id is " + std::to_string(id) + ", supported are " + kMatrixTypes);
  }
}

// Every type with every width that is none, and with counts and offsets whose products or sums go over the end of
// the file or of 64 bits.
TEST(GgufMalformed, qblocks_that_lie_about_their_number_are_refused) {
  for (std::uint32_t id = 0; id < 40; ++id) {
    const DTypeInfo info = dtype_info(id);
    if (info.weights < 2) continue;
    SCOPED_TRACE(info.name);
    const std::uint64_t weights = static_cast<std::uint64_t>(info.weights);
    const auto bytes_of = [&](std::uint64_t n_blocks) {
      return Bytes(static_cast<std::size_t>(n_blocks) * static_cast<std::size_t>(info.bytes));
    };
    const auto rule_of = [&](const std::vector<std::uint64_t>& ne, const Bytes& data,
                             std::uint64_t offset = 0) {
      GgufWriter w;
      w.tensor_raw("t", ne, id, data).tensor("t").offset = offset;
      const Bytes bytes = w.bytes();
      const Result<File> file = File::parse(bytes, "file");
      return file ? std::string("accepted") : std::string(file.error().rule);
    };
    const std::string cut = "row is no multiple of its type's qblock",
                      outside = "tensor lies outside the file";
    const std::string overflow = "tensor is larger than anything can be";
    EXPECT_EQ(rule_of({2 * weights, 3}, bytes_of(6)), "accepted");
    for (const std::uint64_t n : {std::uint64_t{1}, weights - 1, weights + 1, 2 * weights - 1})
      EXPECT_EQ(rule_of({n, weights}, bytes_of(2 * weights)), cut) << n;
    Bytes short_by_one = bytes_of(6);
    short_by_one.pop_back();
    EXPECT_EQ(rule_of({2 * weights, 3}, short_by_one), outside);
    EXPECT_EQ(rule_of({2 * weights, 4}, bytes_of(6)), outside);
    EXPECT_EQ(rule_of({2 * weights, 3}, bytes_of(6), 32), outside);
    EXPECT_EQ(rule_of({2 * weights, 3}, bytes_of(6), kU64Max - 31), outside);
    EXPECT_EQ(rule_of({weights << 40, 1ull << 40}, bytes_of(6)), overflow);
    EXPECT_EQ(rule_of({weights, (1ull << 62) / weights + 1}, bytes_of(6)), overflow);
    EXPECT_EQ(rule_of({1ull << 62}, bytes_of(6)), outside);
  }
}

// --- what is left of a good file ---------------------------------------------------------------------------

// Something of everything.
GgufWriter small_file() {
  GgufWriter w;
  w.set("general.architecture", "llama").align(16);
  w.set("a.u8", std::uint8_t{1}).set("a.i16", std::int16_t{-2}).set("a.u64", std::uint64_t{3});
  w.set("a.bool", true).set("a.f32", 1.5f).set("a.f64", 2.5);
  w.set_array("b.numbers", std::vector<std::uint16_t>{1, 2, 3});
  w.set_array("b.texts", std::vector<std::string>{"one", "", "three"});
  w.set_array("b.bools", std::vector<bool>{true, false});
  w.tensor("x", {5}, DType::f32, {1, 2, 3, 4, 5});
  w.tensor("y", {32, 2}, DType::q8_0, std::vector<float>(64, 0.5f));
  w.tensor("z", {3, 2}, DType::f16, {1, 2, 3, 4, 5, 6});
  w.tensor("k", {256, 2}, DType::q6_k, std::vector<float>(512, 0.5f));
  return w;
}

// Touches every byte that a parsed file gives out, so that a wrong promise is a read that a sanitizer sees.
std::uint64_t touch(const File& file) {
  std::uint64_t sum = 0;
  const auto add = [&](const auto& bytes) {
    for (const auto b : bytes) sum += static_cast<unsigned char>(b);
  };
  for (const Value& value : file.values()) {
    add(value.key);
    add(value.text);
    add(value.bytes);
    sum += file.find(value.key) == &value ? 1 : 0;
    if (value.type != ValueType::array || value.element != ValueType::string) continue;
    StringArray texts(value);
    for (std::string_view text; texts.next(text);) add(text);
  }
  for (const TensorInfo& tensor : file.tensors()) {
    add(tensor.name);
    add(std::span(tensor.data, static_cast<std::size_t>(tensor.bytes)));
  }
  return sum;
}

TEST(GgufMalformed, every_prefix_of_a_file_is_refused) {
  const Bytes whole = small_file().bytes();
  ASSERT_TRUE(File::parse(whole, "file"));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));  // exactly n bytes
    const Result<File> file = File::parse(prefix, "file");
    ASSERT_FALSE(file) << n;
    EXPECT_EQ(file.error().code, Code::malformed) << n;
    EXPECT_TRUE(file.error().subject.starts_with("file: ")) << n;
  }
}

TEST(GgufMalformed, a_prefix_is_read_where_only_padding_is_gone) {
  GgufWriter w = small_file();
  for (const char* name : {"x", "y", "z", "k"}) w.remove_tensor(name);
  Bytes whole = w.bytes();
  const std::size_t n_directory = whole.size();
  test::pad(whole, 64);
  ASSERT_GT(whole.size(), n_directory);
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    const Result<File> file = File::parse(prefix, "file");
    ASSERT_EQ(file.has_value(), n >= n_directory) << n;
    if (file) {
      EXPECT_GT(touch(*file), 0u);
    }
  }
}

TEST(GgufMalformed, twenty_thousand_mutations_do_no_harm) {
  const Bytes whole = small_file().bytes();
  int n_read = 0, n_refused = 0;
  for (std::uint32_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    const Bytes mutated = test::mutate(whole, numbers, seed % 2 == 0 ? 1 : 1 + numbers.below(12));
    const Result<File> file = File::parse(mutated, "file");
    if (file) {
      touch(*file);
      ++n_read;
    } else {
      EXPECT_TRUE(file.error().subject.starts_with("file: "));
      ++n_refused;
    }
  }
  EXPECT_GT(n_read, 1000) << "mutations that reach no reader prove nothing";
  EXPECT_GT(n_refused, 1000);
}

}  // namespace
}  // namespace shrike::gguf
