#pragma once

#include "core/model/config.hpp"
#include "core/model/weights.hpp"
#include "platform/machine.hpp"

namespace shrike::cli {

// What a stage cannot do without, and how long the machine takes for that at best.
struct Work {
  double int8_ops =
      0;               // products with quantised weights and all that stands between them, two a multiply-add
  double f32_ops = 0;  // the same of models whose weights are floats
  double bytes = 0;    // that must come from memory: weights once, keys and values once

  double seconds(const Machine& machine) const noexcept;
  const char* bound(const Machine& machine) const noexcept;  // "int8", "f32" or "memory"
};

// One tile through the vision tower and the projector.
[[nodiscard]] Work encode_work(const VisionConfig& config, const VisionWeights& weights);
// n tokens into an empty memory, no logits: the last layer stops at its keys and values.
[[nodiscard]] Work prefill_work(const TextConfig& config, const TextWeights& weights, int n);
// One token behind `context` others, with its logits. kv_row_bytes: of a key as the memory has it.
[[nodiscard]] Work decode_work(const TextConfig& config, const TextWeights& weights, int context,
                               std::size_t kv_row_bytes);

}  // namespace shrike::cli
