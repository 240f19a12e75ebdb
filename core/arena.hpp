#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "platform/memory.hpp"

namespace shrike {

// One mapping, cut into named sections. It has two lives, and every component is laid out by the same code in
// both:
//
//   Arena measure;                              // 1. counts: take() gives null and remembers the size
//   decoder.lay_out(measure);
//   Arena arena = Arena::reserve(measure, {}).value();
//   decoder.lay_out(arena);                     // 2. hands out: 64-byte aligned, zeroed, front to back
//   arena.seal();                               // from here on nothing can be taken
//
// So the plan is the use, by construction. There is no giving back: what must be recycled has an index pool
// of its own. Work that never runs at the same time has a stage each: the sections of different stages lie over
// each other, and what they hold is gone when another stage has worked. Stage 0 is all the time.
//
//   stage 0 [text][rope][kv pool] | 1 [vision            ]
//                                 | 2 [chunk][attention]
//
// Errors   reserve: resource. Taking more than was measured, or after seal(), is our bug: SHRIKE_CHECK.
class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;
  static constexpr int kSectionsMax = 24;
  static constexpr int kStages = 4;
  struct Section {
    std::string_view name;  // a literal
    std::size_t offset = 0;
    std::size_t size = 0;  // as measured
    std::size_t used = 0;  // as taken
    int stage = 0;
  };

  Arena() = default;  // measures
  [[nodiscard]] static Result<Arena> reserve(const Arena& measured, const PageOptions& options);

  template <class T>
  T* take(std::string_view section, std::size_t count) noexcept {
    return reinterpret_cast<T*>(take_bytes(section, count * sizeof(T)));
  }
  std::byte* take_bytes(std::string_view section, std::size_t bytes) noexcept;
  // While measuring, before anything of the section is taken.
  void set_stage(std::string_view section, int stage) noexcept;

  void seal() noexcept { sealed_ = true; }
  bool measures() const noexcept { return pages_.data() == nullptr; }
  std::span<const Section> sections() const noexcept {
    return {sections_.data(), static_cast<std::size_t>(n_)};
  }
  std::size_t measured_bytes(std::string_view section) const noexcept;
  std::size_t bytes() const noexcept;  // of all sections, the largest stage standing for all that lie with it
  // Whether the section adds to bytes(): it is there all the time, or of the largest stage.
  bool counts(const Section& section) const noexcept {
    return section.stage == 0 || section.stage == largest_stage();
  }

 private:
  Section& section_named(std::string_view name) noexcept;
  std::size_t stage_bytes(int stage) const noexcept;
  int largest_stage() const noexcept;

  Pages pages_;
  std::array<Section, kSectionsMax> sections_{};
  int n_ = 0;
  bool sealed_ = false;
};

}  // namespace shrike
