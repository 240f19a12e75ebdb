// Qwen2-VL, Qwen2.5-VL, Qwen3-VL, and the text models of others that they began as (qwen2, qwen3).
//
//   decoder  heads are turned by three positions: time, row and column of the picture
//   tower    pictures of their own size; patches turned by row and column; 2 x 2 of them become a token
//
// Source   Qwen2-VL arXiv 2409.12191, Qwen2.5-VL arXiv 2502.13923, Qwen3-VL arXiv 2511.21631
#include <cstring>

#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike::families {
namespace {

// How many pairs of a head each of the three positions turns. A fourth that files have room for is no position.
Status read_sections(const gguf::File& file, TextConfig& c) {
  const std::string key = keys::of(c.architecture, "rope.dimension_sections");
  SHRIKE_TRY(const gguf::Value* value, file.array(key, gguf::ValueType::i32, 3, 4));
  int sum = 0;
  for (std::size_t i = 0; i < value->count; ++i) {
    std::int32_t n = 0;
    std::memcpy(&n, value->bytes.data() + i * sizeof(n), sizeof(n));
    if (n < 0 || n > c.rotation.n_rope)
      return file.error(Code::malformed, "section is out of range", key, n, c.rotation.n_rope);
    if (i == 3 && n != 0)
      return file.error(Code::unsupported, "a fourth section is not known here", key, n, 0);
    if (i < 3) c.rotation.sections[i] = n;
    sum += n;
  }
  if (sum != c.rotation.n_rope / 2)
    return file.error(Code::malformed, "do not add up to half the turned numbers of a head", key, sum,
                      c.rotation.n_rope / 2);
  return ok();
}

Status read_qwen2(const gguf::File&, TextConfig& c) {
  c.qkv_bias = true;
  return ok();
}

Status read_qwen3(const gguf::File&, TextConfig& c) {
  c.head_norms = true;
  return ok();
}

Status read_qwen2vl(const gguf::File& file, TextConfig& c) {
  c.qkv_bias = true;
  return read_sections(file, c);
}

Status read_qwen3vl(const gguf::File& file, TextConfig& c) {
  c.head_norms = true;
  c.rotation.interleaved = true;
  SHRIKE_TRY(const std::int64_t n,
             file.integer_or(keys::of(c.architecture, "n_deepstack_layers"), 0, 0, c.n_layers));
  c.n_deepstack = static_cast<int>(n);
  return read_sections(file, c);
}

// What the three towers have in common. image_size is no more than a placeholder in their files.
Status read_tower(const gguf::File& file, VisionConfig& c) {
  SHRIKE_TRY(c.shuffle, keys::count_or(file, "clip.vision.spatial_merge_size", 2, 16));
  c.rotary = true;
  if (c.head_dim() % 4 != 0)
    return file.error(Code::malformed, "a head cannot be turned by two positions",
                      "clip.vision.attention.head_count", c.head_dim(), c.head_dim() / 4 * 4);
  const int cell = c.patch_size * c.shuffle;
  c.image_size = 16 * cell;
  if (c.image_size > limits::kImageSideMax)
    return file.error(Code::malformed, "too large", "clip.vision.patch_size", cell,
                      limits::kImageSideMax / 16);
  c.picturing = {.cutting = Cutting::own_size, .cells_min = 4, .cells_max = 16384};
  c.two_frames = true;
  c.projection.first = "mm.0";
  c.projection.second = "mm.2";
  return read_cells(file, c);
}

Status read_qwen2vl_merger(const gguf::File& file, VisionConfig& c) {
  c.places = PlaceTable::none;
  c.patch_bias = false;
  return read_tower(file, c);
}

// Windows of 112 pixels, and layers between them that see everything.
Status read_qwen25vl_merger(const gguf::File& file, VisionConfig& c) {
  SHRIKE_TRY_VOID(read_qwen2vl_merger(file, c));
  c.norm = NormKind::rms;
  c.gated = true;
  c.activation = Activation::silu;
  constexpr std::string_view kWindow = "clip.vision.window_size";
  SHRIKE_TRY(const int window, keys::count_or(file, kWindow, 112, limits::kImageSideMax));
  const int cell = c.patch_size * c.shuffle;
  if (window < cell || window % cell != 0)
    return file.error(Code::malformed, "is no whole number of image tokens", kWindow, window, cell);
  c.window = window / c.patch_size;
  SHRIKE_TRY(c.window_free_every, keys::count(file, "clip.vision.n_wa_pattern", c.n_layers));
  return ok();
}

Status read_qwen3vl_merger(const gguf::File& file, VisionConfig& c) {
  c.places = PlaceTable::aligned;
  SHRIKE_TRY(c.table_side, table_side(file));
  c.joined_qkv = true;
  SHRIKE_TRY_VOID(read_tower(file, c));
  constexpr std::string_view kTapped = "clip.vision.is_deepstack_layers";
  if (file.find(kTapped) == nullptr) return ok();
  const auto n_layers = static_cast<std::uint64_t>(c.n_layers);
  SHRIKE_TRY(const gguf::Value* tapped, file.array(kTapped, gguf::ValueType::boolean, n_layers, n_layers));
  for (int layer = 0; layer < c.n_layers; ++layer)
    if (tapped->bytes[static_cast<std::size_t>(layer)] != std::byte{0}) c.deepstack.push_back(layer);
  if (c.n_deepstack() > limits::kDeepstackMax)
    return file.error(Code::malformed, "too many layers", kTapped, c.n_deepstack(), limits::kDeepstackMax);
  return ok();
}

}  // namespace

const TextFamily kQwen2{"qwen2", read_qwen2};
const TextFamily kQwen3{"qwen3", read_qwen3};
const TextFamily kQwen2Vl{"qwen2vl", read_qwen2vl};
const TextFamily kQwen3Vl{"qwen3vl", read_qwen3vl};
const VisionFamily kQwen2VlMerger{"qwen2vl_merger", read_qwen2vl_merger};
const VisionFamily kQwen25VlMerger{"qwen2.5vl_merger", read_qwen25vl_merger};
const VisionFamily kQwen3VlMerger{"qwen3vl_merger", read_qwen3vl_merger};

}  // namespace shrike::families
