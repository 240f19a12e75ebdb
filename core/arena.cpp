#include "core/arena.hpp"

#include <algorithm>

#include "platform/check.hpp"
#include "platform/numeric.hpp"

namespace shrike {

Result<Arena> Arena::reserve(const Arena& measured, const PageOptions& options) {
  SHRIKE_CHECK(measured.measures());
  Arena arena;
  std::array<std::size_t, kStages> offset;
  offset.fill(measured.stage_bytes(0));
  offset[0] = 0;
  for (const Section& section : measured.sections()) {
    std::size_t& at = offset[static_cast<std::size_t>(section.stage)];
    arena.sections_[static_cast<std::size_t>(arena.n_++)] = {section.name, at, section.size, 0,
                                                             section.stage};
    at += section.size;
  }
  SHRIKE_TRY(arena.pages_, Pages::reserve(std::max(measured.bytes(), kAlignment), options));
  return arena;
}

void Arena::set_stage(std::string_view name, int stage) noexcept {
  SHRIKE_CHECK(stage >= 0 && stage < kStages, stage, kStages);
  Section& section = section_named(name);
  SHRIKE_CHECK(measures() && section.size == 0);
  section.stage = stage;
}

std::byte* Arena::take_bytes(std::string_view name, std::size_t bytes) noexcept {
  SHRIKE_CHECK(!sealed_);
  const std::size_t cost = align_up(bytes, kAlignment);
  Section& section = section_named(name);
  if (measures()) {
    section.size += cost;
    return nullptr;
  }
  SHRIKE_CHECK(cost <= section.size - section.used, static_cast<std::int64_t>(cost),
               static_cast<std::int64_t>(section.size - section.used));
  std::byte* memory = pages_.data() + section.offset + section.used;
  section.used += cost;
  return memory;
}

std::size_t Arena::measured_bytes(std::string_view name) const noexcept {
  for (const Section& section : sections())
    if (section.name == name) return section.size;
  return 0;
}

std::size_t Arena::bytes() const noexcept { return stage_bytes(0) + stage_bytes(largest_stage()); }

std::size_t Arena::stage_bytes(int stage) const noexcept {
  std::size_t bytes = 0;
  for (const Section& section : sections()) bytes += section.stage == stage ? section.size : 0;
  return bytes;
}

int Arena::largest_stage() const noexcept {
  int largest = 1;
  for (int stage = 2; stage < kStages; ++stage)
    if (stage_bytes(stage) > stage_bytes(largest)) largest = stage;
  return largest;
}

Arena::Section& Arena::section_named(std::string_view name) noexcept {
  for (int i = 0; i < n_; ++i)
    if (sections_[static_cast<std::size_t>(i)].name == name) return sections_[static_cast<std::size_t>(i)];
  SHRIKE_CHECK(measures() && n_ < kSectionsMax, n_, kSectionsMax);
  sections_[static_cast<std::size_t>(n_)].name = name;
  return sections_[static_cast<std::size_t>(n_++)];
}

}  // namespace shrike
