#pragma once

#include <span>
#include <string_view>

#include "core/kv/policy.hpp"

namespace shrike::kv {

// Every part there is, by the key in front of its name. A new method is a new file in parts/ and a row in
// catalogue.cpp.
template <class Run>
struct PartRow {
  std::string_view name;
  Run run = nullptr;
  ArgSpecs args{};
  Needs needs = 0;
  std::string_view what;      // one line for people
  bool compares = false;      // layers, heads: wants scores that compare between heads
  Scale scale = Scale::rank;  // score
};

namespace catalogue {

[[nodiscard]] std::span<const PartRow<LayersPart>> layers() noexcept;
[[nodiscard]] std::span<const PartRow<HeadsPart>> heads() noexcept;
[[nodiscard]] std::span<const PartRow<ScorePart>> scores() noexcept;
[[nodiscard]] std::span<const PartRow<SelectPart>> selects() noexcept;
[[nodiscard]] std::span<const PartRow<MergePart>> merges() noexcept;

}  // namespace catalogue
}  // namespace shrike::kv
