#include "core/kv/policy.hpp"

#include <charconv>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/nearest.hpp"

namespace shrike::kv {
namespace {

constexpr std::string_view kKeys[] = {"layers", "heads", "score", "select", "merge", "codec", "observe"};
constexpr int kWindow = 32;  // rows, where a part looks through a window and none was named

Error usage(const char* rule, std::string_view subject, std::string hint = {}) {
  Error error{Code::usage, rule, std::string(subject)};
  error.hint = std::move(hint);
  return error;
}

// Cuts `text` at the first `mark`; what stood before it is returned.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view before = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return before;
}

Result<Amount> amount(const ArgSpec& spec, std::string_view text, std::string_view word) {
  Amount out;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out.value);
  const std::string_view unit(at, static_cast<std::size_t>(end - at));
  if (unit == "f") out.unit = Unit::frames;
  if (unit == "%") out.unit = Unit::percent;
  const bool known = unit.empty() || (spec.units && out.unit != Unit::plain);
  if (error != std::errc{} || !known || !std::isfinite(out.value))
    return usage(
        spec.units ? "wants a number: slots, frames (1f) or a share of the budget (25%)" : "wants a number",
        word);
  const float max = out.unit == Unit::percent ? 100.0f : spec.max;
  if (out.value < spec.min || out.value > max)
    return usage("a number out of range", word,
                 "it may be " + std::to_string(spec.min) + " to " + std::to_string(max));
  if ((spec.whole || out.unit == Unit::frames) && out.value != std::floor(out.value))
    return usage("wants a whole number", word);
  return out;
}

// "32,pool=7" into the places that the part gave its arguments.
Status read_args(const ArgSpecs& specs, std::string_view text, std::string_view word, Args& out) {
  for (std::size_t place = 0; !text.empty(); ++place) {
    std::string_view value = cut(text, ',');
    std::size_t at = place;
    if (value.find('=') != std::string_view::npos) {
      const std::string_view name = cut(value, '=');
      for (at = 0; at < kArgsMax && (specs[at].name.empty() || specs[at].name != name);) ++at;
    }
    if (at >= kArgsMax || specs[at].name.empty()) {
      std::vector<std::string_view> names;
      for (const ArgSpec& spec : specs)
        if (!spec.name.empty()) names.push_back(spec.name);
      return usage("gives a part an argument that it does not take", word,
                   names.empty() ? "it takes none" : there_are(value, names));
    }
    SHRIKE_TRY(out[at], amount(specs[at], value, word));
  }
  return ok();
}

template <class Run>
Status choose(std::span<const PartRow<Run>> rows, std::string_view word, Part<Run>& part,
              const PartRow<Run>*& chosen) {
  std::string_view text = word;
  cut(text, '=');
  const std::string_view name = cut(text, ':');
  std::vector<std::string_view> names;
  for (const PartRow<Run>& row : rows) {
    names.push_back(row.name);
    if (row.name != name) continue;
    part.run = row.run;
    part.args = defaults(row.args);
    chosen = &row;
    return read_args(row.args, text, word, part.args);
  }
  return usage("names no part of a KV policy", word, there_are(name, names));
}

// The words of a composition, one after the other, into a policy; then what they mean together.
class Composer {
 public:
  Status read(std::string_view word) {
    std::string_view rest = word;
    const std::string_view key = cut(rest, '=');
    std::size_t k = 0;
    while (k < std::size(kKeys) && kKeys[k] != key) ++k;
    if (k == std::size(kKeys))
      return usage("is no part of a KV policy", word, there_are(key, {std::begin(kKeys), std::end(kKeys)}));
    if (given_[k]) return usage("a part of a KV policy is given twice", word);
    given_[k] = true;
    if (key == "layers") return choose(catalogue::layers(), word, policy_.layers, layers_);
    if (key == "heads") return choose(catalogue::heads(), word, policy_.heads, heads_);
    if (key == "score") return choose(catalogue::scores(), word, policy_.score, score_);
    if (key == "select") return choose(catalogue::selects(), word, policy_.select, select_);
    if (key == "merge") return choose(catalogue::merges(), word, policy_.merge, merge_);
    if (key == "codec") return choose_codec(word, rest);
    return choose_observer(word, rest);
  }

  Result<Policy> finish(std::string_view name) {
    // What is left out is as in `recent`.
    if (layers_ == nullptr)
      SHRIKE_TRY_VOID(choose(catalogue::layers(), "layers=equal", policy_.layers, layers_));
    if (heads_ == nullptr) SHRIKE_TRY_VOID(choose(catalogue::heads(), "heads=equal", policy_.heads, heads_));
    if (score_ == nullptr)
      SHRIKE_TRY_VOID(choose(catalogue::scores(), "score=recency", policy_.score, score_));
    if (select_ == nullptr)
      SHRIKE_TRY_VOID(choose(catalogue::selects(), "select=frames", policy_.select, select_));
    if (merge_ == nullptr) SHRIKE_TRY_VOID(choose(catalogue::merges(), "merge=drop", policy_.merge, merge_));
    if (policy_.codec == nullptr) policy_.codec = &codecs().front();
    policy_.name = name;
    policy_.tied = heads_->name == "tied";
    policy_.score_needs = score_->needs;
    policy_.keep_needs = select_->needs | merge_->needs;
    policy_.needs = layers_->needs | heads_->needs | policy_.score_needs | policy_.keep_needs;
    for (std::size_t a = 0; a < kArgsMax; ++a) {
      if (score_->args[a].name == "rows") policy_.window = static_cast<int>(policy_.score.args[a].value);
      if (score_->args[a].name == "fade") policy_.fade = policy_.score.args[a].value;
    }
    if (policy_.window == 0 && (policy_.needs & kNeedWindow) != 0) policy_.window = kWindow;
    return refuse_contradictions();
  }

 private:
  Status choose_codec(std::string_view word, std::string_view name) {
    std::vector<std::string_view> names;
    for (const Codec& codec : codecs()) {
      names.push_back(codec.name);
      if (codec.name == name) policy_.codec = &codec;
    }
    if (policy_.codec != nullptr) return ok();
    return usage("names no codec", word, there_are(name, names));
  }

  Status choose_observer(std::string_view word, std::string_view name) {
    constexpr std::string_view kNames[] = {"frame", "proxy", "question"};
    for (std::size_t o = 0; o < std::size(kNames); ++o) {
      if (kNames[o] != name) continue;
      policy_.observe = static_cast<Observe>(o);
      return ok();
    }
    return usage("names nobody who could look", word,
                 there_are(name, {std::begin(kNames), std::end(kNames)}));
  }

  Result<Policy> refuse_contradictions() const {
    if (!policy_.evicts() && merge_->run != nullptr)
      return usage("contradicts itself: where nothing leaves, nothing is merged", "select=all");
    if (!policy_.evicts() && (layers_->needs | heads_->needs | score_->needs) != 0)
      return usage("contradicts itself: where nothing leaves, nothing is scored or shared", "select=all");
    for (const bool compares : {layers_->compares, heads_->compares})
      if (compares && score_->scale != Scale::probability)
        return usage("contradicts itself: shares are won by scores, and these compare within one head only",
                     "score=" + std::string(score_->name));
    if (policy_.observe != Observe::frame && (policy_.needs & (kNeedWindow | need(Mark::last))) == 0)
      return usage("contradicts itself: no part looks through a window",
                   policy_.observe == Observe::proxy ? "observe=proxy" : "observe=question");
    return policy_;
  }

  Policy policy_;
  bool given_[std::size(kKeys)] = {};
  const PartRow<LayersPart>* layers_ = nullptr;
  const PartRow<HeadsPart>* heads_ = nullptr;
  const PartRow<ScorePart>* score_ = nullptr;
  const PartRow<SelectPart>* select_ = nullptr;
  const PartRow<MergePart>* merge_ = nullptr;
};

std::vector<std::string_view> policy_names() {
  std::vector<std::string_view> names;
  for (const PolicyRow& row : named_policies()) names.push_back(row.name);
  return names;
}

}  // namespace

Result<Policy> parse_policy(std::string_view text) {
  std::string_view name = "by hand";
  for (const PolicyRow& row : named_policies()) {
    if (row.name != text) continue;
    name = row.name;
    text = row.composition;
    break;
  }
  Composer composer;
  bool any = false;
  while (!text.empty()) {
    const std::string_view word = cut(text, ' ');
    if (word.empty()) continue;
    if (word.find('=') == std::string_view::npos)
      return usage("is no KV policy", word, there_are(word, policy_names()));
    any = true;
    SHRIKE_TRY_VOID(composer.read(word));
  }
  if (!any) return usage("a KV policy must not be empty", "--kv-policy", there_are("recent", policy_names()));
  return composer.finish(name);
}

}  // namespace shrike::kv
