#include "core/arena.hpp"

#include "platform/check.hpp"
#include "platform/numeric.hpp"

namespace shrike {

Result<Arena> Arena::reserve(const Arena& measured, const PageOptions& options) {
  SHRIKE_CHECK(measured.measures());
  Arena arena;
  std::size_t offset = 0;
  for (const Section& section : measured.sections()) {
    arena.sections_[static_cast<std::size_t>(arena.n_++)] = {section.name, offset, section.size, 0};
    offset += section.size;
  }
  SHRIKE_TRY(arena.pages_, Pages::reserve(offset > 0 ? offset : kAlignment, options));
  return arena;
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

std::size_t Arena::bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Section& section : sections()) bytes += section.size;
  return bytes;
}

Arena::Section& Arena::section_named(std::string_view name) noexcept {
  for (int i = 0; i < n_; ++i)
    if (sections_[static_cast<std::size_t>(i)].name == name) return sections_[static_cast<std::size_t>(i)];
  SHRIKE_CHECK(measures() && n_ < kSectionsMax, n_, kSectionsMax);
  sections_[static_cast<std::size_t>(n_)].name = name;
  return sections_[static_cast<std::size_t>(n_++)];
}

}  // namespace shrike
