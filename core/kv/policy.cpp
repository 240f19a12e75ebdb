#include "core/kv/policy.hpp"

#include <array>

#include "core/kv/parts/parts.hpp"

namespace shrike::kv {
namespace {

constexpr std::array kPolicies = {
    PolicyRow{"recent", "layers=equal heads=equal score=recency select=frames merge=drop codec=f16",
              "the opening words and the newest whole frames; older ones leave"},
    PolicyRow{"full", "", "everything, until the pool is full; then frames are refused"},
};

template <class Part>
struct Row {
  std::string_view name;
  Part part;
};
constexpr std::array kLayers = {Row<LayersPart>{"equal", parts::layers_equal}};
constexpr std::array kHeads = {Row<HeadsPart>{"equal", parts::heads_equal}};
constexpr std::array kScores = {Row<ScorePart>{"recency", parts::score_recency}};
constexpr std::array kSelects = {Row<SelectPart>{"frames", parts::select_frames},
                                 Row<SelectPart>{"top", parts::select_top}};
constexpr std::array kMerges = {Row<MergePart>{"drop", nullptr}};
constexpr std::array kCodecs = {Row<Codec>{"f16", Codec::f16}};

template <class Table, class Part>
bool choose(const Table& table, std::string_view name, Part& out) {
  for (const auto& row : table)
    if (row.name == name) {
      out = row.part;
      return true;
    }
  return false;
}

Status set_part(Policy& policy, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos)
    return Error{Code::usage,
                 "unknown KV policy; there are recent, full, and compositions such as "
                 "\"score=recency select=frames\"",
                 std::string(word)};
  const std::string_view key = word.substr(0, equals);
  const std::string_view name = word.substr(equals + 1);
  bool known = false;
  if (key == "layers")
    known = choose(kLayers, name, policy.layers);
  else if (key == "heads")
    known = choose(kHeads, name, policy.heads);
  else if (key == "score")
    known = choose(kScores, name, policy.score);
  else if (key == "select")
    known = choose(kSelects, name, policy.select);
  else if (key == "merge")
    known = choose(kMerges, name, policy.merge);
  else if (key == "codec")
    known = choose(kCodecs, name, policy.codec);
  else
    return Error{Code::usage,
                 "unknown part of a KV policy; there are layers, heads, score, select, merge, codec",
                 std::string(word)};
  if (known) return ok();
  return Error{
      Code::usage,
      "unknown name; there are layers=equal heads=equal score=recency select=frames|top merge=drop codec=f16",
      std::string(word)};
}

}  // namespace

std::span<const PolicyRow> named_policies() noexcept { return kPolicies; }

Result<Policy> parse_policy(std::string_view text) {
  Policy policy{text, parts::layers_equal, parts::heads_equal, parts::score_recency, parts::select_frames};
  if (text == "recent") {
    policy.name = kPolicies[0].name;
    return policy;
  }
  if (text == "full") {
    policy.name = kPolicies[1].name;
    policy.select = nullptr;
    return policy;
  }
  policy.name = "by hand";
  bool any = false;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    if (word.empty()) continue;
    any = true;
    SHRIKE_TRY_VOID(set_part(policy, word));
  }
  if (!any)
    return Error{Code::usage, "a KV policy must not be empty; there are recent and full", "--kv-policy"};
  return policy;
}

}  // namespace shrike::kv
