#include "camera/synthetic/questions.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "camera/synthetic/random.hpp"
#include "platform/check.hpp"

namespace shrike::synthetic {
namespace {

constexpr int kCountMax = 4;         // that "how many" asks for
constexpr int kNothingPercent = 15;  // of what came before or after, where it can be
constexpr const char* kNothing = "nothing";

// The story as far as it was seen.
struct Past {
  const World& world;
  int cut;
  std::span<const Visit> visits;  // begun, in order of arrival
  std::array<int, kThings> count{};

  Past(const World& w, int c) : world(w), cut(c) {
    std::size_t n = 0;
    while (n < w.visits().size() && w.visits()[n].first_frame <= c) ++n;
    visits = w.visits().first(n);
    for (const Visit& visit : visits) ++count[static_cast<std::size_t>(visit.thing.index())];
  }

  int n() const { return static_cast<int>(visits.size()); }
  const Visit& visit(int i) const { return visits[static_cast<std::size_t>(i)]; }
  int times(Thing thing) const { return count[static_cast<std::size_t>(thing.index())]; }
  bool gone(int i) const { return visit(i).last_frame < cut; }
  int age(int i) const { return std::max(0, cut - visit(i).last_frame); }
  std::string a_thing(int i) const { return with_article(name(visit(i).thing)); }
  std::string the_thing(int i) const { return "the " + name(visit(i).thing); }
  // No later visit of what `same` says is the same.
  template <class Same>
  bool latest(int i, Same&& same) const {
    return std::none_of(visits.begin() + i + 1, visits.end(),
                        [&](const Visit& later) { return same(later, visit(i)); });
  }
  bool latest(int i) const {
    return latest(i, [](const Visit& a, const Visit& b) { return a.thing == b.thing; });
  }
  std::string clock(int frame) const {
    const auto seconds = static_cast<int>(world.milliseconds(frame) / 1000);
    char text[16];
    std::snprintf(text, sizeof(text), "%02d:%02d", seconds / 60, seconds % 60);
    return text;
  }

  // Of the visits that `fits` accepts one, as often a recent as an old one.
  template <class Fits>
  std::optional<int> pick(Random& random, Fits&& fits) const {
    std::vector<int> recent, old;
    for (int i = 0; i < n(); ++i)
      if (fits(i)) (2 * age(i) < cut ? recent : old).push_back(i);
    if (recent.empty() && old.empty()) return std::nullopt;
    const bool take_old = recent.empty() || (!old.empty() && random.chance(50));
    const std::vector<int>& from = take_old ? old : recent;
    return from[static_cast<std::size_t>(random.below(static_cast<int>(from.size())))];
  }
};

// What goes into the words of a question, and what comes out.
struct Draft {
  std::string what, answer;
  int age = -1;
};
using Drafted = std::optional<Draft>;

Drafted draft_now(const Past& past, Random&) {
  std::string answer;
  for (int i = 0; i < past.n(); ++i)
    if (!past.gone(i)) answer += (answer.empty() ? "" : " and ") + past.a_thing(i);
  const bool empty = answer.empty();
  return Draft{"", empty ? kNothing : answer, empty ? -1 : 0};
}

Drafted draft_first(const Past& past, Random&) {
  if (past.n() == 0) return std::nullopt;
  return Draft{"", past.a_thing(0), past.age(0)};
}

Drafted draft_last(const Past& past, Random&) {
  int last = -1;
  bool alone = false;
  for (int i = 0; i < past.n(); ++i) {
    if (!past.gone(i) || (last >= 0 && past.visit(i).last_frame < past.visit(last).last_frame)) continue;
    alone = last < 0 || past.visit(i).last_frame > past.visit(last).last_frame;
    last = i;
  }
  if (last < 0 || !alone) return std::nullopt;
  return Draft{"", past.a_thing(last), past.age(last)};
}

bool once(const Past& past, int i) { return past.times(past.visit(i).thing) == 1; }

// "Nothing" was before the first thing and after the latest: asked now and then, where there is a choice too.
std::optional<int> pick_beside(const Past& past, Random& random, int alone) {
  if (past.n() < 2) return std::nullopt;
  if (once(past, alone) && random.chance(kNothingPercent)) return alone;
  return past.pick(random, [&](int i) { return i != alone && once(past, i); });
}

Drafted draft_before(const Past& past, Random& random) {
  const auto i = pick_beside(past, random, 0);
  if (!i) return std::nullopt;
  if (*i == 0) return Draft{past.the_thing(0), kNothing, past.age(0)};
  return Draft{past.the_thing(*i), past.a_thing(*i - 1), std::max(past.age(*i), past.age(*i - 1))};
}

Drafted draft_after(const Past& past, Random& random) {
  const auto i = pick_beside(past, random, past.n() - 1);
  if (!i) return std::nullopt;
  if (*i == past.n() - 1) return Draft{past.the_thing(*i), kNothing, past.age(*i)};
  return Draft{past.the_thing(*i), past.a_thing(*i + 1), std::max(past.age(*i), past.age(*i + 1))};
}

// Something that never came, half of the time like something that did.
Thing draw_unseen(const Past& past, Random& random) {
  std::vector<Thing> alike, other;
  for (int i = 0; i < kThings; ++i) {
    const Thing thing = Thing::of(i);
    if (past.times(thing) > 0) continue;
    const bool known = std::any_of(past.visits.begin(), past.visits.end(), [&](const Visit& visit) {
      return visit.thing.shape == thing.shape || visit.thing.colour == thing.colour;
    });
    (known ? alike : other).push_back(thing);
  }
  const bool take_alike = other.empty() || (!alike.empty() && random.chance(50));
  const std::vector<Thing>& from = take_alike ? alike : other;
  SHRIKE_CHECK(!from.empty());  // no story shows all there is
  return from[static_cast<std::size_t>(random.below(static_cast<int>(from.size())))];
}

Drafted draft_seen(const Past& past, Random& random) {
  if (past.n() == 0) return std::nullopt;
  if (random.chance(50)) return Draft{with_article(name(draw_unseen(past, random))), "no"};
  const int i = *past.pick(random, [&](int at) { return past.latest(at); });
  return Draft{past.a_thing(i), "yes", past.age(i)};
}

// First how many it shall be, then of what: so that the numbers are equally frequent as far as they can be.
Drafted draft_count(const Past& past, Random& random) {
  std::array<std::vector<int>, kCountMax + 1> by_count;  // shapes, then colours
  std::array<int, kShapes + kColours> counts{}, ages;
  ages.fill(-1);
  for (int i = 0; i < past.n(); ++i) {
    const Thing thing = past.visit(i).thing;
    for (const int what : {static_cast<int>(thing.shape), kShapes + static_cast<int>(thing.colour)}) {
      ++counts[static_cast<std::size_t>(what)];
      int& age = ages[static_cast<std::size_t>(what)];
      age = std::max(age, past.age(i));
    }
  }
  for (std::size_t what = 0; what < counts.size(); ++what)
    if (counts[what] <= kCountMax)
      by_count[static_cast<std::size_t>(counts[what])].push_back(static_cast<int>(what));
  std::vector<std::size_t> there;
  for (std::size_t count = 0; count < by_count.size(); ++count)
    if (!by_count[count].empty()) there.push_back(count);
  if (there.empty()) return std::nullopt;
  const std::size_t count = there[static_cast<std::size_t>(random.below(static_cast<int>(there.size())))];
  const int what =
      by_count[count][static_cast<std::size_t>(random.below(static_cast<int>(by_count[count].size())))];
  const std::string words = what < kShapes
                                ? plural(static_cast<Shape>(what))
                                : word(static_cast<Colour>(what - kShapes)) + std::string(" things");
  return Draft{words, std::to_string(count), ages[static_cast<std::size_t>(what)]};
}

Drafted draft_colour(const Past& past, Random& random) {
  const auto same_shape = [](const Visit& a, const Visit& b) { return a.thing.shape == b.thing.shape; };
  const auto i = past.pick(random, [&](int at) {
    const Thing thing = past.visit(at).thing;
    const bool only = std::all_of(past.visits.begin(), past.visits.end(), [&](const Visit& visit) {
      return visit.thing.shape != thing.shape || visit.thing.colour == thing.colour;
    });
    return only && past.latest(at, same_shape);
  });
  if (!i) return std::nullopt;
  const Thing thing = past.visit(*i).thing;
  return Draft{std::string("the ") + word(thing.shape), word(thing.colour), past.age(*i)};
}

Drafted draft_when(const Past& past, Random& random) {
  const auto i = past.pick(random, [&](int at) { return once(past, at); });
  if (!i) return std::nullopt;
  return Draft{past.the_thing(*i), past.clock(past.visit(*i).first_frame), past.age(*i)};
}

Drafted draft_where(const Past& past, Random& random) {
  const auto i = past.pick(random, [&](int at) { return past.latest(at); });
  if (!i) return std::nullopt;
  return Draft{past.the_thing(*i), word(past.visit(*i).place), past.age(*i)};
}

// A coming is seen in the first frame of a visit, a going in the one behind its last.
struct Change {
  int frame, visit;
  bool came;
};

std::vector<Change> changes_of(const Past& past) {  // the latest first
  std::vector<Change> changes;
  for (int i = 0; i < past.n(); ++i) {
    if (past.visit(i).first_frame > 0) changes.push_back({past.visit(i).first_frame, i, true});
    if (past.gone(i)) changes.push_back({past.visit(i).last_frame + 1, i, false});
  }
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.frame > b.frame; });
  return changes;
}

// Frames are told by their stamps, so only the last frame of a stamp can be a time to compare with.
Drafted draft_changed(const Past& past, Random& random) {
  const std::vector<Change> changes = changes_of(past);
  std::array<std::vector<int>, 2> since;  // with no change after it, with one
  std::size_t n = 0;
  for (int frame = past.cut - 1; frame >= 0; --frame) {
    while (n < changes.size() && changes[n].frame > frame) ++n;
    if (n > 1) break;
    if (past.clock(frame) != past.clock(frame + 1)) since[n].push_back(frame);
  }
  const bool both = !since[0].empty() && !since[1].empty();
  const std::size_t which = both ? random.below(3) > 0 : since[0].empty();
  const std::vector<int>& from = since[which];
  if (from.empty()) return std::nullopt;
  const std::string time =
      past.clock(from[static_cast<std::size_t>(random.below(static_cast<int>(from.size())))]);
  if (which == 0) return Draft{time, kNothing};
  const Change& change = changes.front();
  return Draft{time, past.a_thing(change.visit) + (change.came ? " came" : " left"), past.age(change.visit)};
}

Drafted draft_came_back(const Past& past, Random& random) {
  // The last visit but one of what came again; the only one, now over, of what did not.
  const auto again = [&](int at) {
    if (past.latest(at)) return false;
    const auto later = past.visits.subspan(static_cast<std::size_t>(at) + 1);
    return std::count_if(later.begin(), later.end(),
                         [&](const Visit& visit) { return visit.thing == past.visit(at).thing; }) == 1;
  };
  const auto yes = past.pick(random, again);
  const auto no = past.pick(random, [&](int at) { return once(past, at) && past.gone(at); });
  if (!yes || !no) return std::nullopt;
  const bool back = random.chance(50);
  const int i = back ? *yes : *no;
  return Draft{past.the_thing(i), back ? "yes" : "no", past.age(i)};
}

// One kind of question. '%' in its words stands for what is asked about.
struct Row {
  const char* name;
  int chance_percent;
  Drafted (*draft)(const Past&, Random&);
  std::array<std::string_view, 5> words;  // the last ones may be empty
};

constexpr std::array<Row, kKinds> kRows = {{
    {"now",
     25,
     draft_now,
     {"What is in view now?", "What do you see now?", "What is there right now?",
      "What can you see at the moment?"}},
    {"first",
     5,
     draft_first,
     {"What was the first thing you saw?", "What did you see first?", "Which thing came first?",
      "What came before everything else?"}},
    {"last",
     5,
     draft_last,
     {"What was the last thing that left?", "Which thing left last?", "What went away last?",
      "What was the last thing to go?"}},
    {"before",
     15,
     draft_before,
     {"What came right before %?", "What did you see right before %?", "What was the thing just before %?",
      "Which thing came before %?"}},
    {"after",
     15,
     draft_after,
     {"What came right after %?", "What did you see right after %?", "What was the next thing after %?",
      "Which thing came after %?"}},
    {"seen",
     50,
     draft_seen,
     {"Have you seen %?", "Did you see %?", "Did % come by?", "Was there %?", "Has there been %?"}},
    {"count",
     35,
     draft_count,
     {"How many % have you seen?", "How many % came by?", "How many % were there?", "Count the % you saw."}},
    {"colour",
     15,
     draft_colour,
     {"What colour was %?", "Which colour did % have?", "What was the colour of %?",
      "Of which colour was %?"}},
    {"when",
     10,
     draft_when,
     {"When did % appear?", "When did % come?", "At what time did you first see %?",
      "When did you first see %?"}},
    {"where",
     15,
     draft_where,
     {"Where was %?", "Where did you see %?", "Where did you last see %?", "In which place was %?"}},
    {"changed",
     30,
     draft_changed,
     {"What changed since %?", "What has changed since %?", "What came or left after %?",
      "What happened after %?"}},
    {"came_back",
     50,
     draft_came_back,
     {"Did % come back?", "Has % come back?", "Did % come again?", "Was % here more than once?"}},
}};

const Row& row_of(Kind kind) noexcept { return kRows[static_cast<std::size_t>(kind)]; }

std::string phrased(const Row& row, int which, const std::string& what) {
  std::string text(row.words[static_cast<std::size_t>(which)]);
  if (const std::size_t at = text.find('%'); at != text.npos) text.replace(at, 1, what);
  return text;
}

bool half_in_view(const World& world, int cut) {
  const auto visits = world.visits();
  return std::any_of(visits.begin(), visits.end(), [cut](const Visit& visit) {
    return (visit.shown_from <= cut && cut < visit.first_frame) ||
           (visit.last_frame < cut && cut <= visit.shown_to);
  });
}

std::array<Kind, kKinds> shuffled_kinds(Random& random) {
  std::array<Kind, kKinds> kinds;
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = static_cast<Kind>(i);
  for (std::size_t i = kinds.size(); i > 1; --i)
    std::swap(kinds[i - 1], kinds[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
  return kinds;
}

}  // namespace

const char* word(Kind kind) noexcept { return row_of(kind).name; }
int chance_percent(Kind kind) noexcept { return row_of(kind).chance_percent; }
int n_paraphrases(Kind kind) noexcept {
  const auto& words = row_of(kind).words;
  return static_cast<int>(std::count_if(words.begin(), words.end(), [](auto text) { return !text.empty(); }));
}

std::vector<Question> ask_about(const World& world, int cut, int n, std::uint64_t seed) {
  std::vector<Question> questions;
  if (cut < 0 || cut >= world.n_frames() || half_in_view(world, cut)) return questions;
  const Past past(world, cut);
  Random random(mix(seed) + static_cast<std::uint64_t>(cut), world.options().seed);
  const std::array<Kind, kKinds> kinds = shuffled_kinds(random);
  const auto full = [&] { return n > 0 && static_cast<int>(questions.size()) >= n; };
  for (bool more = true; more && !full();) {
    more = false;
    for (const Kind kind : kinds) {
      if (full()) break;
      const Drafted draft = row_of(kind).draft(past, random);
      if (!draft) continue;
      std::string text = phrased(row_of(kind), random.below(n_paraphrases(kind)), draft->what);
      if (std::any_of(questions.begin(), questions.end(), [&](const Question& q) { return q.text == text; }))
        continue;
      questions.push_back({kind, cut, std::move(text), draft->answer, draft->age});
      more = n > 0;
    }
  }
  return questions;
}

}  // namespace shrike::synthetic
