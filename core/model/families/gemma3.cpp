// Gemma 3.
//
//   decoder  five of six layers see only what is near, and turn heads by frequencies of their own; the rows of a
//            picture see each other; attention and feed-forward have a norm behind them as well
//   tower    SigLIP, the mean of 4 x 4 patches, a norm and one product whose file has it turned
//
// Source   arXiv 2503.19786
#include <cmath>

#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike::families {
namespace {

constexpr int kLayers27B = 62;

Status read_gemma3_text(const gguf::File& file, TextConfig& c) {
  const auto key = [&](const char* name) { return keys::of(c.architecture, name); };
  // No key tells how its scores are scaled, which is not by the width of a head.
  if (c.n_layers == kLayers27B)
    return file.error(Code::unsupported, "the model of 27B is not known here", key("block_count"));
  for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (file.find(key(cap)) != nullptr)
      return file.error(Code::unsupported, "numbers that are capped are not known here", key(cap));
  c.head_norms = c.branch_norms = c.both_ways = true;
  c.activation = Activation::gelu;
  c.embedding_scale = std::sqrt(static_cast<float>(c.dim));
  SHRIKE_TRY(c.sight, keys::count(file, key("attention.sliding_window"), limits::kContextMax));
  SHRIKE_TRY(c.far_every,
             keys::count_or(file, key("attention.sliding_window_pattern"), 6, limits::kLayersMax));
  c.near_rotation.n_rope = c.rotation.n_rope;
  SHRIKE_TRY(c.near_rotation.base, file.real_or(key("rope.freq_base_swa"), 10000.0f));
  return keys::expect_positive(file, key("rope.freq_base_swa"), c.near_rotation.base);
}

Status read_gemma3(const gguf::File&, VisionConfig& c) {
  c.shuffle = 4;
  c.join = Join::mean;
  c.picturing.filter = Filter::bilinear;
  c.projection = {.norm = "mm.soft_emb_norm",
                  .norm_kind = NormKind::rms,
                  .eps = c.eps,
                  .first = "mm.input_projection",
                  .turned = true};
  return ok();
}

}  // namespace

const TextFamily kGemma3Text{"gemma3", read_gemma3_text};
const VisionFamily kGemma3{"gemma3", read_gemma3};

}  // namespace shrike::families
