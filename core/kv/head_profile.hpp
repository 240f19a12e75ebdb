#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/result.hpp"

namespace shrike::kv {

// What the heads of a model look back for: of each (layer, kv head) how much worse answers become when it alone
// forgets the words of past frames, and when it forgets their pictures, for each slot that this frees. In most
// models few heads look back at all; what the others would keep is room for these. It is measured once for a model
// (`shrike calibrate`) on other streams than those it is used for, and lies in a text file beside it:
//
//   # comments, blank lines
//   6 layers, 2 kv heads
//   0 0  0.0004  0.0715           layer, kv head, weight of words, weight of pictures
//
// Shapes   weights [n_layers][n_kv_heads][2], the last by Modality; 0 to 1, the largest is 1
// Source   heads that retrieve and heads that do not: DuoAttention arXiv 2410.10819, HeadKV arXiv 2410.19258; the
//          measure, by modality and by what answers lose, is ours
struct HeadProfile {
  int n_layers = 0;
  int n_kv_heads = 0;
  std::vector<float> weights;
};

// Errors   missing; malformed, with the line; unsupported: of another shape
[[nodiscard]] Result<HeadProfile> read_head_profile(const std::string& path, int n_layers, int n_kv_heads);
[[nodiscard]] Result<HeadProfile> parse_head_profile(std::string_view text, const std::string& name);
// The file's text; each line of `note` becomes a comment.
[[nodiscard]] std::string head_profile_text(const HeadProfile& profile, std::string_view note);

// Where a model's profile lies: model.gguf has model.heads beside it.
[[nodiscard]] std::string head_profile_path(const std::string& model_path);

}  // namespace shrike::kv
