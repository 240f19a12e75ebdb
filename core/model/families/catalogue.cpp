#include <algorithm>
#include <cmath>

#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike {
namespace {

using namespace families;

constexpr const TextFamily* kTexts[] = {&kLlama,   &kQwen2,    &kQwen2Vl,   &kQwen3,
                                        &kQwen3Vl, &kLfm2Text, &kGemma3Text};
constexpr const VisionFamily* kVisions[] = {&kIdefics3, &kQwen2VlMerger, &kQwen25VlMerger, &kQwen3VlMerger,
                                            &kInternVl, &kLlava,         &kGemma3,         &kLfm2};

void add_name(std::string& names, std::string_view name) {
  if (!names.empty()) names += ", ";
  names += name;
}

}  // namespace

const TextFamily* text_family(std::string_view architecture) noexcept {
  const auto* row = std::find_if(std::begin(kTexts), std::end(kTexts), [&](const TextFamily* family) {
    return family->architecture == architecture;
  });
  return row != std::end(kTexts) ? *row : nullptr;
}

const VisionFamily* vision_family(std::string_view projector) noexcept {
  const auto* row = std::find_if(std::begin(kVisions), std::end(kVisions),
                                 [&](const VisionFamily* family) { return family->projector == projector; });
  return row != std::end(kVisions) ? *row : nullptr;
}

std::string text_family_names() {
  std::string names;
  for (const TextFamily* family : kTexts) add_name(names, family->architecture);
  return names;
}

std::string vision_family_names() {
  std::string names;
  for (const VisionFamily* family : kVisions) add_name(names, family->projector);
  return names;
}

namespace families {

Result<int> table_side(const gguf::File& file) {
  constexpr std::string_view kTable = "v.position_embd.weight";
  const gguf::TensorInfo* table = file.tensor(kTable);
  if (table == nullptr) return file.error(Code::malformed, "tensor is missing", kTable);
  const auto rows = static_cast<std::int64_t>(std::min<std::uint64_t>(table->ne[1], limits::kPatchesMax + 1));
  const auto side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(rows))));
  if (rows > limits::kPatchesMax)
    return file.error(Code::malformed, "too many patches", kTable, rows, limits::kPatchesMax);
  if (side * side != rows) return file.error(Code::malformed, "is no square grid", kTable, rows, side * side);
  return side;
}

Status read_cells(const gguf::File& file, VisionConfig& c) {
  const int cell = c.patch_size * c.shuffle;
  const int patches = c.shuffle * c.shuffle;
  const auto cells = [&](std::string_view key, int fallback) -> Result<int> {
    SHRIKE_TRY(const std::int64_t pixels,
               file.integer_or(key, std::int64_t{fallback} * cell * cell, 1, std::int64_t{1} << 40));
    return static_cast<int>(
        std::clamp<std::int64_t>(pixels / (std::int64_t{cell} * cell), 1, limits::kPatchesMax / patches));
  };
  SHRIKE_TRY(c.picturing.cells_min, cells("clip.vision.image_min_pixels", c.picturing.cells_min));
  SHRIKE_TRY(c.picturing.cells_max, cells("clip.vision.image_max_pixels", c.picturing.cells_max));
  if (c.picturing.cells_min > c.picturing.cells_max)
    return file.error(Code::malformed, "is more than the most", "clip.vision.image_min_pixels",
                      c.picturing.cells_min, c.picturing.cells_max);
  return ok();
}

}  // namespace families
}  // namespace shrike
