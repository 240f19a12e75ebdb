#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "camera/synthetic/path.hpp"
#include "camera/synthetic/random.hpp"
#include "camera/synthetic/thing.hpp"
#include "camera/synthetic/world_options.hpp"

namespace shrike::synthetic {

// One thing's stay. `first_frame` to `last_frame` is when it is in view in the strict sense: fully inside the
// frame and at most a quarter hidden. From `shown_from` to `shown_to` any part of it may be seen; with hold=1
// the two are the same.
struct Visit {
  Thing thing;
  Size size = Size::small;
  Place place = Place::middle;
  int first_frame = 0, last_frame = 0;
  int shown_from = 0, shown_to = 0;
};

// What is to be drawn, back to front; lengths in units.
struct Sprite {
  Shape shape = Shape::circle;
  Rgb colour{};
  Point at;
  int radius = 0;
};
inline constexpr int kSpritesMax = 4;  // two in view, and one on its way in and out each

inline constexpr int kStoryBeats = 7200;  // of a stream without end: four hours at half a beat a second

// A seeded little world and its whole story, known before the first frame.
//
// Story    things come one after another, stay 2 to 6 beats at one of nine places, and go; about a fifth of them
//          come while the one before is still there, never a third; some come again. A beat is `hold` frames
// Order    visits ascend by first_frame, no two begin together; the later one is in front
// For ever frames=0 tells a story of kStoryBeats beats again and again; visits() is one round of it
// Memory   the story, in the constructor; nothing later allocates
// Same     for the same options on every machine. The story hangs on seed, shake and the frame's proportions
//          alone, and that of a shorter stream is the beginning of a longer one's
class World {
 public:
  explicit World(const WorldOptions& options);

  const WorldOptions& options() const noexcept { return options_; }
  const View& view() const noexcept { return view_; }
  std::span<const Visit> visits() const noexcept { return visits_; }
  int n_frames() const noexcept { return n_frames_; }  // of the story, also when it goes on for ever
  double seconds(std::int64_t frame) const noexcept;
  std::int64_t milliseconds(std::int64_t frame) const noexcept {
    return frame * 1'000'000 / options_.fps_milli;
  }

  // What shows in frame k, back to front; how many.
  [[nodiscard]] int sprites(std::int64_t frame, std::span<Sprite, kSpritesMax> out) const noexcept;
  // How far the view of frame k is off, in units, at most view().shake each way.
  [[nodiscard]] Point shift(std::int64_t frame) const noexcept;

 private:
  void tell();
  void place(Random& random, Path& path, Visit& visit, int last_of_others) const;
  bool fits(const Path& path, const Visit& visit) const;
  void add(const Path& path, Visit visit, Rgb tint);
  std::int64_t time_of(std::int64_t frame) const noexcept { return frame * kBeat / options_.hold; }

  WorldOptions options_;
  View view_;
  int n_frames_ = 0;
  std::vector<Visit> visits_;
  std::vector<Path> paths_;  // of the visits
  std::vector<Rgb> tints_;   // of the visits
};

}  // namespace shrike::synthetic
