#include "core/npy.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <ostream>

#include "tests/support/gguf_writer.hpp"
#include "tests/support/mutation.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/verdict.hpp"

namespace shrike {
namespace {

namespace fs = std::filesystem;
using test::append;
using test::append_text;
using test::Bytes;
using test::verdict;

using Shape = std::vector<std::int64_t>;

// An .npy file by hand: the header may say anything, of any length.
struct NpyFile {
  int version = 1;
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  Bytes data = Bytes(12);
  std::optional<std::uint32_t> n_header;
  std::string magic = "\x93NUMPY";

  Bytes bytes() const {
    Bytes out;
    append_text(out, magic);
    append(out, static_cast<std::uint8_t>(version));
    append(out, std::uint8_t{0});
    const std::uint32_t n = n_header.value_or(static_cast<std::uint32_t>(header.size()));
    if (version == 1)
      append(out, static_cast<std::uint16_t>(n));
    else
      append(out, n);
    append_text(out, header);
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
};

class NpyTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shrike_npy_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path = (folder_ / "numbers.npy").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const Bytes& bytes) const {
    fs::remove(path);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  Bytes read() const {
    std::ifstream file(path, std::ios::binary);
    Bytes bytes(fs::file_size(path));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  }
  std::string verdict_of(const Bytes& bytes) const {
    write(bytes);
    return verdict(read_npy(path));
  }
  std::string refused(const std::string& code, const std::string& rule) const {
    return code + " | " + rule + " | " + path;
  }

  std::string path;

 private:
  fs::path folder_;
};

TEST_F(NpyTest, what_is_written_is_read_in_every_rank) {
  test::Numbers numbers(1);
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{7}, Shape{3, 5}, Shape{4, 0, 2},
                             Shape{2, 3, 4}, Shape{1, 1, 1, 1}, Shape{2, 1, 2, 1, 2, 1, 2, 3}}) {
    std::size_t n = 1;
    for (const std::int64_t d : shape) n *= static_cast<std::size_t>(d);
    const std::vector<float> f32 = numbers.floats(n);
    ASSERT_TRUE(write_npy(path, shape, f32));
    const Result<Npy> read = read_npy(path);
    ASSERT_TRUE(read) << verdict(read);
    EXPECT_EQ(read->type, Npy::Type::f32);
    EXPECT_EQ(read->shape, shape);
    EXPECT_EQ(read->f32, f32);
    EXPECT_TRUE(read->i32.empty());

    std::vector<std::int32_t> i32(n);
    for (std::int32_t& v : i32) v = numbers.below(1 << 30) - (1 << 29);
    ASSERT_TRUE(write_npy(path, shape, i32));
    const Result<Npy> integers = read_npy(path);
    ASSERT_TRUE(integers) << verdict(integers);
    EXPECT_EQ(integers->type, Npy::Type::i32);
    EXPECT_EQ(integers->shape, shape);
    EXPECT_EQ(integers->i32, i32);
  }
}

TEST_F(NpyTest, every_float_keeps_its_bits) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> odd = {0.0f, -0.0f, inf, -inf, std::nanf("7"), 1e-45f, 3.4028235e38f, 0.1f};
  ASSERT_TRUE(write_npy(path, Shape{8}, odd));
  const Npy read = read_npy(path).value();
  EXPECT_EQ(std::memcmp(read.f32.data(), odd.data(), sizeof(float) * odd.size()), 0);
}

TEST_F(NpyTest, a_written_file_is_what_numpy_writes) {
  ASSERT_TRUE(write_npy(path, Shape{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}));
  const Bytes bytes = read();
  ASSERT_GT(bytes.size(), 24u);
  EXPECT_EQ((bytes.size() - 24) % 64, 0u) << "data begins on 64";
  EXPECT_EQ(std::to_integer<char>(bytes[bytes.size() - 25]), '\n') << "the header ends with a line";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 10, bytes.size() - 34);
  EXPECT_TRUE(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, ), }")) << text;
}

TEST_F(NpyTest, bytes_are_read) {
  NpyFile f;
  f.header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }";
  f.data = {std::byte{0}, std::byte{1}, std::byte{254}, std::byte{255}};
  write(f.bytes());
  const Npy read = read_npy(path).value();
  EXPECT_EQ(read.type, Npy::Type::u8);
  EXPECT_EQ(read.shape, (Shape{2, 2}));
  EXPECT_EQ(read.u8, (std::vector<std::uint8_t>{0, 1, 254, 255}));
}

TEST_F(NpyTest, headers_of_every_version_are_read) {
  NpyFile f;
  for (const int version : {1, 2, 3}) {
    f.version = version;
    EXPECT_EQ(verdict_of(f.bytes()), "accepted") << version;
  }
  f.header += std::string(70'000, ' ');  // longer than version 1 can say
  EXPECT_EQ(verdict_of(f.bytes()), "accepted");
  for (const int version : {0, 4, 255}) {
    f.version = version;
    EXPECT_EQ(verdict_of(f.bytes()), refused("unsupported", "unknown .npy version") + " | got " +
                                         std::to_string(version) + ", allowed 3");
  }
}

TEST_F(NpyTest, headers_may_be_written_in_any_order_and_with_any_blanks) {
  NpyFile f;
  for (const char* header : {"{'shape':(3,),'fortran_order':False,'descr':'<f4'}",
                             "{'fortran_order': False, 'shape': ( 3 , ), 'descr': '<f4'}\n",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 1)}   \n"}) {
    f.header = header;
    EXPECT_EQ(verdict_of(f.bytes()), "accepted") << header;
  }
}

TEST_F(NpyTest, shapes_that_lie_are_refused) {
  NpyFile f;
  const auto with = [&](const std::string& shape) {
    f.header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
    return verdict_of(f.bytes());
  };
  const std::string length = refused("malformed", "data is not as long as its shape");
  const std::string unread = refused("malformed", "no shape that can be read");
  const std::string beyond = refused("malformed", "shape is larger than anything can be");
  EXPECT_EQ(with("(3,)"), "accepted");
  for (const char* shape : {"()", "(2,)", "(4,)", "(0,)", "(3, 2)", "(3, 0)", "(1099511627776,)"})
    EXPECT_EQ(with(shape), length) << shape;
  // 2^62 numbers of 4 bytes are 2^64 bytes: none at all, were the product not checked.
  for (const char* shape : {"(1099511627776, 4194304)", "(1099511627776, 1099511627776)",
                            "(1099511627776, 1099511627776, 1099511627776, 3)"})
    EXPECT_EQ(with(shape), beyond) << shape;
  for (const char* shape :
       {"(-3,)", "(3,-1)", "(3.0,)", "(3L,)", "(1099511627777,)", "(99999999999999999999,)", "[3]", "3", "",
        "(3", "None", "(x,)", "(1, 1, 1, 1, 1, 1, 1, 1, 3)"})
    EXPECT_EQ(with(shape), unread) << shape;
  f.header = "{'descr': '<f4', 'fortran_order': False}";
  EXPECT_EQ(verdict_of(f.bytes()), unread);
}

TEST_F(NpyTest, fortran_order_is_refused) {
  NpyFile f;
  for (const char* order : {"'fortran_order': True, ", "'fortran_order': 1, ", "'fortran_order': ", ""}) {
    f.header = std::string("{'descr': '<f4', ") + order + "'shape': (3,), }";
    EXPECT_EQ(verdict_of(f.bytes()), refused("unsupported", "not in C order")) << order;
  }
}

TEST_F(NpyTest, other_dtypes_are_refused) {
  NpyFile f;
  for (const char* descr : {"'<f8'", "'>f4'", "'<f2'", "'<i8'", "'<u4'", "'>i4'", "'|i1'", "'|b1'", "'|S4'",
                            "'<c8'", "'|O'", "'f4'", "''", "[('a', '<f4')]", "None"}) {
    f.header = std::string("{'descr': ") + descr + ", 'fortran_order': False, 'shape': (3,), }";
    EXPECT_EQ(verdict_of(f.bytes()), refused("unsupported", "dtype is none of f32, i32, u8")) << descr;
  }
  f.header = "{'fortran_order': False, 'shape': (3,), }";
  EXPECT_EQ(verdict_of(f.bytes()), refused("unsupported", "dtype is none of f32, i32, u8"));
  f.header = "";
  EXPECT_EQ(verdict_of(f.bytes()), refused("unsupported", "dtype is none of f32, i32, u8"));
}

TEST_F(NpyTest, headers_that_lie_about_their_length_are_refused) {
  NpyFile f;
  const std::string inside = refused("malformed", "file ends inside the header");
  for (const int version : {1, 2}) {
    f.version = version;
    const auto n = static_cast<std::uint32_t>(f.header.size() + f.data.size());
    f.n_header = n + 1;
    EXPECT_EQ(verdict_of(f.bytes()), inside);
    f.n_header = version == 1 ? 0xFFFFu : 0xFFFFFFFFu;
    EXPECT_EQ(verdict_of(f.bytes()), inside);
    f.n_header = n;
    EXPECT_EQ(verdict_of(f.bytes()), refused("malformed", "data is not as long as its shape"));
  }
}

TEST_F(NpyTest, other_files_are_refused) {
  NpyFile f;
  for (const char* magic : {"\x93NUMPX", "NUMPY\x93", "GGUFGG"}) {
    f.magic = magic;
    EXPECT_EQ(verdict_of(f.bytes()), refused("malformed", "not an .npy file"));
  }
  EXPECT_EQ(verdict_of({}), refused("malformed", "file is empty"));
  fs::remove(path);
  EXPECT_EQ(read_npy(path).error().code, Code::missing);
  EXPECT_EQ(read_npy(path).error().subject, path);
  EXPECT_EQ(read_npy(fs::path(path).parent_path().string()).error().code, Code::malformed) << "a folder";
}

TEST_F(NpyTest, every_prefix_of_a_file_is_refused_and_so_is_a_byte_more) {
  ASSERT_TRUE(write_npy(path, Shape{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}));
  Bytes whole = read();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    write({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)});
    const Result<Npy> read = read_npy(path);
    ASSERT_FALSE(read) << n;
    EXPECT_EQ(read.error().code, Code::malformed) << n;
  }
  whole.push_back(std::byte{0});
  EXPECT_EQ(verdict_of(whole), refused("malformed", "data is not as long as its shape"));
}

TEST_F(NpyTest, mutations_do_no_harm) {
  ASSERT_TRUE(write_npy(path, Shape{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}));
  const Bytes whole = read();
  for (std::uint32_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE(seed);
    test::Numbers numbers(seed);
    write(test::mutate(whole, numbers, 1 + numbers.below(6)));
    const Result<Npy> read = read_npy(path);
    if (!read) continue;
    std::int64_t n = 1;
    for (const std::int64_t d : read->shape) n *= d;
    EXPECT_EQ(static_cast<std::size_t>(n), read->f32.size() + read->i32.size() + read->u8.size());
  }
}

TEST_F(NpyTest, what_cannot_be_written_is_said) {
  const std::string nowhere = path + "/no/such/folder.npy";
  EXPECT_EQ(verdict(write_npy(nowhere, Shape{1}, std::vector<float>{1})),
            "io | cannot be written | " + nowhere);
  if (fs::exists("/dev/full")) {
    EXPECT_EQ(verdict(write_npy("/dev/full", Shape{1}, std::vector<float>{1})),
              "io | could not be written to the end | /dev/full");
  }
}

TEST_F(NpyTest, a_shape_of_other_numbers_stops) {
  EXPECT_DEATH((void)write_npy(path, Shape{2, 2}, std::vector<float>{1, 2, 3}), "numbers.size");
}

}  // namespace
}  // namespace shrike
