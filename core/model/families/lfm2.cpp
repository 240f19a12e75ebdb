// LFM2-VL: most layers of the decoder mix a few neighbouring rows instead of attending; a SigLIP 2 tower for pictures
// of their own size, with places resized to them.
// Source   SigLIP 2 arXiv 2502.14786; LFM2 arXiv 2511.23404
#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike::families {
namespace {

Status read_lfm2_text(const gguf::File& file, TextConfig& c) {
  c.head_norms = true;
  SHRIKE_TRY(c.conv_length,
             keys::count(file, keys::of(c.architecture, "shortconv.l_cache"), limits::kConvMax));
  return ok();
}

// image_size is a placeholder in their files: tiles are 32 patches across and down.
Status read_lfm2(const gguf::File& file, VisionConfig& c) {
  c.image_size = 32 * c.patch_size;
  if (c.image_size > limits::kImageSideMax)
    return file.error(Code::malformed, "too large", "clip.vision.patch_size", c.patch_size,
                      limits::kImageSideMax / 32);
  SHRIKE_TRY(c.shuffle, keys::count(file, "clip.vision.projector.scale_factor", 32));
  c.places = PlaceTable::antialiased;
  SHRIKE_TRY(c.table_side, table_side(file));
  c.post_norm = file.tensor("v.post_ln.weight") != nullptr;
  c.picturing = {.cutting = Cutting::ratio_own,
                 .filter = Filter::bilinear,
                 .tiles_min = 2,
                 .tiles_max = 10,
                 .cells_min = 64,
                 .cells_max = 256};
  if (file.tensor("mm.input_norm.weight") != nullptr) c.projection.norm = "mm.input_norm";
  c.projection.eps = 1e-5f;
  c.projection.first = "mm.1";
  c.projection.second = "mm.2";
  return read_cells(file, c);
}

}  // namespace

const TextFamily kLfm2Text{"lfm2", read_lfm2_text};
const VisionFamily kLfm2{"lfm2", read_lfm2};

}  // namespace shrike::families
