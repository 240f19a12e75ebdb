#include "core/model/config.hpp"

#include "core/limits.hpp"

namespace shrike {
namespace {

using limits::kContextMax, limits::kDimMax, limits::kFeedForwardMax, limits::kHeadDimMax, limits::kHeadsMax,
    limits::kFrameSideMax, limits::kImageSideMax, limits::kLayersMax, limits::kPatchesMax, limits::kVocabMax;

// "llama.block_count" without building strings: every key of these files is named once, here.
constexpr std::string_view kBlocks = "llama.block_count";
constexpr std::string_view kDim = "llama.embedding_length";
constexpr std::string_view kFeedForward = "llama.feed_forward_length";
constexpr std::string_view kHeads = "llama.attention.head_count";
constexpr std::string_view kKvHeads = "llama.attention.head_count_kv";
constexpr std::string_view kHeadDim = "llama.attention.key_length";
constexpr std::string_view kValueDim = "llama.attention.value_length";
constexpr std::string_view kRope = "llama.rope.dimension_count";
constexpr std::string_view kRopeBase = "llama.rope.freq_base";
constexpr std::string_view kRopeScaling = "llama.rope.scaling.type";
constexpr std::string_view kContext = "llama.context_length";
constexpr std::string_view kRmsEps = "llama.attention.layer_norm_rms_epsilon";

Status expect_architecture(const gguf::File& file, std::string_view wanted, const char* rule) {
  SHRIKE_TRY(const std::string_view architecture, file.string("general.architecture"));
  if (architecture != wanted) return file.error(Code::unsupported, rule, architecture.substr(0, 64));
  return ok();
}

Status expect_positive(const gguf::File& file, std::string_view key, float value) {
  if (!(value > 0.0f)) return file.error(Code::malformed, "must be positive", key);
  return ok();
}

Result<int> count(const gguf::File& file, std::string_view key, int max) {
  SHRIKE_TRY(const std::int64_t value, file.integer(key, 1, max));
  return static_cast<int>(value);
}

Result<int> count_or(const gguf::File& file, std::string_view key, int fallback, int max) {
  SHRIKE_TRY(const std::int64_t value, file.integer_or(key, fallback, 1, max));
  return static_cast<int>(value);
}

// The width of a head that no key names, which is the model's width shared out among the heads.
Result<int> shared_out(const gguf::File& file, int dim, int n_heads, std::string_view heads_key) {
  if (dim % n_heads != 0)
    return file.error(Code::malformed, "does not divide the width", heads_key, n_heads, dim);
  if (dim / n_heads > kHeadDimMax)
    return file.error(Code::malformed, "heads are too wide", heads_key, dim / n_heads, kHeadDimMax);
  return dim / n_heads;
}

}  // namespace

Result<TextConfig> read_text_config(const gguf::File& file) {
  SHRIKE_TRY_VOID(expect_architecture(file, "llama", "not a text model of architecture llama"));
  TextConfig c;
  SHRIKE_TRY(c.n_layers, count(file, kBlocks, kLayersMax));
  SHRIKE_TRY(c.dim, count(file, kDim, kDimMax));
  SHRIKE_TRY(c.n_ff, count(file, kFeedForward, kFeedForwardMax));
  SHRIKE_TRY(c.n_heads, count(file, kHeads, kHeadsMax));
  SHRIKE_TRY(c.n_kv_heads, count_or(file, kKvHeads, c.n_heads, kHeadsMax));
  if (c.n_heads % c.n_kv_heads != 0)
    return file.error(Code::malformed, "does not divide the number of heads", kKvHeads, c.n_kv_heads,
                      c.n_heads);
  SHRIKE_TRY(c.head_dim, file.find(kHeadDim) != nullptr ? count(file, kHeadDim, kHeadDimMax)
                                                        : shared_out(file, c.dim, c.n_heads, kHeads));
  SHRIKE_TRY(const int value_dim, count_or(file, kValueDim, c.head_dim, kHeadDimMax));
  if (value_dim != c.head_dim)
    return file.error(Code::unsupported, "keys and values of different width", kValueDim, value_dim,
                      c.head_dim);
  SHRIKE_TRY(c.n_rope, count_or(file, kRope, c.head_dim, c.head_dim));
  if (c.n_rope % 2 != 0) return file.error(Code::malformed, "must be even", kRope, c.n_rope, c.head_dim);
  SHRIKE_TRY(c.n_ctx, count(file, kContext, kContextMax));
  SHRIKE_TRY(c.rms_eps, file.real(kRmsEps));
  SHRIKE_TRY_VOID(expect_positive(file, kRmsEps, c.rms_eps));
  SHRIKE_TRY(c.rope_base, file.real_or(kRopeBase, 10000.0f));
  SHRIKE_TRY_VOID(expect_positive(file, kRopeBase, c.rope_base));
  SHRIKE_TRY(const std::string_view scaling, file.string_or(kRopeScaling, "none"));
  if (scaling != "none")
    return file.error(Code::unsupported, "rotary scaling is not known here", kRopeScaling);
  SHRIKE_TRY(const gguf::Value* tokens,
             file.array("tokenizer.ggml.tokens", gguf::ValueType::string, 1, kVocabMax));
  c.n_vocab = static_cast<int>(tokens->count);
  SHRIKE_TRY(c.prompt_intro, file.string_or("shrike.prompt.intro", ""));
  SHRIKE_TRY(c.prompt_frame, file.string_or("shrike.prompt.frame", ""));
  SHRIKE_TRY(c.video_fps, file.real_or("shrike.video.fps", 1.0f));
  if (!(c.video_fps > 0.0f && c.video_fps <= 1000.0f))
    return file.error(Code::malformed, "must be above 0 and at most 1000", "shrike.video.fps");
  return c;
}

Result<VisionConfig> read_vision_config(const gguf::File& file) {
  SHRIKE_TRY_VOID(expect_architecture(file, "clip", "not a vision file (mmproj) of architecture clip"));
  SHRIKE_TRY(const bool has_vision, file.boolean_or("clip.has_vision_encoder", true));
  if (!has_vision) return file.error(Code::unsupported, "has no vision encoder", "clip.has_vision_encoder");
  SHRIKE_TRY(std::string_view projector, file.string_or("clip.projector_type", ""));
  if (projector.empty()) {
    SHRIKE_TRY(projector, file.string("clip.vision.projector_type"));
  }
  if (projector != "idefics3")
    return file.error(Code::unsupported, "projector is not idefics3 (SmolVLM)", projector.substr(0, 64));

  VisionConfig c;
  c.projector = projector;
  SHRIKE_TRY(c.image_size, count(file, "clip.vision.image_size", kImageSideMax));
  SHRIKE_TRY(c.longest_edge, count_or(file, "clip.vision.preproc_image_size", c.image_size, kFrameSideMax));
  SHRIKE_TRY(c.patch_size, count(file, "clip.vision.patch_size", c.image_size));
  if (c.image_size % c.patch_size != 0)
    return file.error(Code::malformed, "does not divide the image", "clip.vision.patch_size", c.patch_size,
                      c.image_size);
  if (c.n_patches() > kPatchesMax)
    return file.error(Code::malformed, "too many patches", "clip.vision.patch_size", c.n_patches(),
                      kPatchesMax);
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
  SHRIKE_TRY(const bool silu, file.boolean_or("clip.use_silu", false));
  if (silu) return file.error(Code::unsupported, "SiLU in the vision tower", "clip.use_silu");
  SHRIKE_TRY(c.shuffle, count(file, "clip.vision.projector.scale_factor", c.grid()));
  if (c.grid() % c.shuffle != 0)
    return file.error(Code::malformed, "does not divide the patch grid", "clip.vision.projector.scale_factor",
                      c.shuffle, c.grid());
  SHRIKE_TRY(c.projection_dim, count(file, "clip.vision.projection_dim", kDimMax));
  return c;
}

}  // namespace shrike
