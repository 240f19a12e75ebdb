#include "camera/synthetic/path.hpp"

#include <algorithm>
#include <cstdlib>

#include "camera/synthetic/outline.hpp"
#include "camera/synthetic/random.hpp"

namespace shrike::synthetic {
namespace {

constexpr int kStep = kUnit * 6 / 100;    // towards a side, of the first and the last beat
constexpr int kWobble = kUnit * 1 / 100;  // of the beats between them
constexpr int kHiddenPercentMax = 20;     // as measured here, now and then; a quarter in truth
constexpr int kGrid = 24;                 // points across a thing, to measure how much of it is hidden
constexpr int kLooksPerBeat = 8;          // at two things passing each other
constexpr int kMargin = kUnit / 32;       // beyond the frame, for soft edges

Point kept_inside(const View& view, Point p, int radius) noexcept {
  const int margin = radius + view.shake;
  return {std::clamp(p.x, margin, view.width - margin), std::clamp(p.y, margin, view.height - margin)};
}

Point moved(Point p, Path::Side side, int by) noexcept {
  switch (side) {
    case Path::Side::left:
      return {p.x - by, p.y};
    case Path::Side::right:
      return {p.x + by, p.y};
    case Path::Side::top:
      return {p.x, p.y - by};
    case Path::Side::bottom:
      return {p.x, p.y + by};
    case Path::Side::none:
      break;
  }
  return p;
}

// Just outside on that side.
Point outside(const View& view, Point p, Path::Side side, int radius) noexcept {
  const int away = radius + view.shake + kMargin;
  switch (side) {
    case Path::Side::left:
      return {-away, p.y};
    case Path::Side::right:
      return {view.width + away, p.y};
    case Path::Side::top:
      return {p.x, -away};
    case Path::Side::bottom:
      return {p.x, view.height + away};
    case Path::Side::none:
      break;
  }
  return p;
}

int percent_hidden(const View& view, const Path& front, const Path& behind, std::int64_t time) noexcept {
  const Point f = front.at(view, time), b = behind.at(view, time);
  int n = 0, n_hidden = 0;
  for (int row = 0; row < kGrid; ++row)
    for (int column = 0; column < kGrid; ++column) {
      const int x = (2 * column + 1 - kGrid) * kRadius / kGrid, y = (2 * row + 1 - kGrid) * kRadius / kGrid;
      if (distance(behind.shape, x, y) > 0) continue;
      ++n;
      const std::int64_t wx = b.x - f.x + std::int64_t{x} * behind.radius / kRadius;
      const std::int64_t wy = b.y - f.y + std::int64_t{y} * behind.radius / kRadius;
      n_hidden += distance(front.shape, static_cast<int>(wx * kRadius / front.radius),
                           static_cast<int>(wy * kRadius / front.radius)) <= 0;
    }
  return n_hidden * 100 / n;
}

}  // namespace

Point middle_of(const View& view, Place place, int radius) noexcept {
  const int column = static_cast<int>(place) % 3, row = static_cast<int>(place) / 3;
  const auto share = [](int extent, int third) {
    return static_cast<int>(std::int64_t{extent} * (20 + 30 * third) / 100);
  };
  return kept_inside(view, {share(view.width, column), share(view.height, row)}, radius);
}

Point Path::stop(const View& view, int beat) const noexcept {
  if (beat < first) return outside(view, place, from, radius);
  if (beat > last) return outside(view, place, to, radius);
  if (beat == first && from != Side::none) return kept_inside(view, moved(place, from, kStep), radius);
  if (beat == last && to != Side::none) return kept_inside(view, moved(place, to, kStep), radius);
  Random random(seed, static_cast<std::uint64_t>(beat));
  return kept_inside(
      view, {place.x + random.between(-kWobble, kWobble), place.y + random.between(-kWobble, kWobble)},
      radius);
}

Point Path::at(const View& view, std::int64_t time) const noexcept {
  const int beat = static_cast<int>(time >> 16);
  const std::int64_t part = time & (kBeat - 1);
  const Point a = stop(view, beat);
  if (part == 0) return a;
  const Point b = stop(view, beat + 1);
  return {a.x + static_cast<int>((b.x - a.x) * part >> 16), a.y + static_cast<int>((b.y - a.y) * part >> 16)};
}

bool Path::shows(const View& view, std::int64_t time) const noexcept {
  const std::int64_t begin = std::int64_t{first} * kBeat, end = std::int64_t{last} * kBeat;
  if (time < begin && (from == Side::none || time <= begin - kBeat)) return false;
  if (time > end && (to == Side::none || time >= end + kBeat)) return false;
  const Point p = at(view, time);
  const int reach = radius + view.shake + kMargin;
  return p.x > -reach && p.x < view.width + reach && p.y > -reach && p.y < view.height + reach;
}

bool Path::inside(const View& view, std::int64_t time) const noexcept {
  if (!shows(view, time)) return false;
  const Point p = at(view, time), q = kept_inside(view, p, radius);
  return p.x == q.x && p.y == q.y;
}

bool leaves_visible(const View& view, const Path& front, const Path& behind) noexcept {
  const std::int64_t begin = std::int64_t{std::max(front.first, behind.first) - 1} * kBeat;
  const std::int64_t end = std::int64_t{std::min(front.last, behind.last) + 1} * kBeat;
  for (std::int64_t time = begin; time <= end; time += kBeat / kLooksPerBeat)
    if (front.shows(view, time) && behind.shows(view, time) &&
        percent_hidden(view, front, behind, time) > kHiddenPercentMax)
      return false;
  return true;
}

}  // namespace shrike::synthetic
