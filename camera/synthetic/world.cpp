#include "camera/synthetic/world.hpp"

#include <algorithm>
#include <array>

#include "camera/synthetic/random.hpp"

namespace shrike::synthetic {
namespace {

constexpr int kRadiusSmall = kUnit * 7 / 64;
constexpr int kRadiusLarge = kUnit * 11 / 64;
constexpr int kJitter = kUnit * 2 / 100;  // of a place's middle
constexpr int kTint = 10;                 // of a colour, each channel
constexpr int kStayMin = 2, kStayMax = 6;
constexpr int kPairPercent = 30;    // of those visits beside which there is room for a second
constexpr int kTries = 12;          // to find a way that hides nothing
constexpr int kThingsSeenMax = 40;  // so that there is always something that was never seen
constexpr int kActiveMax = 8;       // visits that begin after one that may still show

// Streams of random numbers that one seed gives.
enum Stream : std::uint64_t { kStory, kSizes, kShake };

// Who comes next: something new, less and less often, or somebody known, above all those who came again before.
class Cast {
 public:
  explicit Cast(std::uint64_t seed) : sizes_(Random(seed, kSizes).next()) {}

  Size size(Thing thing) const noexcept { return static_cast<Size>(sizes_ >> thing.index() & 1u); }

  Thing next(Random& random) noexcept {
    const int percent_new = std::max(5, 75 - n_seen_ * 7 / 4);
    const bool known = n_seen_ > 2 && (n_seen_ == kThingsSeenMax || !random.chance(percent_new));
    const int index = known ? draw_known(random) : draw(random, 0, 0);
    n_seen_ += count_[static_cast<std::size_t>(index)]++ == 0;
    last_[0] = last_[1];
    last_[1] = index;
    return Thing::of(index);
  }

 private:
  int draw_known(Random& random) noexcept {
    const int index = random.chance(50) ? draw(random, 2, kKnownMax) : -1;
    return index >= 0 ? index : draw(random, 1, kKnownMax);
  }
  // One of those that came so often, but not the last two; -1: there is none.
  int draw(Random& random, int low, int high) noexcept {
    std::array<int, kThings> fit;
    int n = 0;
    for (int i = 0; i < kThings; ++i) {
      const int count = count_[static_cast<std::size_t>(i)];
      if (count >= low && count <= high && i != last_[0] && i != last_[1])
        fit[static_cast<std::size_t>(n++)] = i;
    }
    return n == 0 ? -1 : fit[static_cast<std::size_t>(random.below(n))];
  }

  static constexpr int kKnownMax = 1 << 30;
  std::uint64_t sizes_;
  std::array<int, kThings> count_{};
  std::array<int, 2> last_{-1, -1};
  int n_seen_ = 0;
};

Path::Side draw_side(Random& random) { return static_cast<Path::Side>(random.below(5)); }

// Where it stays and how it gets there and away.
Place lead(Random& random, const View& view, Path& path) {
  const auto place = static_cast<Place>(random.below(kPlaces));
  const Point middle = middle_of(view, place, path.radius);
  const int margin = path.radius + view.shake;
  path.place.x = std::clamp(middle.x + random.between(-kJitter, kJitter), margin, view.width - margin);
  path.place.y = std::clamp(middle.y + random.between(-kJitter, kJitter), margin, view.height - margin);
  path.from = draw_side(random);
  path.to = draw_side(random);
  return place;
}

Rgb tinted(Random& random, Colour colour) {
  Rgb tint = rgb(colour);
  for (std::uint8_t& channel : tint)
    channel = static_cast<std::uint8_t>(std::clamp(channel + random.between(-kTint, kTint), 0, 255));
  return tint;
}

int draw_gap(Random& random) {
  constexpr std::array<int, 10> kGaps = {0, 0, 1, 1, 1, 1, 2, 2, 2, 3};
  return kGaps[static_cast<std::size_t>(random.below(kGaps.size()))];
}

}  // namespace

World::World(const WorldOptions& options) : options_(options) {
  const int shorter = std::min(options.width, options.height);
  view_.width = static_cast<int>(std::int64_t{options.width} * kUnit / shorter);
  view_.height = static_cast<int>(std::int64_t{options.height} * kUnit / shorter);
  view_.shake = options.shake * (kUnit / 64);
  n_frames_ = options.n_frames > 0 ? options.n_frames : kStoryBeats * options.hold;
  tell();
}

// Each visit draws from a stream of its own, so that what one needs never changes the next.
void World::tell() {
  const int n_beats = (n_frames_ + options_.hold - 1) / options_.hold;
  const int start_max = n_beats - (options_.n_frames > 0 ? kStayMin : kStayMax + 2);
  Cast cast(options_.seed);
  Path late;  // whoever stays longest of those that came
  late.last = -1;
  for (int beat = Random(options_.seed, kStory).below(3); beat <= start_max;) {
    Random random(mix(options_.seed) + paths_.size(), kStory);
    Path path;
    path.first = beat;
    path.last = beat + random.between(kStayMin, kStayMax) - 1;
    path.seed = random.next();
    Visit visit;
    visit.thing = cast.next(random);
    visit.size = cast.size(visit.thing);
    path.shape = visit.thing.shape;
    path.radius = visit.size == Size::small ? kRadiusSmall : kRadiusLarge;
    place(random, path, visit, late.last);
    if (path.first > start_max) break;
    add(path, visit, tinted(random, visit.thing.colour));

    // A second beside the later one of the two, once the other is gone.
    const int alone_from = std::max(std::min(path.last, late.last), path.first) + 1;
    const bool pair = path.last > late.last && alone_from <= path.last && random.chance(kPairPercent);
    if (path.last > late.last) late = path;
    beat = pair ? random.between(alone_from, path.last) : late.last + 1 + draw_gap(random);
  }
}

// Where it stays and how it comes and goes: such that it hides nothing that is there, else later.
void World::place(Random& random, Path& path, Visit& visit, int last_of_others) const {
  for (int i = 0; i < kTries; ++i) {
    visit.place = lead(random, view_, path);
    if (fits(path, visit)) return;
  }
  const int later = last_of_others + 1 - path.first;
  path.first += later;
  path.last += later;
  path.from = Path::Side::none;
}

bool World::fits(const Path& path, const Visit& visit) const {
  const std::size_t n = paths_.size();
  for (std::size_t i = n - std::min<std::size_t>(n, 3); i < n; ++i) {
    if (paths_[i].last >= path.first && visits_[i].place == visit.place) return false;
    if (!leaves_visible(view_, path, paths_[i])) return false;
  }
  return true;
}

void World::add(const Path& path, Visit visit, Rgb tint) {
  const auto inside = [&](int frame) { return path.inside(view_, time_of(frame)); };
  const auto shows = [&](int frame) { return path.shows(view_, time_of(frame)); };
  const int first = path.first * options_.hold, last = std::min(path.last * options_.hold, n_frames_ - 1);
  visit.first_frame = first;
  while (visit.first_frame > 0 && inside(visit.first_frame - 1)) --visit.first_frame;
  visit.shown_from = visit.first_frame;
  while (visit.shown_from > 0 && shows(visit.shown_from - 1)) --visit.shown_from;
  visit.last_frame = last;
  while (visit.last_frame + 1 < n_frames_ && inside(visit.last_frame + 1)) ++visit.last_frame;
  visit.shown_to = visit.last_frame;
  while (visit.shown_to + 1 < n_frames_ && shows(visit.shown_to + 1)) ++visit.shown_to;
  visits_.push_back(visit);
  paths_.push_back(path);
  tints_.push_back(tint);
}

double World::seconds(std::int64_t frame) const noexcept {
  return static_cast<double>(frame) * 1000 / static_cast<double>(options_.fps_milli);
}

int World::sprites(std::int64_t frame, std::span<Sprite, kSpritesMax> out) const noexcept {
  const int k = static_cast<int>(frame % n_frames_);
  const auto behind = std::upper_bound(visits_.begin(), visits_.end(), k,
                                       [](int f, const Visit& visit) { return f < visit.first_frame; });
  // One more may be on its way in, and only the last few can still be there.
  const int end = std::min(static_cast<int>(behind - visits_.begin()) + 2, static_cast<int>(visits_.size()));
  int n = 0;
  for (int i = std::max(0, end - kActiveMax); i < end && n < kSpritesMax; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Visit& visit = visits_[at];
    if (k < visit.shown_from || k > visit.shown_to) continue;
    const Path& path = paths_[at];
    out[static_cast<std::size_t>(n++)] = {path.shape, tints_[at], path.at(view_, time_of(k)), path.radius};
  }
  return n;
}

Point World::shift(std::int64_t frame) const noexcept {
  if (view_.shake == 0) return {};
  Random random(mix(options_.seed) + static_cast<std::uint64_t>(frame), kShake);
  return {random.between(-view_.shake, view_.shake), random.between(-view_.shake, view_.shake)};
}

}  // namespace shrike::synthetic
