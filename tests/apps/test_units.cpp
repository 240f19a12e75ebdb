// Sizes, times and numbers as people type and read them; checksums; text that may go to a terminal.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/sha256.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

constexpr std::int64_t kKi = 1024, kMi = kKi * 1024, kGi = kMi * 1024;

TEST(Units, bytes_are_read_in_powers_of_1024) {
  const struct {
    const char* text;
    std::int64_t bytes;
  } rows[] = {{"4MiB", 4 * kMi},
              {"512KiB", 512 * kKi},
              {"512K", 512 * kKi},
              {"64k", 64 * kKi},
              {"512M", 512 * kMi},
              {"1.5G", kGi * 3 / 2},
              {"1GiB", kGi},
              {"65536", 65536},
              {"17B", 17},
              {"4mib", 4 * kMi},
              {"4MB", 4 * kMi},
              {"1", 1},
              {"0.5KiB", 512},
              {"1.9", 1},
              {"931322G", 931322 * kGi}};
  for (const auto& row : rows) EXPECT_EQ(parse_bytes(row.text), row.bytes) << row.text;
}

TEST(Units, bytes_that_are_none_are_refused) {
  for (const char* text : {"",
                           "MiB",
                           "x",
                           "4X",
                           "4 MiB",
                           " 4MiB",
                           "4MiB ",
                           "4MiBB",
                           "4ib",
                           "4i",
                           "-4MiB",
                           "-0",
                           "+4",
                           "0",
                           "0.5",
                           "0x10",
                           "1e3",
                           "nan",
                           "inf",
                           "infG",
                           "4MiB5",
                           "4,5M",
                           "1..5G",
                           "99999999G",
                           "1000000000000001",
                           "99999999999999999999999999",
                           "1%"})
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  EXPECT_EQ(parse_bytes(std::string(400, '9')), std::nullopt) << "beyond any double";
  EXPECT_EQ(parse_bytes(std::string_view("4\0M", 3)), std::nullopt);
}

TEST(Units, times_are_read_in_seconds) {
  const struct {
    const char* text;
    double seconds;
  } rows[] = {{"2s", 2},     {"500ms", 0.5}, {"1.5", 1.5},     {"0", 0},     {"01:07", 67},   {"90m", 5400},
              {"2min", 120}, {"2h", 7200},   {"125:07", 7507}, {"00:00", 0}, {"0:59.5", 59.5}};
  for (const auto& row : rows) EXPECT_EQ(parse_seconds(row.text), row.seconds) << row.text;
}

TEST(Units, times_that_are_none_are_refused) {
  for (const char* text :
       {"",      "s",    "ms",  ":",  ":30", "1:",  "1:60", "1:2:3", "1.5:30",      "-1",
        "-1:00", "1:-1", "2 s", "2x", "end", "1e3", "nan",  "inf",   "10000000000", "1:2s"})
    EXPECT_EQ(parse_seconds(text), std::nullopt) << text;
}

TEST(Units, frame_sizes_are_two_positive_numbers) {
  const std::optional<Extent> extent = parse_extent("1920x1080");
  ASSERT_TRUE(extent);
  EXPECT_EQ(extent->width, 1920);
  EXPECT_EQ(extent->height, 1080);
  for (const char* text : {"", "x", "1920", "1920x", "x1080", "0x1080", "1920x0", "-1x5", "1920X1080",
                           "1920x1080x3", "1920 x 1080", "99999999999x1", "1.5x2"})
    EXPECT_FALSE(parse_extent(text)) << text;
}

TEST(Units, bytes_are_shown_with_one_digit_behind_the_point) {
  const struct {
    std::int64_t bytes;
    const char* text;
  } rows[] = {{0, "0 B"},
              {17, "17 B"},
              {1023, "1023 B"},
              {1024, "1.0 KiB"},
              {312 * kKi + 512, "312.5 KiB"},
              {kMi - 1, "1.0 MiB"},
              {4 * kMi, "4.0 MiB"},
              {kGi - 1, "1.0 GiB"},
              {kGi * 3 / 2, "1.5 GiB"},
              {5000 * kGi, "5000.0 GiB"}};
  for (const auto& row : rows) EXPECT_EQ(bytes_text(row.bytes), row.text);
}

TEST(Units, bytes_for_an_argument_are_read_back_as_no_less) {
  for (const std::int64_t bytes :
       {std::int64_t{1}, kKi - 1, kKi, kKi + 1, 918 * kKi, 4 * kMi + 1, 3 * kGi + 7}) {
    const std::optional<std::int64_t> back = parse_bytes(bytes_argument(bytes));
    ASSERT_TRUE(back) << bytes_argument(bytes);
    EXPECT_GE(*back, bytes);
    EXPECT_LT(*back, bytes + kKi);
  }
  EXPECT_EQ(bytes_argument(918 * kKi), "918KiB");
}

TEST(Units, clocks_show_minutes_without_end) {
  EXPECT_EQ(clock_text(0), "00:00");
  EXPECT_EQ(clock_text(59.99), "00:59");
  EXPECT_EQ(clock_text(67), "01:07");
  EXPECT_EQ(clock_text(7507.5), "125:07");
  for (const double seconds : {0.0, 7.0, 60.0, 3599.0, 86400.0})
    EXPECT_EQ(parse_seconds(clock_text(seconds)), seconds) << "what is shown can be typed";
}

TEST(Units, numbers_are_grouped_by_three) {
  const struct {
    std::int64_t number;
    const char* text;
  } rows[] = {{0, "0"},
              {999, "999"},
              {1000, "1,000"},
              {4194304, "4,194,304"},
              {-1, "-1"},
              {-999, "-999"},
              {-1000, "-1,000"},
              {std::numeric_limits<std::int64_t>::max(), "9,223,372,036,854,775,807"},
              {std::numeric_limits<std::int64_t>::min(), "-9,223,372,036,854,775,808"}};
  for (const auto& row : rows) EXPECT_EQ(grouped(row.number), row.text);
}

std::string sha256_of(const std::string& text) { return sha256(std::as_bytes(std::span(text))); }

TEST(Sha256, gives_the_published_examples) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Where the length no longer fits behind the text, and where a block is just full.
TEST(Sha256, is_right_on_both_sides_of_a_block_edge) {
  const struct {
    std::size_t n;
    const char* sum;
  } rows[] = {{55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
              {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
              {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
              {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
              {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"}};
  for (const auto& row : rows) EXPECT_EQ(sha256_of(std::string(row.n, 'a')), row.sum) << row.n;
}

TEST(Printable, keeps_characters_and_shows_everything_else) {
  const struct {
    std::string_view text, shown;
  } rows[] = {{"plain ~", "plain ~"},
              {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
              {"a\nb\tc\r", "a\\nb\\tc\\x0d"},
              {"\x1B[31m\x7F", "\\x1b[31m\\x7f"},
              {std::string_view("\0", 1), "\\x00"},
              {"\x80\xBF", "\\x80\\xbf"},
              {"\xC2\x9B!", "\\xc2\\x9b!"},                  // control sequence introducer
              {"\xC3", "\\xc3"},                             // cut off
              {"\xE2\x82", "\\xe2\\x82"},                    // cut off
              {"\xC3(", "\\xc3("},                           // no continuation
              {"\xC0\xAF", "\\xc0\\xaf"},                    // overlong
              {"\xE0\x80\x80", "\\xe0\\x80\\x80"},           // overlong
              {"\xED\xA0\x80", "\\xed\\xa0\\x80"},           // a surrogate
              {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond the last character
              {"\xFF\xFE", "\\xff\\xfe"}};
  for (const auto& row : rows) {
    EXPECT_EQ(printable(row.text), row.shown);
    EXPECT_EQ(printable(row.shown), row.shown) << "once is enough";
  }
}

TEST(Exits, are_those_of_sysexits) {
  const auto code = [](Code c) { return exit_code(Error{c, "rule", "subject"}); };
  EXPECT_EQ(code(Code::usage), 64);
  EXPECT_EQ(code(Code::malformed), 65);
  EXPECT_EQ(code(Code::unsupported), 65);
  EXPECT_EQ(code(Code::missing), 66);
  EXPECT_EQ(code(Code::unavailable), 69);
  EXPECT_EQ(code(Code::resource), 71);
  EXPECT_EQ(code(Code::io), 74);
  EXPECT_EQ(code(Code::permission), 77);
  EXPECT_EQ(code(Code::does_not_fit), 78);
}

TEST(Exits, errors_are_one_line_whatever_they_are_about) {
  EXPECT_EQ(error_text({Code::missing, "no such file", "a\nb"}), "a\\nb: no such file");
  EXPECT_EQ(error_text({Code::usage, "too large", "--threads", 99, 64}),
            "--threads: too large: got 99, allowed 64");
}

}  // namespace
}  // namespace shrike::cli
