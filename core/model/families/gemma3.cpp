// Gemma 3's vision file: SigLIP, the mean of 4 x 4 patches, a norm and one product whose file has it turned. Its text
// model is not known here.
// Source   arXiv 2503.19786
#include "core/model/families/family.hpp"

namespace shrike::families {
namespace {

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

const VisionFamily kGemma3{"gemma3", read_gemma3};

}  // namespace shrike::families
