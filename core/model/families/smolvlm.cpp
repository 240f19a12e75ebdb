// SmolVLM and SmolVLM2 (Idefics3): a llama decoder, a SigLIP tower, one product behind a pixel shuffle.
// Source   arXiv 2504.05299
#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike::families {
namespace {

// Rows of queries and keys were permuted when the file was made, so that neighbours are turned together.
Status read_llama(const gguf::File&, TextConfig& c) {
  c.pairing = RopePairing::neighbours;
  return ok();
}

Status read_idefics3(const gguf::File& file, VisionConfig& c) {
  c.picturing.cutting = Cutting::rows;
  c.picturing.filter = Filter::lanczos;
  SHRIKE_TRY(c.picturing.longest_edge,
             keys::count_or(file, "clip.vision.preproc_image_size", c.image_size, limits::kFrameSideMax));
  SHRIKE_TRY(c.shuffle, keys::count(file, "clip.vision.projector.scale_factor", c.image_size / c.patch_size));
  c.projection.first = "mm.model.fc";
  c.projection.first_bias = false;
  return ok();
}

}  // namespace

const TextFamily kLlama{"llama", read_llama};
const VisionFamily kIdefics3{"idefics3", read_idefics3};

}  // namespace shrike::families
