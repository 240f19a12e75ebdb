#include "core/model/config.hpp"

#include <cstring>

#include "core/limits.hpp"
#include "core/model/families/family.hpp"
#include "core/model/keys.hpp"

namespace shrike {
namespace {

using keys::count, keys::count_or, keys::expect_positive;
using limits::kContextMax, limits::kDimMax, limits::kFeedForwardMax, limits::kHeadDimMax, limits::kHeadsMax,
    limits::kImageSideMax, limits::kLayersMax, limits::kPatchesMax, limits::kVocabMax;

// The width of a head that no key names, which is the model's width shared out among the heads.
Result<int> shared_out(const gguf::File& file, int dim, int n_heads, std::string_view heads_key) {
  if (dim % n_heads != 0)
    return file.error(Code::malformed, "does not divide the width", heads_key, n_heads, dim);
  if (dim / n_heads > kHeadDimMax)
    return file.error(Code::malformed, "heads are too wide", heads_key, dim / n_heads, kHeadDimMax);
  return dim / n_heads;
}

// A name that a file gives, with those that there are.
Error unknown(const gguf::File& file, const char* rule, std::string_view name, const std::string& known) {
  Error error = file.error(Code::unsupported, rule, name.substr(0, 64));
  error.hint = "there are " + known;
  return error;
}

// One number for all layers, or one for each: 0 where a layer has no attention. Those that have are alike.
Status read_kv_heads(const gguf::File& file, TextConfig& c) {
  const std::string key = keys::of(c.architecture, "attention.head_count_kv");
  const gguf::Value* value = file.find(key);
  if (value == nullptr || value->type != gguf::ValueType::array) {
    SHRIKE_TRY(c.n_kv_heads, count_or(file, key, c.n_heads, kHeadsMax));
  } else {
    const auto n_layers = static_cast<std::uint64_t>(c.n_layers);
    SHRIKE_TRY(value,
               file.array(key, value->element == gguf::ValueType::u32 ? value->element : gguf::ValueType::i32,
                          n_layers, n_layers));
    int next = 0;
    for (std::size_t layer = 0; layer < n_layers; ++layer) {
      std::int32_t n = 0;
      std::memcpy(&n, value->bytes.data() + layer * sizeof(n), sizeof(n));
      if (n < 0 || n > kHeadsMax) return file.error(Code::malformed, "is out of range", key, n, kHeadsMax);
      if (n > 0 && c.n_kv_heads > 0 && n != c.n_kv_heads)
        return file.error(Code::unsupported, "layers of different kv heads", key, n, c.n_kv_heads);
      if (n > 0) c.n_kv_heads = n;
      c.kv_layers.push_back(n > 0 ? next++ : -1);
    }
    if (next == 0) return file.error(Code::unsupported, "no layer has attention", key);
    if (next == c.n_layers) c.kv_layers.clear();
  }
  if (c.n_heads % c.n_kv_heads != 0)
    return file.error(Code::malformed, "does not divide the number of heads", key, c.n_kv_heads, c.n_heads);
  return ok();
}

Status read_rotation(const gguf::File& file, TextConfig& c) {
  const auto key = [&](const char* name) { return keys::of(c.architecture, name); };
  SHRIKE_TRY(c.rotation.n_rope, count_or(file, key("rope.dimension_count"), c.head_dim, c.head_dim));
  if (c.rotation.n_rope % 2 != 0)
    return file.error(Code::malformed, "must be even", key("rope.dimension_count"), c.rotation.n_rope,
                      c.head_dim);
  SHRIKE_TRY(c.rotation.base, file.real_or(key("rope.freq_base"), 10000.0f));
  SHRIKE_TRY_VOID(expect_positive(file, key("rope.freq_base"), c.rotation.base));
  SHRIKE_TRY(const std::string_view scaling, file.string_or(key("rope.scaling.type"), "none"));
  if (scaling == "none") return ok();
  if (scaling != "linear")
    return file.error(Code::unsupported, "rotary scaling is not known here", key("rope.scaling.type"));
  SHRIKE_TRY(c.rotation.factor, file.real_or(key("rope.scaling.factor"), 1.0f));
  return expect_positive(file, key("rope.scaling.factor"), c.rotation.factor);
}

}  // namespace

Result<TextConfig> read_text_config(const gguf::File& file) {
  TextConfig c;
  SHRIKE_TRY(c.architecture, file.string("general.architecture"));
  const TextFamily* family = text_family(c.architecture);
  if (family == nullptr)
    return unknown(file, "is no text model of an architecture that is known here", c.architecture,
                   text_family_names());
  const auto key = [&](const char* name) { return keys::of(c.architecture, name); };
  SHRIKE_TRY(c.n_layers, count(file, key("block_count"), kLayersMax));
  SHRIKE_TRY(c.dim, count(file, key("embedding_length"), kDimMax));
  SHRIKE_TRY(c.n_ff, count(file, key("feed_forward_length"), kFeedForwardMax));
  SHRIKE_TRY(c.n_heads, count(file, key("attention.head_count"), kHeadsMax));
  const std::string head_dim = key("attention.key_length");
  SHRIKE_TRY_VOID(read_kv_heads(file, c));
  SHRIKE_TRY(c.head_dim, file.find(head_dim) != nullptr
                             ? count(file, head_dim, kHeadDimMax)
                             : shared_out(file, c.dim, c.n_heads, key("attention.head_count")));
  SHRIKE_TRY(const int value_dim, count_or(file, key("attention.value_length"), c.head_dim, kHeadDimMax));
  if (value_dim != c.head_dim)
    return file.error(Code::unsupported, "keys and values of different width", key("attention.value_length"),
                      value_dim, c.head_dim);
  SHRIKE_TRY_VOID(read_rotation(file, c));
  SHRIKE_TRY(c.n_ctx, count(file, key("context_length"), kContextMax));
  SHRIKE_TRY(c.rms_eps, file.real(key("attention.layer_norm_rms_epsilon")));
  SHRIKE_TRY_VOID(expect_positive(file, key("attention.layer_norm_rms_epsilon"), c.rms_eps));
  SHRIKE_TRY(const gguf::Value* tokens,
             file.array("tokenizer.ggml.tokens", gguf::ValueType::string, 1, kVocabMax));
  c.n_vocab = static_cast<int>(tokens->count);
  SHRIKE_TRY(c.prompt_intro, file.string_or("shrike.prompt.intro", ""));
  SHRIKE_TRY(c.prompt_frame, file.string_or("shrike.prompt.frame", ""));
  SHRIKE_TRY(c.video_fps, file.real_or("shrike.video.fps", 1.0f));
  if (!(c.video_fps > 0.0f && c.video_fps <= 1000.0f))
    return file.error(Code::malformed, "must be above 0 and at most 1000", "shrike.video.fps");
  SHRIKE_TRY_VOID(family->read(file, c));
  if (!c.kv_layers.empty() && c.conv_length == 0)
    return file.error(Code::malformed, "a layer has no attention, and nothing else in its place",
                      key("attention.head_count_kv"));
  return c;
}

Result<VisionConfig> read_vision_config(const gguf::File& file) {
  SHRIKE_TRY(const std::string_view architecture, file.string("general.architecture"));
  if (architecture != "clip")
    return file.error(Code::unsupported, "not a vision file (mmproj) of architecture clip",
                      architecture.substr(0, 64));
  SHRIKE_TRY(const bool has_vision, file.boolean_or("clip.has_vision_encoder", true));
  if (!has_vision) return file.error(Code::unsupported, "has no vision encoder", "clip.has_vision_encoder");
  VisionConfig c;
  SHRIKE_TRY(c.projector, file.string_or("clip.projector_type", ""));
  if (c.projector.empty()) {
    SHRIKE_TRY(c.projector, file.string("clip.vision.projector_type"));
  }
  const VisionFamily* family = vision_family(c.projector);
  if (family == nullptr)
    return unknown(file, "is no projector that is known here", c.projector, vision_family_names());

  SHRIKE_TRY(c.image_size, count(file, "clip.vision.image_size", kImageSideMax));
  SHRIKE_TRY(c.patch_size, count(file, "clip.vision.patch_size", c.image_size));
  SHRIKE_TRY(c.dim, count(file, "clip.vision.embedding_length", kDimMax));
  SHRIKE_TRY(c.n_ff, count(file, "clip.vision.feed_forward_length", kFeedForwardMax));
  SHRIKE_TRY(c.n_layers, count(file, "clip.vision.block_count", kLayersMax));
  SHRIKE_TRY(c.n_heads, count(file, "clip.vision.attention.head_count", kHeadsMax));
  SHRIKE_TRY_VOID(shared_out(file, c.dim, c.n_heads, "clip.vision.attention.head_count"));
  SHRIKE_TRY(c.eps, file.real("clip.vision.attention.layer_norm_epsilon"));
  SHRIKE_TRY_VOID(expect_positive(file, "clip.vision.attention.layer_norm_epsilon", c.eps));
  SHRIKE_TRY_VOID(file.reals("clip.vision.image_mean", c.mean));
  SHRIKE_TRY_VOID(file.reals("clip.vision.image_std", c.std));
  for (const float value : c.std) SHRIKE_TRY_VOID(expect_positive(file, "clip.vision.image_std", value));
  SHRIKE_TRY(const bool gelu, file.boolean_or("clip.use_gelu", false));
  c.activation = gelu ? Activation::gelu : Activation::gelu_quick;
  SHRIKE_TRY(c.projection_dim, count(file, "clip.vision.projection_dim", kDimMax));
  SHRIKE_TRY_VOID(family->read(file, c));

  SHRIKE_TRY(const bool silu, file.boolean_or("clip.use_silu", false));
  if (silu && !c.gated) return file.error(Code::unsupported, "SiLU in the vision tower", "clip.use_silu");
  if (c.image_size % c.patch_size != 0)
    return file.error(Code::malformed, "does not divide the image", "clip.vision.patch_size", c.patch_size,
                      c.image_size);
  if (c.n_patches() > kPatchesMax)
    return file.error(Code::malformed, "too many patches", "clip.vision.patch_size", c.n_patches(),
                      kPatchesMax);
  if (c.grid() % c.shuffle != 0)
    return file.error(Code::malformed, "does not divide the patch grid", "clip.vision.projector.scale_factor",
                      c.shuffle, c.grid());
  return c;
}

}  // namespace shrike
