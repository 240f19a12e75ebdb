#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "camera/synthetic/world.hpp"

namespace shrike::synthetic {

// What can be asked of somebody who saw a world's frames 0 to `cut`, and the one right answer.
//
//   kind       chance  asks                                       answer
//   now            25  what is in view                            "a red circle and a blue ring", "nothing"
//   first           5  the first thing of all                     "a red circle"
//   last            5  the last thing that left                   "a red circle"
//   before         15  what came right before X                   "a red circle", "nothing"
//   after          15  what came right after X                    "a red circle", "nothing"
//   seen           50  was X ever here                            "yes", "no"
//   count          35  how many visits of a shape or of a colour  "0" to "4"
//   colour         15  the one colour that a shape had            "red"
//   when           10  when X came                                "00:14"
//   where          15  where X was, the last time                 "top left"
//   changed        30  what changed since a time                  "a red circle came", "... left", "nothing"
//   came_back      50  was X here more than once                  "yes", "no"
//
// Chance   percent that a guesser gets who sees nothing and gives the most frequent answer of the kind: measured
//          for streams of 64 frames at half a frame a second, and more for shorter ones
// X        a colour and a shape; before, after and when ask only for what was there exactly once
// changed  of all comings and goings stamped later than the time, there is one or none; asked only then
// seen, came_back    yes and no are equally frequent; at least half of what was never seen shares its colour or
//          its shape with something that was
enum class Kind : std::uint8_t {
  now,
  first,
  last,
  before,
  after,
  seen,
  count,
  colour,
  when,
  where,
  changed,
  came_back
};
inline constexpr int kKinds = 12;
[[nodiscard]] const char* word(Kind kind) noexcept;
[[nodiscard]] int chance_percent(Kind kind) noexcept;
[[nodiscard]] int n_paraphrases(Kind kind) noexcept;

struct Question {
  Kind kind = Kind::now;
  int cut = 0;
  std::string text;
  std::string answer;
  // Frames since the last one that shows what must be remembered: of the visits that the answer needs, the one
  // longest gone. 0: still in view; -1: the answer needs none ("nothing", "no", "0").
  int age = -1;
};

// Up to `n` questions, each another, all kinds before a second of any; n = 0: one of each kind that can be asked.
// What is asked about is as often in the younger half of the past as in the older one, where there is a choice.
// None when something is half in view at `cut`: no answer would be fair.
[[nodiscard]] std::vector<Question> ask_about(const World& world, int cut, int n, std::uint64_t seed);

}  // namespace shrike::synthetic
