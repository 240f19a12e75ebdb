#pragma once

#include <span>

#include "core/model/config.hpp"

namespace shrike {

// What a family of models has that others have not: a row names the architecture of its text file, or the
// projector of its vision file, and what reads its own keys into the config once the common ones are in it. A
// new family is a file here with its rows, and its place in catalogue.cpp.
struct TextFamily {
  std::string_view architecture;
  Status (*read)(const gguf::File& file, TextConfig& config);
};
struct VisionFamily {
  std::string_view projector;
  Status (*read)(const gguf::File& file, VisionConfig& config);
};

// Null where it is not known here; names: all that are, for people.
[[nodiscard]] const TextFamily* text_family(std::string_view architecture) noexcept;
[[nodiscard]] const VisionFamily* vision_family(std::string_view projector) noexcept;
[[nodiscard]] std::string text_family_names();
[[nodiscard]] std::string vision_family_names();

namespace families {

extern const TextFamily kLlama;
extern const VisionFamily kIdefics3;

extern const TextFamily kQwen2, kQwen3, kQwen2Vl, kQwen3Vl;
extern const VisionFamily kQwen2VlMerger, kQwen25VlMerger, kQwen3VlMerger;

extern const VisionFamily kInternVl;
extern const VisionFamily kLlava;

extern const TextFamily kGemma3Text;
extern const VisionFamily kGemma3;

extern const TextFamily kLfm2Text;
extern const VisionFamily kLfm2;

// Of a table of positions that is resized: the side of its square grid.
[[nodiscard]] Result<int> table_side(const gguf::File& file);
// The most and fewest tokens of a picture of its own size, where the file says so in pixels.
[[nodiscard]] Status read_cells(const gguf::File& file, VisionConfig& config);

}  // namespace families
}  // namespace shrike
