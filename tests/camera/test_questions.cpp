#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "camera/synthetic/questions.hpp"
#include "tests/support/machine.hpp"

namespace shrike::synthetic {
namespace {

World world_of(const std::string& spec) {
  const auto options = WorldOptions::parse(spec);
  EXPECT_TRUE(options) << spec;
  return World(*options);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// An answer worked out the slow way: frame by frame, from what is in view in each, and from the words of the
// question alone.
class Oracle {
 public:
  Oracle(const World& world, const Question& question)
      : world_(world), text_(question.text), kind_(question.kind), cut_(question.cut) {
    for (int frame = 0; frame <= cut_; ++frame)
      for (int i = 0; i < n_visits(); ++i)
        if (shows(i, frame) && std::find(order_.begin(), order_.end(), i) == order_.end())
          order_.push_back(i);
  }

  std::string answer() {
    switch (kind_) {
      case Kind::now:
        return now();
      case Kind::first:
        return a_thing(need(order_.at(0)));
      case Kind::last:
        return last();
      case Kind::before:
      case Kind::after:
        return beside(kind_ == Kind::before ? -1 : 1);
      case Kind::seen:
        return seen();
      case Kind::count:
        return count();
      case Kind::colour:
        return colour();
      case Kind::when:
        return stamp(visit(need(only())).first_frame);
      case Kind::where:
        return word(visit(need(of_thing().back())).place);
      case Kind::changed:
        return changed();
      case Kind::came_back:
        return came_back();
    }
    return "";
  }
  // After answer().
  int age() const {
    int age = -1;
    for (const int i : needed_) {
      int frame = cut_;
      while (!shows(i, frame)) --frame;
      age = std::max(age, cut_ - frame);
    }
    return age;
  }

 private:
  int n_visits() const { return static_cast<int>(world_.visits().size()); }
  const Visit& visit(int i) const { return world_.visits()[static_cast<std::size_t>(i)]; }
  bool shows(int i, int frame) const { return visit(i).first_frame <= frame && frame <= visit(i).last_frame; }
  std::string a_thing(int i) const {
    const std::string text = name(visit(i).thing);
    return std::string(text[0] == 'o' ? "an " : "a ").append(text);
  }
  int need(int i) {
    needed_.push_back(i);
    return i;
  }
  std::string stamp(int frame) const {
    const int seconds = static_cast<int>(std::floor(frame / world_.options().fps()));
    const auto two = [](int n) { return std::string(n < 10 ? "0" : "").append(std::to_string(n)); };
    return two(seconds / 60) + ":" + two(seconds % 60);
  }

  // Visits of the one thing that the question names.
  std::vector<int> of_thing() const {
    std::vector<int> found;
    for (const int i : order_)
      if (has(text_, name(visit(i).thing))) found.push_back(i);
    return found;
  }
  int only() const {
    const auto found = of_thing();
    EXPECT_EQ(found.size(), 1u) << text_;
    return found.at(0);
  }

  std::string now() {
    std::string all;
    for (const int i : order_)
      if (shows(need_now(i), cut_)) all += (all.empty() ? "" : " and ") + a_thing(i);
    return all.empty() ? "nothing" : all;
  }
  int need_now(int i) {
    if (shows(i, cut_)) need(i);
    return i;
  }
  std::string last() {
    for (int frame = cut_; frame > 0; --frame) {
      std::vector<int> left;
      for (const int i : order_)
        if (shows(i, frame - 1) && !shows(i, frame)) left.push_back(i);
      if (left.empty()) continue;
      EXPECT_EQ(left.size(), 1u) << text_;
      return a_thing(need(left[0]));
    }
    return "";
  }
  std::string beside(int step) {
    const auto at = std::find(order_.begin(), order_.end(), need(only())) - order_.begin() + step;
    if (at < 0 || at >= static_cast<std::ptrdiff_t>(order_.size())) return "nothing";
    return a_thing(need(order_[static_cast<std::size_t>(at)]));
  }
  std::string seen() {
    const auto found = of_thing();
    if (found.empty()) return "no";
    need(found.back());
    return "yes";
  }
  std::string count() {
    int n = 0;
    for (const int i : order_)
      if (has(text_, plural(visit(i).thing.shape)) ||
          has(text_, word(visit(i).thing.colour) + std::string(" things"))) {
        need(i);
        ++n;
      }
    return std::to_string(n);
  }
  std::string colour() {
    std::set<std::string> colours;
    int latest = -1;
    for (const int i : order_)
      if (has(text_, std::string("the ") + word(visit(i).thing.shape))) {
        colours.insert(word(visit(i).thing.colour));
        latest = i;
      }
    EXPECT_EQ(colours.size(), 1u) << text_;
    need(latest);
    return *colours.begin();
  }
  std::string changed() {
    std::vector<std::string> changes;
    bool time_is_there = false;
    std::string since = text_.substr(text_.find(':') - 2, 5);
    for (int frame = 0; frame <= cut_; ++frame) {
      time_is_there = time_is_there || stamp(frame) == since;
      if (frame == 0 || stamp(frame) <= since) continue;
      for (const int i : order_) {
        if (shows(i, frame) == shows(i, frame - 1)) continue;
        changes.push_back(a_thing(need(i)) + (shows(i, frame) ? " came" : " left"));
      }
    }
    EXPECT_TRUE(time_is_there) << text_;
    EXPECT_LE(changes.size(), 1u) << text_;
    return changes.empty() ? "nothing" : changes[0];
  }
  std::string came_back() {
    const auto found = of_thing();
    EXPECT_FALSE(found.empty()) << text_;
    need(found.size() > 1 ? found[found.size() - 2] : found[0]);
    return found.size() > 1 ? "yes" : "no";
  }

  const World& world_;
  const std::string& text_;
  Kind kind_;
  int cut_;
  std::vector<int> order_;   // visits in order of arrival
  std::vector<int> needed_;  // for the answer
};

// The words without what they ask about.
std::string pattern(const Question& question) {
  std::string text = question.text;
  const auto cut_out = [&text](const std::string& part) {
    const std::size_t at = text.find(part);
    if (at != std::string::npos) text.replace(at, part.size(), 1, '%');
  };
  for (int i = 0; i < kThings; ++i)
    for (const char* article : {"a ", "an ", "the "}) cut_out(article + name(Thing::of(i)));
  for (int i = 0; i < kShapes; ++i) {
    cut_out(plural(static_cast<Shape>(i)));
    cut_out(std::string("the ") + word(static_cast<Shape>(i)));
  }
  for (int i = 0; i < kColours; ++i) cut_out(word(static_cast<Colour>(i)) + std::string(" things"));
  if (const std::size_t colon = text.find(':'); colon != std::string::npos) text.replace(colon - 2, 5, 1, '%');
  return text;
}

struct Survey {
  int n = 0;
  std::map<std::string, int> answers, patterns;
  double most_frequent() const {
    int most = 0;
    for (const auto& [answer, count] : answers) most = std::max(most, count);
    return static_cast<double>(most) / n;
  }
};

std::array<Survey, kKinds> survey(int n_streams) {
  std::array<Survey, kKinds> surveys;
  for (int seed = 0; seed < n_streams; ++seed) {
    const World world = world_of("fps=0.5,seed=" + std::to_string(seed));
    for (int part = 0; part < 4; ++part)
      for (const Question& q :
           ask_about(world, (seed * 31 + part * 16) % 64, 0, static_cast<std::uint64_t>(seed))) {
        Survey& s = surveys[static_cast<std::size_t>(q.kind)];
        ++s.n;
        ++s.answers[q.answer];
        ++s.patterns[pattern(q)];
      }
  }
  return surveys;
}

TEST(Questions, answers_and_ages_are_right) {
  int n = 0;
  for (const std::string rest : {",fps=0.5", ",fps=2", ",fps=3,hold=4,frames=300",
                                 ",fps=29.97,frames=200,hold=3", ",fps=0.5,frames=16", ",fps=0.01,frames=40"})
    for (int seed = 0; seed < (test::kSlow ? 6 : 60); ++seed) {
      const World world = world_of("seed=" + std::to_string(seed) + rest);
      for (int cut = seed % 3; cut < world.n_frames(); cut += 7)
        for (const Question& q : ask_about(world, cut, 20, 1)) {
          Oracle oracle(world, q);
          EXPECT_EQ(q.answer, oracle.answer()) << "seed " << seed << rest << " at " << cut << ": " << q.text;
          EXPECT_EQ(q.age, oracle.age()) << "seed " << seed << rest << " at " << cut << ": " << q.text;
          EXPECT_EQ(q.cut, cut);
          ++n;
        }
    }
  EXPECT_GT(n, test::kSlow ? 2'000 : 20'000);
}

TEST(Questions, kinds_words_and_answers_are_balanced) {
  if (test::kEmulated) GTEST_SKIP() << "a survey of 2,000 streams, the same on every machine";
  const auto surveys = survey(2000);
  for (int kind = 0; kind < kKinds; ++kind) {
    const Survey& s = surveys[static_cast<std::size_t>(kind)];
    const char* name = word(static_cast<Kind>(kind));
    EXPECT_GT(s.n, 4000) << name << " is rarely asked";
    EXPECT_EQ(static_cast<int>(s.patterns.size()), n_paraphrases(static_cast<Kind>(kind))) << name;
    EXPECT_GE(s.patterns.size(), 3u) << name;
    for (const auto& [words, count] : s.patterns)
      EXPECT_GT(count * static_cast<int>(s.patterns.size()), s.n * 8 / 10) << words;
    EXPECT_LE(s.most_frequent() * 100, chance_percent(static_cast<Kind>(kind)) + 2) << name;
    EXPECT_GE(s.most_frequent() * 100, chance_percent(static_cast<Kind>(kind)) - 8) << name;
  }
  for (const Kind kind : {Kind::seen, Kind::came_back}) {
    const Survey& s = surveys[static_cast<std::size_t>(kind)];
    ASSERT_EQ(s.answers.size(), 2u);
    EXPECT_GT(s.answers.at("yes"), s.n * 45 / 100) << word(kind);
    EXPECT_LT(s.answers.at("yes"), s.n * 55 / 100) << word(kind);
  }
  const Survey& changed = surveys[static_cast<std::size_t>(Kind::changed)];
  EXPECT_GT(changed.answers.at("nothing"), changed.n * 22 / 100);
  EXPECT_EQ(surveys[static_cast<std::size_t>(Kind::count)].answers.size(), 5u);
  EXPECT_EQ(surveys[static_cast<std::size_t>(Kind::where)].answers.size(), 9u);
}

TEST(Questions, half_of_what_was_never_seen_looks_familiar) {
  int n = 0, n_alike = 0;
  for (int seed = 0; seed < 1000; ++seed) {
    const World world = world_of("seed=" + std::to_string(seed));
    for (const Question& q : ask_about(world, 20, 0, 0)) {
      if (q.kind != Kind::seen || q.answer != "no") continue;
      ++n;
      n_alike += std::any_of(world.visits().begin(), world.visits().end(), [&](const Visit& v) {
        return v.first_frame <= 20 && (has(q.text, word(v.thing.shape)) || has(q.text, word(v.thing.colour)));
      });
    }
  }
  EXPECT_GT(n_alike, n * 45 / 100);
  EXPECT_LT(n_alike, n * 60 / 100);
}

TEST(Questions, the_old_is_asked_about_as_well_as_the_recent) {
  int n_old = 0, n_recent = 0;
  for (int seed = 0; seed < 500; ++seed) {
    const World world = world_of("seed=" + std::to_string(seed));
    for (const Question& q : ask_about(world, 60, 0, 0)) {
      if (q.kind != Kind::when && q.kind != Kind::where && q.kind != Kind::before && q.kind != Kind::after)
        continue;
      ++(q.age >= 30 ? n_old : n_recent);
    }
  }
  EXPECT_GT(n_old, n_recent * 6 / 10);
  EXPECT_LT(n_old, n_recent * 14 / 10);
}

TEST(Questions, as_many_as_wanted_and_no_two_alike) {
  const World world = world_of("seed=7,fps=0.5");
  for (const int n : {1, 3, 12, 30}) {
    const auto questions = ask_about(world, 50, n, 9);
    EXPECT_EQ(static_cast<int>(questions.size()), n);
    std::set<std::string> texts;
    for (const Question& q : questions) texts.insert(q.text);
    EXPECT_EQ(texts.size(), questions.size());
  }
  std::set<Kind> kinds;
  for (const Question& q : ask_about(world, 50, 0, 9)) EXPECT_TRUE(kinds.insert(q.kind).second);
  EXPECT_EQ(kinds.size(), static_cast<std::size_t>(kKinds));
}

TEST(Questions, the_same_seed_asks_the_same) {
  const World world = world_of("seed=7");
  const auto a = ask_about(world, 40, 8, 1), b = ask_about(world, 40, 8, 1), c = ask_about(world, 40, 8, 2);
  ASSERT_EQ(a.size(), b.size());
  bool other = a.size() != c.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].text, b[i].text);
    EXPECT_EQ(a[i].answer, b[i].answer);
    other = other || a[i].text != c[i].text;
  }
  EXPECT_TRUE(other);
}

TEST(Questions, none_are_asked_where_no_answer_would_be_fair) {
  const World world = world_of("seed=7,hold=10,frames=400");
  const auto asked = [&world](int cut) { return !ask_about(world, cut, 0, 0).empty(); };
  EXPECT_FALSE(asked(-1));
  EXPECT_FALSE(asked(400));
  EXPECT_TRUE(asked(399) || asked(390));
  int n_half = 0;
  for (const Visit& v : world.visits()) {
    for (int cut = v.shown_from; cut < v.first_frame; ++cut) {
      EXPECT_FALSE(asked(cut));
      ++n_half;
    }
    for (int cut = v.last_frame + 1; cut <= v.shown_to; ++cut) EXPECT_FALSE(asked(cut));
  }
  EXPECT_GT(n_half, 10);
}

TEST(Questions, before_anything_came_only_that_can_be_told) {
  for (int seed = 0; seed < 50; ++seed) {
    const World world = world_of("seed=" + std::to_string(seed));
    if (world.visits()[0].first_frame == 0) continue;
    for (const Question& q : ask_about(world, 0, 0, 0)) {
      EXPECT_TRUE(q.kind == Kind::now || q.kind == Kind::count) << q.text;
      EXPECT_TRUE(q.answer == "nothing" || q.answer == "0") << q.answer;
      EXPECT_EQ(q.age, -1);
    }
  }
}

}  // namespace
}  // namespace shrike::synthetic
