#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "camera/synthetic/perch_world.h"
#include "camera/synthetic/questions.hpp"
#include "camera/synthetic/renderer.hpp"

namespace shrike::synthetic {
namespace {

using nlohmann::json;

struct Closer {
  void operator()(pw_world* world) const { pw_close(world); }
};
using Handle = std::unique_ptr<pw_world, Closer>;

Handle open(const char* spec) {
  std::array<char, 200> error{};
  Handle world(pw_open(spec, error.data(), error.size()));
  EXPECT_NE(world, nullptr) << error.data();
  return world;
}

template <class Call>
json whole(Call&& call) {
  std::vector<char> text(call(nullptr, 0) + 1);
  EXPECT_EQ(call(text.data(), text.size()), text.size() - 1);
  return json::parse(text.data());
}

TEST(PerchWorld, frames_are_those_of_the_renderer) {
  const Handle handle = open("seed=5,size=48x32,frames=20");
  ASSERT_EQ(pw_n_frames(handle.get()), 20);
  ASSERT_EQ(pw_width(handle.get()), 48);
  ASSERT_EQ(pw_height(handle.get()), 32);
  constexpr std::size_t kFrame = 48 * 32 * 3;
  std::vector<std::uint8_t> rgb(5 * kFrame), one(kFrame);
  pw_frames(handle.get(), 10, 5, rgb.data());
  const World world(*WorldOptions::parse("seed=5,size=48x32,frames=20"));
  Renderer renderer(world);
  for (int k = 0; k < 5; ++k) {
    renderer.draw(10 + k, one.data(), 48 * 3);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), rgb.begin() + k * static_cast<std::ptrdiff_t>(kFrame)));
  }
}

TEST(PerchWorld, truth_is_that_of_the_world) {
  const Handle handle = open("seed=5,fps=29.97");
  const json truth = whole([&](char* text, std::size_t n) { return pw_truth(handle.get(), text, n); });
  const World world(*WorldOptions::parse("seed=5,fps=29.97"));
  EXPECT_EQ(truth["frames"], 64);
  EXPECT_EQ(truth["fps"], 29.97);
  ASSERT_EQ(truth["visits"].size(), world.visits().size());
  for (std::size_t i = 0; i < world.visits().size(); ++i) {
    const Visit& visit = world.visits()[i];
    const json& told = truth["visits"][i];
    EXPECT_EQ(told["colour"], word(visit.thing.colour));
    EXPECT_EQ(told["shape"], word(visit.thing.shape));
    EXPECT_EQ(told["size"], word(visit.size));
    EXPECT_EQ(told["place"], word(visit.place));
    EXPECT_EQ(told["first"], visit.first_frame);
    EXPECT_EQ(told["last"], visit.last_frame);
  }
}

TEST(PerchWorld, questions_are_those_of_the_world) {
  const Handle handle = open("seed=5");
  const std::array<int, 3> cuts = {10, 30, 63};
  const json told = whole(
      [&](char* text, std::size_t n) { return pw_questions(handle.get(), cuts.data(), 3, 6, 77, text, n); });
  const World world(*WorldOptions::parse("seed=5"));
  std::size_t i = 0;
  for (const int cut : cuts)
    for (const Question& question : ask_about(world, cut, 6, 77)) {
      ASSERT_LT(i, told.size());
      EXPECT_EQ(told[i]["cut"], cut);
      EXPECT_EQ(told[i]["kind"], word(question.kind));
      EXPECT_EQ(told[i]["text"], question.text);
      EXPECT_EQ(told[i]["answer"], question.answer);
      EXPECT_EQ(told[i]["age"], question.age);
      EXPECT_EQ(told[i]["chance"], chance_percent(question.kind));
      ++i;
    }
  EXPECT_EQ(i, told.size());
}

TEST(PerchWorld, a_short_buffer_gets_what_fits) {
  const Handle handle = open("seed=5");
  std::array<char, 8> text;
  text.fill('x');
  EXPECT_GT(pw_truth(handle.get(), text.data(), 5), 100u);
  EXPECT_STREQ(text.data(), "{\"fr");
  EXPECT_EQ(text[5], 'x');
}

TEST(PerchWorld, a_bad_spec_is_told_in_words) {
  std::array<char, 200> error{};
  EXPECT_EQ(pw_open("size=0", error.data(), error.size()), nullptr);
  EXPECT_STREQ(error.data(), "synthetic: size=0 must be SIDE or WIDTHxHEIGHT, each between 16 and 4096");
  EXPECT_EQ(pw_open("size=0", nullptr, 0), nullptr);
}

}  // namespace
}  // namespace shrike::synthetic
