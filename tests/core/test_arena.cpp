#include "core/arena.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace shrike {
namespace {

struct Two {
  float* a = nullptr;
  std::uint8_t* b = nullptr;
  void lay_out(Arena& arena) {
    a = arena.take<float>("first", 3);
    b = arena.take<std::uint8_t>("second", 65);
    arena.take<float>("first", 20);
  }
};

TEST(Arena, hands_out_exactly_what_it_measured) {
  Arena measure;
  Two two;
  two.lay_out(measure);
  EXPECT_EQ(two.a, nullptr);
  EXPECT_EQ(measure.measured_bytes("first"), 64u + 128u);
  EXPECT_EQ(measure.measured_bytes("second"), 128u);
  Arena arena = Arena::reserve(measure, {}).value();
  two.lay_out(arena);
  arena.seal();
  EXPECT_EQ(arena.bytes(), measure.bytes());
  for (const Arena::Section& section : arena.sections())
    EXPECT_EQ(section.used, section.size) << section.name;
}

TEST(Arena, memory_is_aligned_zeroed_and_its_own) {
  Arena measure;
  Two two;
  two.lay_out(measure);
  Arena arena = Arena::reserve(measure, {}).value();
  two.lay_out(arena);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(two.a) % Arena::kAlignment, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(two.b) % Arena::kAlignment, 0u);
  for (int i = 0; i < 65; ++i) EXPECT_EQ(two.b[i], 0);
  std::fill(two.b, two.b + 65, std::uint8_t{0xFF});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(two.a[i], 0.0f);
}

TEST(Arena, stages_lie_over_each_other_and_on_nothing_else) {
  struct Stages {
    std::byte *always = nullptr, *a = nullptr, *b = nullptr, *c = nullptr;
    void lay_out(Arena& arena) {
      a = arena.take_bytes("a", 100);
      always = arena.take_bytes("always", 64);
      b = arena.take_bytes("b", 64);
      c = arena.take_bytes("c", 192);
    }
  } stages;
  Arena measure;
  measure.set_stage("a", 1);
  measure.set_stage("b", 1);
  measure.set_stage("c", 2);
  stages.lay_out(measure);
  EXPECT_EQ(measure.bytes(), 64u + 192u) << "a and b are as large as c, the first of equals counts";
  for (const Arena::Section& section : measure.sections())
    EXPECT_EQ(measure.counts(section), section.name != "c") << section.name;
  Arena arena = Arena::reserve(measure, {}).value();
  stages.lay_out(arena);
  arena.seal();
  EXPECT_EQ(arena.bytes(), measure.bytes());
  EXPECT_EQ(stages.a, stages.always + 64);
  EXPECT_EQ(stages.b, stages.a + 128);
  EXPECT_EQ(stages.c, stages.a);
  for (const Arena::Section& section : arena.sections())
    EXPECT_EQ(section.used, section.size) << section.name;
}

TEST(ArenaDeathTest, taking_more_than_measured_stops) {
  Arena measure;
  measure.take<float>("first", 16);
  Arena arena = Arena::reserve(measure, {}).value();
  arena.take<float>("first", 16);
  EXPECT_DEATH(arena.take<float>("first", 1), "bug");
  EXPECT_DEATH(arena.take<float>("unknown", 1), "bug");
}

TEST(ArenaDeathTest, taking_after_seal_stops) {
  Arena measure;
  measure.take<float>("first", 16);
  Arena arena = Arena::reserve(measure, {}).value();
  arena.seal();
  EXPECT_DEATH(arena.take<float>("first", 1), "sealed_");
}

}  // namespace
}  // namespace shrike
