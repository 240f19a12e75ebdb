#pragma once

#include "core/kv/policy.hpp"

// Every part there is. A new method is a new file here, a line below and a row in catalogue.cpp.
namespace shrike::kv::parts {

#define SHRIKE_LAYERS_PART(name) \
  void name(const Overview& all, const Args& args, int total, std::span<int> out) noexcept
#define SHRIKE_HEADS_PART(name) \
  void name(const Overview& all, int layer, const Args& args, int total, std::span<int> out) noexcept
#define SHRIKE_SCORE_PART(name) \
  void name(const Candidates& slots, const Args& args, std::span<float> score) noexcept
#define SHRIKE_SELECT_PART(name)                                                                 \
  void name(const Candidates& slots, const Args& args, std::span<const float> score, int budget, \
            std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept
#define SHRIKE_MERGE_PART(name) void name(const Merging& merging, const Args& args) noexcept

SHRIKE_LAYERS_PART(layers_equal);
SHRIKE_HEADS_PART(heads_equal);
SHRIKE_SCORE_PART(score_recency);
SHRIKE_SELECT_PART(select_frames);
SHRIKE_SELECT_PART(select_top);

}  // namespace shrike::kv::parts
