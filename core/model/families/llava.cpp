// LLaVA-1.5: CLIP's tower up to the layer before its last, which files do not hold, without its class token.
// Files of 1.6 are seen in one tile, stretched as their overview is.
// Source   arXiv 2310.03744
#include "core/model/families/family.hpp"

namespace shrike::families {
namespace {

Status read_llava(const gguf::File& file, VisionConfig& c) {
  for (const char* other : {"mm.1.weight", "mm.3.weight", "mm.4.weight"})
    if (file.tensor(other) != nullptr)
      return file.error(Code::unsupported, "a projector with norms is not known here", other);
  c.shuffle = 1;
  c.class_token = true;
  c.patch_bias = false;
  c.pre_norm = true;
  c.post_norm = false;
  c.picturing.letterbox = file.find("clip.vision.image_grid_pinpoints") == nullptr;
  c.projection = {.first = "mm.0", .second = "mm.2"};
  return ok();
}

}  // namespace

const VisionFamily kLlava{"mlp", read_llava};

}  // namespace shrike::families
