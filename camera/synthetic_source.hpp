#pragma once

#include <cstddef>
#include <memory>

#include "camera/source.hpp"
#include "platform/result.hpp"

namespace shrike {

// --source synthetic:SPEC, see camera/synthetic/world_options.hpp: frames drawn in this process when they are
// taken, as fast as they are, or at their own pace with options.realtime. Without an fps of its own the world has
// as many frames a second as are wanted.
//
// Memory   synthetic_bytes() for pictures, beside it the story; all in open()
// Errors   usage: a spec that is none
[[nodiscard]] Result<std::unique_ptr<Source>> open_synthetic(const SourceOptions& options);
[[nodiscard]] std::size_t synthetic_bytes(const SourceOptions& options) noexcept;  // 0: a spec that is none

}  // namespace shrike
