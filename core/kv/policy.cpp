#include "core/kv/policy.hpp"

#include "core/kv/catalogue.hpp"
#include "core/kv/words.hpp"

namespace shrike::kv {
namespace {

constexpr std::string_view kKeys[] = {"when",  "score", "layers", "heads",  "select",
                                      "merge", "place", "codec",  "observe"};
constexpr std::string_view kByBudget = "auto";
// A share of the context: at 0.25 eight bits answered a little more than four did, at 0.14 as many, at 0.05 fewer.
constexpr double kEightBits = 0.1;
constexpr int kWindow = 32;  // rows, where a part looks through a window and the score names none

// A part, with the row that it came from.
template <class Run>
struct Choice {
  Part<Run> part;
  const PartRow<Run>* row = nullptr;

  // "key=name(arguments)"
  Status read(std::string_view word) {
    std::string_view text = word;
    cut(text, "=");
    const std::size_t open = text.find('(');
    const std::string_view name = trim(text.substr(0, open));
    std::string_view args;
    if (open != std::string_view::npos) {
      args = text.substr(open + 1);
      if (args.empty() || args.back() != ')')
        return usage("opens a parenthesis and does not end with it", word);
      args.remove_suffix(1);
    }
    std::vector<std::string_view> names;
    for (const PartRow<Run>* candidate : catalogue<Run>()) {
      names.push_back(candidate->name);
      if (candidate->name == name) row = candidate;
    }
    if (row == nullptr || row->name != name)
      return usage("names no part of a KV policy", word, there_are(name, names));
    part = {row->run, defaults(row->args)};
    return read_args(row->args, args, word, part.args);
  }
  void complete() noexcept {
    if (row != nullptr) return;
    row = catalogue<Run>().front();
    part = {row->run, defaults(row->args)};
  }
  // Null: the part has no number of that name.
  const Amount* number(std::string_view name) const noexcept {
    for (std::size_t a = 0; a < kArgsMax; ++a)
      if (row->args[a].name == name) return &part.args[a];
    return nullptr;
  }
  std::string word(std::string_view key) const { return std::string(key).append("=").append(row->name); }
};

// The words of a composition, one after the other, into a policy; then what they mean together.
class Composer {
 public:
  Status read_all(std::string_view text, bool by_hand) {
    bool given[std::size(kKeys)] = {};
    for (text = trim(text); !text.empty(); text = trim(text)) {
      const std::string_view word = cut(text, ", ");
      if (word.empty()) continue;
      std::string_view rest = word;
      const std::string_view key = cut(rest, "=");
      std::size_t k = 0;
      while (k < std::size(kKeys) && kKeys[k] != key) ++k;
      if (k == std::size(kKeys))
        return usage("is no part of a KV policy", word, there_are(key, {std::begin(kKeys), std::end(kKeys)}));
      if (by_hand && given[k]) return usage("gives a part of a KV policy twice", word);
      given[k] = true;
      SHRIKE_TRY_VOID(read(key, rest, word));
    }
    return ok();
  }

  Result<Policy> finish(std::string_view name) {
    when_.complete(), score_.complete(), layers_.complete(), heads_.complete();
    select_.complete(), merge_.complete(), place_.complete();
    SHRIKE_TRY_VOID(refuse_contradictions());
    Policy p;
    p.name = name;
    p.when = when_.part;
    p.score = score_.part;
    p.layers = layers_.part;
    p.heads = heads_.part;
    p.select = select_.part;
    p.merge = merge_.part;
    p.place = place_.part;
    p.codec = codec_by_budget_ ? &parts::codec_q8_0 : codec_ != nullptr ? codec_ : codecs().front();
    p.codec_by_budget = codec_by_budget_;
    p.observe = observe_;
    p.tied = heads_.row == &parts::heads_tied;
    p.score_needs = score_.row->needs;
    p.keep_needs = select_.row->needs | merge_.row->needs;
    p.needs = needs();
    if (p.codec->page != nullptr) p.needs |= p.codec->page->needs;
    if (const Amount* window = score_.number("window")) p.window = static_cast<int>(window->value);
    if (p.window == 0 && (p.needs & kNeedWindow) != 0) p.window = kWindow;
    if (const Amount* fade = score_.number("fade")) p.fade = fade->value;
    if (const Amount* constant = select_.number("n")) p.constant = constant->value;
    if (const Amount* bias = merge_.number("bias")) p.bias = bias->value != 0;
    return p;
  }

 private:
  Status read(std::string_view key, std::string_view name, std::string_view word) {
    if (key == "when") return when_.read(word);
    if (key == "score") return score_.read(word);
    if (key == "layers") return layers_.read(word);
    if (key == "heads") return heads_.read(word);
    if (key == "select") return select_.read(word);
    if (key == "merge") return merge_.read(word);
    if (key == "place") return place_.read(word);
    return key == "codec" ? read_codec(name, word) : read_observer(name, word);
  }

  Status read_codec(std::string_view name, std::string_view word) {
    codec_by_budget_ = name == kByBudget;
    if (codec_by_budget_) return ok();
    std::vector<std::string_view> names = {kByBudget};
    for (const Codec* codec : codecs()) {
      names.push_back(codec->name);
      if (codec->name == name) codec_ = codec;
    }
    if (codec_ != nullptr && codec_->name == name) return ok();
    return usage("names no codec", word, there_are(name, names));
  }

  Status read_observer(std::string_view name, std::string_view word) {
    constexpr std::string_view kNames[] = {"frame", "proxy", "question"};
    for (std::size_t o = 0; o < std::size(kNames); ++o) {
      if (kNames[o] != name) continue;
      observe_ = static_cast<Observe>(o);
      return ok();
    }
    return usage("names nobody who could look", word,
                 there_are(name, {std::begin(kNames), std::end(kNames)}));
  }

  Needs needs() const noexcept {
    return score_.row->needs | layers_.row->needs | heads_.row->needs | select_.row->needs |
           merge_.row->needs;
  }

  Status refuse_contradictions() const {
    if (select_.part.run == nullptr && merge_.part.run != nullptr)
      return usage("contradicts itself: where nothing leaves, nothing is merged", merge_.word("merge"));
    if (codec_ != nullptr && codec_->page != nullptr && merge_.part.run != nullptr)
      return usage("contradicts itself: into pages, which are written once, nothing is merged",
                   merge_.word("merge"));
    if (select_.part.run == nullptr && needs() != 0)
      return usage("contradicts itself: where nothing leaves, nothing is scored or shared",
                   score_.word("score"));
    for (const Scale wanted : {layers_.row->scale, heads_.row->scale})
      if (wanted == Scale::probability && score_.row->scale != Scale::probability)
        return usage("contradicts itself: shares are won by scores, and these compare within one head only",
                     score_.word("score"));
    if (heads_.row->scale == Scale::rungs && score_.row->scale != Scale::rungs)
      return usage("contradicts itself: a ladder needs a score that has rungs", score_.word("score"));
    if (heads_.row == &parts::heads_tied && (select_.row->needs & kNeedMarks) != 0)
      return usage("contradicts itself: heads that choose by marks of their own are not tied",
                   select_.word("select"));
    if (observe_ != Observe::frame && (needs() & (kNeedWindow | need(Mark::last))) == 0)
      return usage("contradicts itself: no part looks through a window",
                   observe_ == Observe::proxy ? "observe=proxy" : "observe=question");
    return ok();
  }

  Choice<SchedulePart> when_;
  Choice<ScorePart> score_;
  Choice<LayersPart> layers_;
  Choice<HeadsPart> heads_;
  Choice<SelectPart> select_;
  Choice<MergePart> merge_;
  Choice<PlacePart> place_;
  const Codec* codec_ = nullptr;
  bool codec_by_budget_ = false;
  Observe observe_ = Observe::frame;
};

}  // namespace

const Codec& codec_for(double share) noexcept {
  return share >= 1 ? parts::codec_f16 : share >= kEightBits ? parts::codec_q8_0 : parts::codec_q4;
}

Result<Policy> parse_policy(std::string_view text) {
  std::vector<std::string_view> names;
  for (const PolicyRow& row : named_policies()) names.push_back(row.name);
  text = trim(text);
  if (text.empty()) return usage("must not be empty", "--kv-policy", there_are("recent", names));

  Composer composer;
  std::string_view rest = text, name = "by hand";
  const std::string_view first = cut(rest, ", ");
  if (first.find('=') == std::string_view::npos) {
    const auto rows = named_policies();
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const PolicyRow& r) { return r.name == first; });
    if (row == rows.end()) return usage("is no KV policy", first, there_are(first, names));
    SHRIKE_TRY_VOID(composer.read_all(row->composition, false));
    if (rest.empty()) name = row->name;
    text = rest;
  }
  SHRIKE_TRY_VOID(composer.read_all(text, true));
  return composer.finish(name);
}

}  // namespace shrike::kv
