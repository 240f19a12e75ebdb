#pragma once

#include "core/kv/policy.hpp"

// Every part there is. A new method is a new file here, a line below and a row in policy.cpp.
namespace shrike::kv::parts {

void layers_equal(int total, std::span<int> out) noexcept;
void heads_equal(int total, std::span<int> out) noexcept;

void score_recency(const Candidates& slots, std::span<float> score) noexcept;

void select_top(const Candidates& slots, std::span<const float> score, int budget,
                std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept;
void select_frames(const Candidates& slots, std::span<const float> score, int budget,
                   std::span<std::uint8_t> keep, std::span<std::int32_t> order) noexcept;

}  // namespace shrike::kv::parts
