#include "platform/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace shrike {
namespace {

Result<std::unique_ptr<int>> make(int value) {
  if (value < 0) return Error{Code::usage, "must not be negative", "value", value, 0};
  return std::make_unique<int>(value);
}

Result<int> sum(int a, int b) {
  SHRIKE_TRY(const auto first, make(a));
  SHRIKE_TRY(const auto second, make(b));
  return *first + *second;
}

Status both(int a, int b, int& n_run) {
  SHRIKE_TRY_VOID(make(a));
  ++n_run;
  SHRIKE_TRY_VOID(make(b));
  ++n_run;
  return ok();
}

TEST(ResultTest, holds_a_value_or_an_error) {
  auto good = make(3);
  ASSERT_TRUE(good);
  EXPECT_EQ(**good, 3);
  const std::unique_ptr<int> taken = *std::move(good);
  EXPECT_EQ(*taken, 3);

  const auto bad = make(-2);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, Code::usage);
  EXPECT_STREQ(bad.error().rule, "must not be negative");
  EXPECT_EQ(bad.error().subject, "value");
  EXPECT_TRUE(bad.error().has_numbers);
  EXPECT_EQ(bad.error().got, -2);
  EXPECT_FALSE((Error{Code::io, "rule", "file"}.has_numbers));
}

TEST(ResultTest, try_hands_on_the_first_error) {
  EXPECT_EQ(*sum(1, 2), 3);
  EXPECT_EQ(sum(-5, 2).error().got, -5);
  EXPECT_EQ(sum(1, -7).error().got, -7);
  EXPECT_EQ(sum(-5, -7).error().got, -5);
}

TEST(ResultTest, try_void_stops_at_the_error) {
  int n_run = 0;
  EXPECT_TRUE(both(1, 2, n_run));
  EXPECT_EQ(n_run, 2);
  EXPECT_EQ(both(1, -9, n_run).error().got, -9);
  EXPECT_EQ(n_run, 3);
  EXPECT_EQ(both(-8, -9, n_run).error().got, -8);
  EXPECT_EQ(n_run, 3);
}

TEST(ResultDeathTest, asking_for_what_is_not_there_is_a_bug) {
  EXPECT_DEATH((void)make(-1).value(), "has_value");
  EXPECT_DEATH((void)make(1).error(), "has_value");
}

}  // namespace
}  // namespace shrike
