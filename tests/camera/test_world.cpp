#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <tuple>

#include "camera/synthetic/world.hpp"

namespace shrike::synthetic {
namespace {

World world_of(const std::string& spec) {
  const auto options = WorldOptions::parse(spec);
  EXPECT_TRUE(options) << spec;
  return World(*options);
}

std::string refusal(const std::string& spec) {
  const auto options = WorldOptions::parse(spec);
  return options ? "" : options.error().subject + " " + options.error().rule;
}

auto facts(const Visit& v) {
  return std::tuple(v.thing.index(), v.size, v.place, v.first_frame, v.last_frame, v.shown_from, v.shown_to);
}

int n_in_view(const World& world, int frame) {
  return static_cast<int>(
      std::count_if(world.visits().begin(), world.visits().end(),
                    [frame](const Visit& v) { return v.first_frame <= frame && frame <= v.last_frame; }));
}

TEST(WorldOptions, every_key_is_read) {
  const auto o = WorldOptions::parse(
      "seed=18446744073709551615,fps=29.97,frames=0,size=384x216,hold=20,shake=2,night=10,"
      "noise=0,blur=1");
  ASSERT_TRUE(o);
  EXPECT_EQ(o->seed, ~std::uint64_t{0});
  EXPECT_EQ(o->fps_milli, 29970);
  EXPECT_TRUE(o->fps_given);
  EXPECT_EQ(o->n_frames, 0);
  EXPECT_EQ(o->width, 384);
  EXPECT_EQ(o->height, 216);
  EXPECT_EQ(o->hold, 20);
  EXPECT_EQ(o->shake, 2);
  EXPECT_EQ(o->night_minutes, 10);
  EXPECT_EQ(o->noise, 0);
  EXPECT_EQ(o->blur, 1);
}

TEST(WorldOptions, nothing_said_is_the_default) {
  const auto o = WorldOptions::parse("");
  ASSERT_TRUE(o);
  EXPECT_EQ(o->n_frames, 64);
  EXPECT_EQ(o->width, 64);
  EXPECT_EQ(o->height, 64);
  EXPECT_EQ(o->fps(), 2.0);
  EXPECT_FALSE(o->fps_given);
  EXPECT_EQ(WorldOptions::parse("fps=0.5")->fps(), 0.5);
  EXPECT_EQ(WorldOptions::parse("size=32")->height, 32);
}

TEST(WorldOptions, a_bad_spec_is_refused_by_name) {
  EXPECT_EQ(
      refusal("sed=7"),
      "synthetic: sed=7 is unknown; there are seed, fps, frames, size, hold, shake, night, noise and blur");
  EXPECT_EQ(refusal("seed=1,seed=2"), "synthetic: seed=2 was given before");
  EXPECT_EQ(refusal("seed"), "synthetic: seed is no key=value");
  EXPECT_EQ(refusal("seed=1,,fps=2"), "synthetic:  is no key=value");
  EXPECT_EQ(refusal("fps=0"), "synthetic: fps=0 must be between 0.001 and 1000, with at most three decimals");
  for (const char* spec : {"seed=",
                           "seed=-1",
                           "seed=1x",
                           "seed=18446744073709551616",
                           "fps=",
                           "fps=-1",
                           "fps=1001",
                           "fps=1.",
                           "fps=0.0001",
                           "fps=1e3",
                           "fps=1.5x",
                           "fps=1.-5",
                           "frames=-1",
                           "frames=1000001",
                           "frames=9999999999",
                           "size=15",
                           "size=4097",
                           "size=64x",
                           "size=x64",
                           "size=64x64x64",
                           "size=64X64",
                           "hold=0",
                           "hold=1001",
                           "shake=5",
                           "night=-1",
                           "night=1441",
                           "noise=33",
                           "blur=5",
                           "blur=1 ",
                           "=",
                           "=1"})
    EXPECT_EQ(refusal(spec).rfind(std::string("synthetic: ") + spec + " ", 0), 0u)
        << spec << ": " << refusal(spec);
}

TEST(World, the_same_seed_tells_the_same_story) {
  const World a = world_of("seed=5,frames=300"), b = world_of("seed=5,frames=300"),
              c = world_of("seed=6,frames=300");
  ASSERT_EQ(a.visits().size(), b.visits().size());
  bool other = a.visits().size() != c.visits().size();
  for (std::size_t i = 0; i < a.visits().size(); ++i) {
    EXPECT_EQ(facts(a.visits()[i]), facts(b.visits()[i]));
    other = other || facts(a.visits()[i]) != facts(c.visits()[i]);
  }
  EXPECT_TRUE(other);
}

TEST(World, visits_keep_their_bounds) {
  for (int seed = 0; seed < 300; ++seed) {
    const World world = world_of("frames=200,seed=" + std::to_string(seed));
    int before = -1;
    for (const Visit& v : world.visits()) {
      EXPECT_GT(v.first_frame, before) << "arrivals ascend strictly";
      before = v.first_frame;
      const int n = v.last_frame - v.first_frame + 1;
      EXPECT_GE(n, 2);
      EXPECT_LE(n, 6);
      EXPECT_GE(v.first_frame, 0);
      EXPECT_LT(v.last_frame, 200);
      EXPECT_EQ(v.shown_from, v.first_frame);
      EXPECT_EQ(v.shown_to, v.last_frame);
    }
    for (int frame = 0; frame < 200; ++frame) EXPECT_LE(n_in_view(world, frame), 2);
  }
}

TEST(World, one_thing_is_usual_two_and_none_are_not_rare) {
  std::array<int, 3> n{};
  for (int seed = 0; seed < 200; ++seed) {
    const World world = world_of("seed=" + std::to_string(seed));
    for (int frame = 0; frame < 64; ++frame) ++n[static_cast<std::size_t>(n_in_view(world, frame))];
  }
  const double all = n[0] + n[1] + n[2];
  EXPECT_GT(n[1] / all, 0.5);
  EXPECT_GT(n[0] / all, 0.15);
  EXPECT_GT(n[2] / all, 0.05);
  EXPECT_LT(n[2] / all, 0.25);
}

TEST(World, all_things_places_and_sizes_come_and_some_come_again) {
  std::array<int, kThings> things{};
  std::array<int, kPlaces> places{};
  std::array<int, 2> sizes{};
  int n = 0, n_again = 0;
  for (int seed = 0; seed < 200; ++seed) {
    const World world = world_of("seed=" + std::to_string(seed));
    std::array<int, kThings> here{};
    for (const Visit& v : world.visits()) {
      const auto thing = static_cast<std::size_t>(v.thing.index());
      n_again += here[thing]++ > 0;
      ++n;
      ++things[thing];
      ++places[static_cast<std::size_t>(v.place)];
      ++sizes[static_cast<std::size_t>(v.size)];
    }
  }
  for (const int count : things) EXPECT_GT(count, n / kThings / 2);
  for (const int count : places) EXPECT_GT(count, n / kPlaces * 8 / 10);
  for (const int count : sizes) EXPECT_GT(count, n * 4 / 10);
  EXPECT_GT(n_again, n / 5);
  EXPECT_LT(n_again, n / 2);
}

TEST(World, a_thing_has_one_size) {
  for (int seed = 0; seed < 50; ++seed) {
    const World world = world_of("frames=500,seed=" + std::to_string(seed));
    for (const Visit& a : world.visits())
      for (const Visit& b : world.visits())
        if (a.thing == b.thing) {
          EXPECT_EQ(a.size, b.size);
        }
  }
}

TEST(World, something_was_never_seen_and_something_only_once_for_long) {
  const World world = world_of("frames=3000,seed=3");
  std::array<int, kThings> times{};
  for (const Visit& v : world.visits())
    if (v.last_frame < 300) ++times[static_cast<std::size_t>(v.thing.index())];
  EXPECT_GE(std::count(times.begin(), times.end(), 0), 8);
  EXPECT_GE(std::count(times.begin(), times.end(), 1), 5);
}

TEST(World, a_shorter_stream_is_the_beginning_of_a_longer_one) {
  const World longer = world_of("seed=9,frames=1000");
  for (int frames = 1; frames < 200; ++frames) {
    const World world = world_of("seed=9,frames=" + std::to_string(frames));
    ASSERT_LE(world.visits().size(), longer.visits().size());
    for (std::size_t i = 0; i < world.visits().size(); ++i) {
      const Visit &a = world.visits()[i], &b = longer.visits()[i];
      EXPECT_EQ(a.thing, b.thing);
      EXPECT_EQ(a.place, b.place);
      EXPECT_EQ(a.first_frame, b.first_frame);
      EXPECT_EQ(a.last_frame, std::min(b.last_frame, frames - 1));
    }
    if (world.visits().size() < longer.visits().size()) {
      EXPECT_GT(longer.visits()[world.visits().size()].first_frame, frames - 2);
    }
  }
}

TEST(World, holding_keeps_the_story_and_adds_ways_in_and_out) {
  const World once = world_of("seed=4,frames=100"), held = world_of("seed=4,frames=1000,hold=10");
  ASSERT_EQ(once.visits().size(), held.visits().size());
  int n_ways = 0;
  for (std::size_t i = 0; i < once.visits().size(); ++i) {
    const Visit &a = once.visits()[i], &b = held.visits()[i];
    EXPECT_EQ(a.thing, b.thing);
    EXPECT_EQ(a.place, b.place);
    EXPECT_LE(b.first_frame, a.first_frame * 10);
    EXPECT_GT(b.first_frame, a.first_frame * 10 - 10);
    EXPECT_GE(b.last_frame, a.last_frame * 10);
    EXPECT_LT(b.last_frame, a.last_frame * 10 + 10);
    EXPECT_LE(b.shown_from, b.first_frame);
    EXPECT_GE(b.shown_to, b.last_frame);
    n_ways += (b.shown_from < b.first_frame) + (b.shown_to > b.last_frame);
  }
  EXPECT_GT(n_ways, static_cast<int>(once.visits().size()));
}

TEST(World, what_is_in_view_is_fully_inside_however_it_shakes) {
  for (const char* spec : {"seed=1,frames=500", "seed=2,frames=500,hold=7", "seed=3,frames=500,shake=4",
                           "seed=4,frames=500,size=160x90,shake=2,hold=3"}) {
    const World world = world_of(spec);
    for (int frame = 0; frame < 500; ++frame) {
      std::array<Sprite, kSpritesMax> sprites;
      const int n = world.sprites(frame, sprites);
      const Point shift = world.shift(frame);
      int n_inside = 0;
      for (int i = 0; i < n; ++i) {
        const Sprite& s = sprites[static_cast<std::size_t>(i)];
        const int x = s.at.x + shift.x, y = s.at.y + shift.y;
        n_inside += x - s.radius >= 0 && x + s.radius <= world.view().width && y - s.radius >= 0 &&
                    y + s.radius <= world.view().height;
      }
      EXPECT_GE(n_inside, n_in_view(world, frame)) << spec << " frame " << frame;
      EXPECT_GE(n, n_in_view(world, frame));
      EXPECT_LE(std::abs(shift.x), world.view().shake);
      EXPECT_LE(std::abs(shift.y), world.view().shake);
    }
  }
}

TEST(World, a_place_is_where_the_thing_is) {
  for (int seed = 0; seed < 100; ++seed) {
    const World world = world_of("shake=4,seed=" + std::to_string(seed));
    for (const Visit& v : world.visits())
      for (int frame = v.first_frame; frame <= v.last_frame; ++frame) {
        if (n_in_view(world, frame) != 1) continue;
        std::array<Sprite, kSpritesMax> sprites;
        ASSERT_EQ(world.sprites(frame, sprites), 1);
        const auto third = [](int at) { return at < kUnit * 36 / 100 ? 0 : at > kUnit * 64 / 100 ? 2 : 1; };
        EXPECT_EQ(third(sprites[0].at.y) * 3 + third(sprites[0].at.x), static_cast<int>(v.place));
      }
  }
}

TEST(World, without_end_the_story_comes_again) {
  const World world = world_of("frames=0,seed=8");
  EXPECT_EQ(world.n_frames(), kStoryBeats);
  EXPECT_GT(world.visits().size(), 1000u);
  EXPECT_LT(world.visits().back().shown_to, kStoryBeats - 1);
  for (const std::int64_t frame : {0, 10, 1000, kStoryBeats - 1}) {
    std::array<Sprite, kSpritesMax> a, b;
    const int n = world.sprites(frame, a);
    ASSERT_EQ(n, world.sprites(frame + std::int64_t{kStoryBeats} * 1000, b));
    for (int i = 0; i < n; ++i)
      EXPECT_EQ(a[static_cast<std::size_t>(i)].at.x, b[static_cast<std::size_t>(i)].at.x);
  }
}

TEST(World, time_is_exact) {
  const World world = world_of("fps=29.97,frames=0");
  EXPECT_EQ(world.seconds(0), 0.0);
  EXPECT_DOUBLE_EQ(world.seconds(2997), 100.0);
  EXPECT_EQ(world.milliseconds(2997), 100'000);
  EXPECT_EQ(world.milliseconds(1), 33);
}

}  // namespace
}  // namespace shrike::synthetic
