// InternVL 2.5, 3 and 3.5 with the tower of 300M: its class token comes first and is dropped; tiles as the
// picture's ratio wants them.
// Source   arXiv 2412.05271
#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike::families {
namespace {

Status read_internvl(const gguf::File& file, VisionConfig& c) {
  if (file.tensor("v.blk.0.attn_q_norm.weight") != nullptr)
    return file.error(Code::unsupported, "the tower of 6B is not known here", "v.blk.0.attn_q_norm.weight");
  SHRIKE_TRY(c.shuffle, keys::count(file, "clip.vision.projector.scale_factor", c.image_size / c.patch_size));
  c.class_token = true;
  c.post_norm = false;
  c.layer_scale = true;
  c.picturing.cutting = Cutting::ratio;
  SHRIKE_TRY(c.picturing.tiles_max,
             keys::count_or(file, "clip.vision.preproc_max_tiles", 12, limits::kTilesMax));
  SHRIKE_TRY(c.picturing.tiles_min,
             keys::count_or(file, "clip.vision.preproc_min_tiles", 1, c.picturing.tiles_max));
  c.projection = {
      .norm = "mm.model.mlp.0", .eps = 1e-5f, .first = "mm.model.mlp.1", .second = "mm.model.mlp.3"};
  return ok();
}

}  // namespace

const VisionFamily kInternVl{"internvl", read_internvl};

}  // namespace shrike::families
