#pragma once

#include <vector>

#include "apps/shrike/eval_streams.hpp"

namespace shrike::cli {

// A row beside the policies, and none of them: it knows story and questions before the first frame, and keeps
// those whole frames that the answers need, most asked for first. What a policy that chose as well could reach.
inline constexpr const char* kOracle = "oracle";
inline constexpr const char* kOraclePolicy = "told";  // what it is made of

// [n_frames] 0 to kv::kWorthMax: more for the frame in which a visit that more questions are about begins, and
// most for the newest one where somebody asks what is in view.
[[nodiscard]] std::vector<int> frame_worths(const EvalStream& stream);

}  // namespace shrike::cli
