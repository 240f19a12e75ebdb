#pragma once

#include <span>
#include <string_view>

#include "core/kv/codec.hpp"
#include "core/kv/part.hpp"
#include "platform/result.hpp"

// How a method is added. Most are one part:
//
//   1. core/kv/parts/score_mine.cpp          the formula, with its source, and at the end of the file its
//   row:
//
//        namespace shrike::kv::parts {
//        namespace {
//        void mine(const Candidates& slots, const Args& args, std::span<float> score) noexcept { ... }
//        }  // namespace
//        const PartRow<ScorePart> score_mine{
//            "mine", mine, {{{"window", {32}, 1, 512}}}, kNeedWindow, "one line for people",
//            Scale::probability};
//        }  // namespace shrike::kv::parts
//
//   2. core/kv/catalogue.hpp                 row(score_mine) in the list of its kind
//   3. core/kv/policies.cpp                  a line, if the composition deserves a name of its own
//   4. tests/core/test_kv_<method>.cpp       the numbers of its paper by hand; test_kv_property.cpp finds it
//   by itself
//
// What kinds there are and what each promises: part.hpp. What a part may read: its row's `needs`, from
// needs.hpp; nothing is collected, kept or gathered that no part of the policy needs. Arguments are read,
// checked and explained from the row. Four names mean more than a number to the part, because the memory
// does the work: a score's `window` (rows observed) and `fade` (what a frame leaves of the sums), a selector's
// `n` and a merge's `bias` (see Policy). Allocators share with parts/share.hpp, which conserves the budget; selectors
// begin with parts/protect.hpp.
namespace shrike::kv {

// Whose rows are the observation window.
enum class Observe : std::uint8_t {
  frame,     // the last rows of each frame, as they come: nothing is known of questions
  proxy,     // the words that stand around any question, shown to the memory before it is compressed
  question,  // a standing question, shown likewise
};

struct Policy {
  std::string_view name;
  Part<SchedulePart> when;
  Part<ScorePart> score;
  Part<LayersPart> layers;
  Part<HeadsPart> heads;
  Part<SelectPart> select;  // null: nothing ever leaves, and a full pool says so
  Part<MergePart> merge;
  Part<PlacePart> place;
  const Codec* codec = nullptr;
  bool codec_by_budget = false;  // codec=auto: codec_for() has a better one, once the budget is known
  Observe observe = Observe::frame;
  bool tied = false;      // the heads of a layer keep the same tokens: their scores are averaged
  bool bias = false;      // a slot that stands for c tokens draws the attention of c: its logits grow by ln c
  float constant = 0;     // p_i = e^s_i / (constant + sum e^s), once slots have left: their part of the sum
  int window = 0;         // rows of the observation window
  float fade = 1;         // what a frame leaves of the running sums
  Needs needs = 0;        // of all parts together
  Needs score_needs = 0;  // of the score alone
  Needs keep_needs = 0;   // of select and merge

  bool evicts() const noexcept { return select.run != nullptr; }
};

// The codec of codec=auto. `share`: of all tokens that the model has positions for, those that would fit in f16. With
// little room more tokens in fewer bits answer more than fewer tokens in more.
// Source   more tokens, lower precision: arXiv 2412.12706; where to change is measured with the shipped model
[[nodiscard]] const Codec& codec_for(double share) noexcept;

struct PolicyRow {
  std::string_view name;
  std::string_view composition;
  std::string_view what;  // one line for people
};
[[nodiscard]] std::span<const PolicyRow> named_policies() noexcept;

// "recent"; or by hand, words apart by commas or blanks: "layers=equal, score=h2o(fade=0.9),
// select=top(sink=4, recent=50%), merge=average"; or a name and what shall be different: "recent, codec=f16".
// A part left out is the first of its kind in the catalogue. Errors: usage, naming the word; the hint lists
// what there is, the nearest spelling first.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text);

}  // namespace shrike::kv
