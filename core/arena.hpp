#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "platform/memory.hpp"

namespace shrike {

// One mapping, cut into named sections by the plan; each section hands out memory front to back and takes none
// back. After seal() nothing more can be taken, so what the plan announced is what the process holds.
//
//   Arena arena = Arena::reserve(plan).value();
//   float* logits = arena.take<float>("logits", n_vocab);      // 64-byte aligned, zeroed
//   arena.seal();
//
// Errors   reserve: resource. Taking more than a section holds, or after seal(), is our bug: SHRIKE_CHECK.
class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;
  static constexpr int kSectionsMax = 16;
  struct Section {
    std::string_view name;           // a literal
    std::size_t offset = 0;
    std::size_t size = 0;            // as planned
    std::size_t used = 0;            // as taken
  };
  struct Request {
    std::string_view name;
    std::size_t bytes = 0;
  };

  [[nodiscard]] static Result<Arena> reserve(std::span<const Request> requests, const PageOptions& options);
  Arena() = default;

  template <class T>
  T* take(std::string_view section, std::size_t count) noexcept {
    return reinterpret_cast<T*>(take_bytes(section, count * sizeof(T)));
  }
  std::byte* take_bytes(std::string_view section, std::size_t bytes) noexcept;

  void seal() noexcept { sealed_ = true; }
  bool sealed() const noexcept { return sealed_; }
  std::span<const Section> sections() const noexcept { return {sections_.data(), static_cast<std::size_t>(n_)}; }
  std::size_t size() const noexcept { return pages_.size(); }

  // What `bytes` costs in a section: every piece starts on kAlignment.
  static constexpr std::size_t cost(std::size_t bytes) noexcept { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

 private:
  Pages pages_;
  std::array<Section, kSectionsMax> sections_{};
  int n_ = 0;
  bool sealed_ = false;
};

}  // namespace shrike
