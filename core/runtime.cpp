#include "core/runtime.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/kv/head_profile.hpp"
#include "core/limits.hpp"
#include "platform/check.hpp"
#include "platform/cpu.hpp"

namespace shrike {
namespace {

constexpr std::size_t kKvBudgetDefault = 4u << 20;
constexpr int kSensibleFrames = 16;
constexpr int kChunkMin = 256;  // rows: with fewer, unpacking the weights is a good part of a product
constexpr int kShownMin = 128;  // rows of which evidence is collected, which takes memory by the row
// What a process of ours holds beside its arena: libc, the directory of the model's keys and tensors, touched
// stacks.
constexpr std::size_t kProcessBytes = 4u << 20;
constexpr std::size_t kStackBytes = 64u << 10;  // of a worker, as far as it is touched

Status check_options(const SessionOptions& o) {
  const auto within = [](const char* option, int value, int min, int max) -> Status {
    if (value >= min && value <= max) return ok();
    return Error{Code::usage, value < min ? "too small" : "too large", option, value,
                 value < min ? min : max};
  };
  SHRIKE_TRY_VOID(within("--threads", o.n_threads, 0, limits::kThreadsMax));
  SHRIKE_TRY_VOID(within("--question-tokens", o.question_tokens_max, 1, limits::kQuestionTokensMax));
  SHRIKE_TRY_VOID(within("--predict", o.answer_tokens_max, 1, limits::kAnswerTokensMax));
  SHRIKE_TRY_VOID(within("--ctx-size", o.context_max, 0, limits::kContextMax));
  return ok();
}

}  // namespace

Result<Kernels> choose_kernels(const std::string& name) {
  const std::optional<Isa> isa = name.empty() ? choose_isa() : isa_from_name(name);
  const auto runnable = runnable_isas();
  if (!isa || std::find(runnable.begin(), runnable.end(), *isa) == runnable.end())
    return Error{Code::usage, "is no kernel set that this machine can run; scalar always works",
                 name.empty() ? std::string("SHRIKE_ISA ") + std::getenv("SHRIKE_ISA") : name};
  return kernels_for(*isa);
}

Runtime::Runtime(std::unique_ptr<Model> model, const Kernels& kernels, int n_threads)
    : model_(std::move(model)),
      kernels_(kernels),
      threads_(n_threads),
      compute_{kernels_, threads_, {}, {}},
      vision_encoder_(model_->vision_config, model_->vision_weights),
      projector_(model_->vision_config, model_->vision_weights),
      decoder_(model_->text_config, model_->text_weights) {}

Result<std::unique_ptr<Runtime>> Runtime::prepare(const SessionOptions& options) {
  SHRIKE_TRY_VOID(check_options(options));
  SHRIKE_TRY(const kv::Policy policy, kv::parse_policy(options.kv_policy));
  SHRIKE_TRY(const Kernels kernels, choose_kernels(options.isa));
  SHRIKE_TRY(std::unique_ptr<Model> model, Model::open(options.model_path, options.mmproj_path));
  const int n_threads = options.n_threads > 0 ? options.n_threads : std::min(n_cpus(), limits::kThreadsMax);
  std::unique_ptr<Runtime> runtime(new Runtime(std::move(model), kernels, n_threads));
  runtime->options_ = options;
  runtime->policy_ = policy;
  SHRIKE_TRY_VOID(runtime->read_heads());
  SHRIKE_TRY_VOID(runtime->size_up());
  Arena measure;
  SHRIKE_TRY_VOID(runtime->lay_out(measure));
  runtime->make_plan(measure);
  return runtime;
}

Result<Plan> Runtime::plan(const SessionOptions& options) {
  SHRIKE_TRY(const std::unique_ptr<Runtime> runtime, prepare(options));
  return runtime->plan_;
}

Result<std::unique_ptr<Runtime>> Runtime::open(const SessionOptions& options) {
  SHRIKE_TRY(std::unique_ptr<Runtime> runtime, prepare(options));
  const Plan& plan = runtime->plan_;
  if (!plan.kv_fits())
    return Error{Code::does_not_fit, "one frame and one question need more", "--kv-budget",
                 static_cast<std::int64_t>(plan.kv_budget_bytes),
                 static_cast<std::int64_t>(plan.kv_budget_min_bytes)};
  if (!plan.context_fits())
    return Error{Code::does_not_fit, "too few positions for one frame and one question", "--ctx-size",
                 plan.context_max, plan.context_min};
  if (!plan.memory_fits())
    return Error{Code::does_not_fit, "the plan does not fit into", "--memory",
                 static_cast<std::int64_t>(plan.total_bytes()),
                 static_cast<std::int64_t>(plan.memory_max_bytes)};
  Arena measure;
  SHRIKE_TRY_VOID(runtime->lay_out(measure));
  PageOptions pages;
  pages.lock = options.mlock;
  pages.huge = true;  // blocks of keys and values lie far apart: each read of one would miss the TLB
  SHRIKE_TRY(runtime->arena_, Arena::reserve(measure, pages));
  SHRIKE_TRY_VOID(runtime->lay_out(runtime->arena_));
  runtime->arena_.seal();
  if (options.mlock && !runtime->model_->lock())
    return Error{Code::resource, "the weights cannot be locked; raise the limit (ulimit -l)", "--mlock"};
  runtime->reset();
  if (!runtime->worth_.empty()) runtime->memory_.set_worth(runtime->worth_);
  return runtime;
}

Status Runtime::read_heads() {
  std::string path = options_.head_profile;
  if (path == "none") return ok();
  std::error_code ignored;
  if (path.empty()) {
    path = kv::head_profile_path(options_.model_path);
    if (!std::filesystem::exists(path, ignored)) return ok();
  }
  const TextConfig& c = model_->text_config;
  SHRIKE_TRY(kv::HeadProfile profile, kv::read_head_profile(path, c.n_kv_layers(), c.n_kv_heads));
  worth_ = std::move(profile.weights);
  return ok();
}

// Counts what depends on words: the tokens of the opening, of a frame, of what stands around a question. The
// tokenizer lives on the heap for that moment, because the arena cannot be measured before.
Status Runtime::size_up() {
  const TextConfig& c = model_->text_config;
  SHRIKE_TRY(const std::size_t tokenizer_bytes, Tokenizer::bytes_needed(model_->file()));
  std::vector<std::byte> heap(tokenizer_bytes + Arena::kAlignment);
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(heap.data()) % Arena::kAlignment;
  SHRIKE_TRY(const Tokenizer tokenizer,
             Tokenizer::build(model_->file(),
                              std::span(heap).subspan((Arena::kAlignment - misaligned) % Arena::kAlignment,
                                                      tokenizer_bytes)));
  if (model_->has_vision) SHRIKE_TRY_VOID(size_up_prompt(tokenizer));

  shape_.n_layers = c.n_kv_layers();
  shape_.n_kv_heads = c.n_kv_heads;
  shape_.head_dim = c.head_dim;
  shape_.n_ctx = options_.context_max > 0 ? std::min(options_.context_max, c.n_ctx) : c.n_ctx;
  shape_.reserve = n_around_ + options_.question_tokens_max + options_.answer_tokens_max;
  shape_.group = c.group();
  shape_.grids = c.rotation.has_sections();
  shape_.sight = c.sight;
  shape_.far_every = c.far_every;
  const std::size_t smallest = choose_codec();
  shape_.serve(policy_);
  shape_.bias |= options_.rehearses;
  evidence_needs_ = policy_.needs & kv::kNeedEvidence;
  if (options_.evidence) evidence_needs_ |= kv::need(kv::Mark::mass) | kv::kNeedEntropy;
  shape_.n_fresh = kv::Memory::fresh_blocks(shape_, std::max(n_frame_, shape_.reserve));
  const std::size_t bytes = shape_.block_bytes(), fresh = shape_.fresh_bytes();
  plan_.kv_bytes_per_token = bytes / kv::kBlockSlots * static_cast<std::size_t>(shape_.n_tables());
  plan_.kv_budget_min_bytes = smallest;
  plan_.kv_codec = shape_.codec_or_f16().name;
  const int n_sensible = std::min(n_opening_ + kSensibleFrames * n_frame_, shape_.n_ctx - shape_.reserve);
  plan_.kv_budget_sensible_bytes = std::max(
      plan_.kv_budget_min_bytes,
      static_cast<std::size_t>(kv::Memory::blocks_min(shape_, std::max(0, n_sensible), 0)) * bytes + fresh);
  plan_.kv_budget_bytes = options_.kv_budget_bytes > 0
                              ? options_.kv_budget_bytes
                              : std::max(kKvBudgetDefault, 2 * plan_.kv_budget_min_bytes);
  if (options_.kv_kept_bytes > 0) SHRIKE_TRY_VOID(keep_at_most(options_.kv_kept_bytes));
  // More blocks than every table can use at all positions would lie idle; three more where slots leave holes.
  const int useful_each = div_ceil(shape_.n_ctx, kv::kBlockSlots) + (shape_.evicts ? 3 : 0);
  const std::size_t useful =
      static_cast<std::size_t>(shape_.n_tables()) * static_cast<std::size_t>(useful_each);
  const std::size_t for_blocks =
      plan_.kv_budget_bytes - std::min(plan_.kv_budget_bytes, shape_.fresh_bytes());
  shape_.n_blocks = static_cast<int>(std::min({for_blocks / bytes, useful, std::size_t{1} << 28}));
  n_shown_ = std::clamp(align_up(n_frame_, kv::kBlockSlots), kShownMin, limits::kChunkMax);
  if (c.both_ways && model_->has_vision)
    n_shown_ = std::max(n_shown_, align_up(tiles_.picture_tokens_max(), kv::kBlockSlots));
  n_chunk_ = std::max(n_shown_, kChunkMin);
  return ok();
}

// Settles codec=auto. Returns the smallest budget that works, which is that of the fewest bits.
std::size_t Runtime::choose_codec() {
  const auto smallest_in = [&](const kv::Codec& codec) {
    policy_.codec = &codec;
    kv::Memory::Shape shape = shape_;
    shape.serve(policy_);
    shape.n_fresh = kv::Memory::fresh_blocks(shape, std::max(n_frame_, shape.reserve));
    return static_cast<std::size_t>(kv::Memory::blocks_min(shape, n_opening_, n_frame_)) *
               shape.block_bytes() +
           shape.fresh_bytes();
  };
  if (!policy_.codec_by_budget) return smallest_in(*policy_.codec);
  const std::size_t fewest_bits = smallest_in(kv::codec_for(0));
  const std::size_t budget = options_.kv_budget_bytes;
  if (smallest_in(kv::codec_for(share_of_context())) > budget && budget > 0)
    policy_.codec = &kv::codec_for(0);
  return fewest_bits;
}

// Of the tokens that the model has positions for, how many the budget would hold in f16, facts and marks included.
double Runtime::share_of_context() const noexcept {
  std::size_t bytes = options_.kv_kept_bytes > 0 ? options_.kv_kept_bytes : options_.kv_budget_bytes;
  if (bytes == 0) bytes = kKvBudgetDefault;
  const std::size_t block =
      kv::block_bytes(*kv::codecs().front(), shape_.head_dim, kv::n_marks(policy_.needs));
  return static_cast<double>(bytes) * kv::kBlockSlots /
         (static_cast<double>(block) * shape_.n_tables() * shape_.n_ctx);
}

Prompt::Options Runtime::prompt_options() const noexcept {
  return {tiles_, model_->text_config.rotation.has_sections(), format_, options_.pictures};
}

Status Runtime::size_up_prompt(const Tokenizer& tokenizer) {
  const gguf::File& file = model_->file();
  format_ = &recognised_format(file, tokenizer, model_->vision_config.projector);
  if (!options_.chat_format.empty()) {
    SHRIKE_TRY(format_, chat_format(options_.chat_format));
  }
  SHRIKE_TRY_VOID(size_up_tiles(Prompt::kTilesAcrossMax));
  std::vector<TokenId> scratch(4096);
  SHRIKE_TRY(const Prompt prompt,
             Prompt::make(file, tokenizer, model_->text_config, prompt_options(), scratch));
  SHRIKE_TRY_VOID(size_up_tiles(prompt.tiles_across_max()));

  std::vector<PromptToken> out(static_cast<std::size_t>(tiles_.picture_tokens_max()) +
                               static_cast<std::size_t>(tiles_.n_tiles_max) * 64 + 4096);
  n_opening_ = prompt.opening(out);
  n_around_ = prompt.question("", out, true);
  if (n_opening_ < 0)
    return file.error(Code::malformed, "the opening words are too long", "shrike.prompt.intro");
  const int across = tiles_.across_max;
  for (int rows = 0; rows <= across; ++rows)
    for (int columns = rows > 0 ? 1 : 0; columns <= (rows > 0 ? across : 0); ++columns) {
      const TileGrid grid{rows, columns};
      if (grid.n_tiles() > tiles_.n_tiles_max || grid.rows * grid.columns == 1) continue;
      n_frame_ = std::max(n_frame_, prompt.frame(Prompt::kSecondsMax, 0, out, grid, true));
      plan_.tokens_per_frame = std::max(plan_.tokens_per_frame, prompt.frame(0.0, 0, out, grid));
    }
  if (n_around_ <= 0)
    return file.error(Code::unsupported, "the vocabulary spells none of the words around a question",
                      "tokenizer.ggml.tokens");
  SHRIKE_CHECK(n_frame_ > 0, n_frame_);
  const int larger = std::max(0, tiles_.whole_tokens_max() - tiles_.tile_tokens());
  n_frame_ += larger;
  plan_.tokens_per_frame += larger;
  return ok();
}

// Tiles are as many as the model was made for, the vocabulary has marks for and the options ask for.
Status Runtime::size_up_tiles(int marks_max) {
  const int wanted = options_.image_tokens_max;
  tiles_ = tile_limits(model_->vision_config, wanted, marks_max);
  const int least = tiles_.own_size() ? tiles_.cells_min : tiles_.tile_tokens();
  if (wanted > 0 && wanted < least)
    return Error{Code::usage, "too small for one tile", "--image-max-tokens", wanted, least};
  return ok();
}

TileGrid Runtime::tiles_for(int width, int height) const noexcept { return tiles_of(width, height, tiles_); }

// The budget is what the stream may keep, and room for what comes next: a frame, or a turn that stays, and the
// reserve behind it.
Status Runtime::keep_at_most(std::size_t bytes) {
  shape_.n_kept = static_cast<int>(
      std::min<std::size_t>(bytes / plan_.kv_bytes_per_token, static_cast<std::size_t>(shape_.n_ctx)));
  if (shape_.n_kept <= n_opening_)
    return Error{Code::does_not_fit, "the opening words and one token more need more", "--kv-budget",
                 static_cast<std::int64_t>(bytes),
                 static_cast<std::int64_t>(plan_.kv_bytes_per_token) * (n_opening_ + 1)};
  const int n_blocks = kv::Memory::blocks_min(shape_, shape_.n_kept, std::max(n_frame_, shape_.reserve));
  plan_.kv_budget_bytes = static_cast<std::size_t>(n_blocks) * shape_.block_bytes() + shape_.fresh_bytes();
  return ok();
}

// A picture is encoded, then room is made, then rows run: these never share a moment.
void Runtime::set_stages(Arena& arena) noexcept {
  arena.set_stage("vision", 1);
  arena.set_stage("chunk", 2);
  arena.set_stage("attention", 2);
  arena.set_stage("compress", 3);
}

// Runs twice, measuring and taking; see Arena.
Status Runtime::lay_out(Arena& arena) {
  if (arena.measures()) set_stages(arena);
  const TextConfig& c = model_->text_config;
  SHRIKE_TRY(const std::size_t tokenizer_bytes, Tokenizer::bytes_needed(model_->file()));
  std::byte* tokenizer_memory = arena.take_bytes("text", tokenizer_bytes);
  const std::size_t n_prompt = static_cast<std::size_t>(std::max({n_opening_, n_frame_, shape_.reserve}));
  TokenId* scratch = arena.take<TokenId>("text", n_prompt);
  prompt_buffer_ = {arena.take<PromptToken>("text", n_prompt), n_prompt};
  held_frames_ = arena.take<HeldFrame>("text", static_cast<std::size_t>(shape_.slots_max()) + 1);
  if (!arena.measures()) {
    SHRIKE_TRY(tokenizer_, Tokenizer::build(model_->file(), {tokenizer_memory, tokenizer_bytes}));
    if (model_->has_vision) {
      SHRIKE_TRY(prompt_, Prompt::make(model_->file(), tokenizer_, c, prompt_options(), {scratch, n_prompt}));
    }
  }

  const kv::RopeTable::Turn turn =
      c.pairing == RopePairing::neighbours ? kernels_.rope_neighbours : kernels_.rope_halves;
  const int n_positions = kv::Memory::rope_positions(shape_.n_ctx);
  rope_.lay_out(arena, n_positions, c.rotation, turn);
  if (c.sight > 0) near_rope_.lay_out(arena, n_positions, c.near_rotation, turn);
  memory_.lay_out(arena, shape_, rope_, kernels_, c.sight > 0 ? &near_rope_ : nullptr);
  decoder_.lay_out(arena, compute_, shape_, n_chunk_, n_shown_, evidence_needs_);
  chunk_facts_ = arena.take<kv::TokenFacts>("chunk", static_cast<std::size_t>(n_chunk_));
  std::vector<Compute::Size> products;
  for (const Compute::Size& size : decoder_.products()) products.push_back(size);
  if (model_->has_vision) {
    const VisionConfig& v = model_->vision_config;
    const int n_patches = tiles_.patches_max(v.patch_size);
    vision_encoder_.lay_out(arena, compute_, tiles_);
    projector_.lay_out(arena, n_patches);
    image_rows_ = arena.take<float>("image rows", static_cast<std::size_t>(tiles_.picture_tokens_max()) *
                                                      static_cast<std::size_t>(row_numbers()));
    for (const Compute::Size& size : vision_encoder_.products()) products.push_back(size);
    products.push_back({n_patches / (v.shuffle * v.shuffle), projector_.n_in_max()});
  }
  compute_.lay_out(arena, "products", products);
  lay_out_evidence(arena);
  guest_memory_.clear();
  for (const SessionOptions::Guest& guest : options_.guests)
    guest_memory_.push_back(guest.in_arena ? arena.take_bytes(guest.name, guest.bytes) : nullptr);
  return ok();
}

// One for all layers in turn: a layer's evidence is absorbed before the next one's is collected.
void Runtime::lay_out_evidence(Arena& arena) {
  if (evidence_needs_ == 0) return;
  const TextConfig& c = model_->text_config;
  const std::size_t n = options_.evidence ? static_cast<std::size_t>(shape_.n_layers) : 1;
  const std::size_t columns =
      static_cast<std::size_t>(c.n_kv_heads) * static_cast<std::size_t>(shape_.slots_max());
  const std::size_t queries = static_cast<std::size_t>(c.n_heads) * static_cast<std::size_t>(c.head_dim);
  const auto floats = [&](kv::Needs needs, std::size_t count) {
    return (evidence_needs_ & needs) != 0 ? arena.take<float>("evidence", count) : nullptr;
  };
  evidence_ = {arena.take<kv::Evidence>("evidence", n), n};
  for (std::size_t i = 0; i < n; ++i) {
    kv::Evidence shown;
    if ((evidence_needs_ & kv::kNeedEntropy) != 0)
      shown.rows = arena.take<kv::RowSums>("evidence", static_cast<std::size_t>(2 * c.n_kv_heads));
    shown.mass = floats(kv::need(kv::Mark::mass), columns);
    shown.window_text = floats(kv::kNeedWindow, columns);
    shown.window_image = floats(kv::kNeedWindow, columns);
    shown.votes = floats(kv::need(kv::Mark::votes), columns);
    shown.last = floats(kv::need(kv::Mark::last), columns);
    shown.query_sum = floats(kv::kNeedQueries, queries);
    shown.query_square = floats(kv::kNeedQueries, queries);
    if (!arena.measures()) evidence_[i] = shown;
  }
}

ImageInput Runtime::image_input() noexcept {
  SHRIKE_CHECK(model_->has_vision);
  const VisionConfig& v = model_->vision_config;
  ImageInput input;
  input.planes = vision_encoder_.planes();
  input.side = tiles_.side;
  input.filter = v.picturing.filter;
  input.shortest = tiles_.side_min();
  input.longest = tiles_.side_max();
  input.letterbox = v.picturing.letterbox;
  for (int c = 0; c < 3; ++c) {
    input.scale[c] = 1.0f / (255.0f * v.std[c]);
    input.shift[c] = -v.mean[c] / v.std[c];
    input.margin[c] = static_cast<std::uint8_t>(std::clamp(v.mean[c] * 255.0f, 0.0f, 255.0f));
  }
  return input;
}

const float* Runtime::encode_image(int tile, TileGrid grid) noexcept {
  SHRIKE_CHECK(model_->has_vision);
  SHRIKE_CHECK(tile >= 0 && tile < tiles_.n_tiles_max, tile, tiles_.n_tiles_max);
  const int patch = model_->vision_config.patch_size;
  float* rows = image_rows_ + std::ptrdiff_t{tile} * tiles_.tile_tokens() * row_numbers();
  projector_.see(compute_, vision_encoder_,
                 {tiles_.height_of(grid, tile) / patch, tiles_.width_of(grid, tile) / patch}, rows);
  return rows;
}

std::byte* Runtime::guest_memory(std::string_view name) noexcept {
  for (std::size_t i = 0; i < options_.guests.size(); ++i)
    if (options_.guests[i].name == name) return guest_memory_[i];
  return nullptr;
}

// A text token's row; an image token's, and what the first layers get of it.
void Runtime::embed(TokenId token, const float* image_rows, int r) noexcept {
  const TextConfig& c = model_->text_config;
  if (token >= 0) {
    float* row = decoder_.row(r);
    matrix_row(kernels_, model_->text_weights.token_embd, token, row);
    for (int i = 0; c.embedding_scale != 1.0f && i < c.dim; ++i) row[i] *= c.embedding_scale;
    return;
  }
  const float* from = image_rows + static_cast<std::ptrdiff_t>(-1 - token) * row_numbers();
  std::copy_n(from, c.dim, decoder_.row(r));
  for (int layer = 0; layer < c.n_deepstack; ++layer)
    std::copy_n(from + static_cast<std::ptrdiff_t>(1 + layer) * c.dim, c.dim,
                decoder_.deepstack_row(layer, r));
}

// How many tokens run next: as many as there is room for, but no part of a picture whose rows see each other.
int Runtime::chunk_of(std::span<const PromptToken> prompt, int n_max) const noexcept {
  const int n = std::min(static_cast<int>(prompt.size()), n_max);
  if (!model_->text_config.both_ways || n == std::ssize(prompt)) return n;
  int first = n;  // of the picture that would be cut
  const auto facts = [&](int i) -> const kv::TokenFacts& {
    return prompt[static_cast<std::size_t>(i)].facts;
  };
  while (first > 0 && facts(first).modality == kv::Modality::image && !kv::begins_picture(facts(first)))
    --first;
  return first > 0 ? first : n;
}

void Runtime::run(std::span<const PromptToken> prompt, const float* image_rows, bool want_logits,
                  Shown shown) noexcept {
  const int n_prompt = static_cast<int>(prompt.size());
  const bool learns = shown != Shown::nothing && (policy_.needs & kv::kNeedEvidence) != 0;
  const bool shows = learns || options_.evidence;
  for (int begin = 0; begin < n_prompt;) {
    const int n = chunk_of(prompt.subspan(static_cast<std::size_t>(begin)), shows ? n_shown_ : n_chunk_);
    for (int r = 0; r < n; ++r) {
      const PromptToken& token = prompt[static_cast<std::size_t>(begin + r)];
      chunk_facts_[r] = token.facts;
      embed(token.token, image_rows, r);
    }
    kv::Look look;
    look.window_first = std::clamp(n_prompt - policy_.window - begin, 0, n);
    look.window = shown == Shown::window || policy_.observe == kv::Observe::frame;
    look.begins = begin == 0;
    look.ends = begin + n == n_prompt;
    look.grows = shown == Shown::stream;
    begin += n;
    last_chunk_rows_ = n;
    decoder_.prefill(compute_, memory_, {chunk_facts_, static_cast<std::size_t>(n)},
                     want_logits && begin == n_prompt, shows ? evidence_ : std::span<kv::Evidence>{},
                     learns ? &look : nullptr);
  }
}

const float* Runtime::logits(int back) noexcept {
  SHRIKE_CHECK(back >= 0 && back < last_chunk_rows_, back, last_chunk_rows_);
  return decoder_.logits(compute_, last_chunk_rows_ - 1 - back);
}

// --- the plan ----------------------------------------------------------------------------------------------

void Runtime::make_plan(const Arena& measured) {
  const TextConfig& c = model_->text_config;
  const auto n = [](auto value) { return std::to_string(value); };
  const auto from = [&](std::string_view section) -> std::string {
    if (section == "kv pool")
      return n(shape_.n_blocks) + (shape_.n_fresh > 0 ? " pages and " + n(shape_.n_fresh) + " fresh" : "") +
             " blocks of 16 tokens x (keys + values [" + n(c.head_dim) + "] " +
             std::string(shape_.codec_or_f16().name) + " + facts" +
             (kv::n_marks(shape_.needs) > 0 ? " + " + n(kv::n_marks(shape_.needs)) + " marks"
                                            : std::string()) +
             "), shared by " + n(shape_.n_layers) + " layers x " + n(c.n_kv_heads) + " kv heads";
    if (section == "kv tables") return "block tables and the stack of free blocks";
    if (section == "compress") return "one head's candidates: " + n(shape_.slots_max()) + " slots";
    if (section == "rope")
      return n(kv::Memory::rope_positions(shape_.n_ctx)) + " positions x " + n(c.rotation.n_rope / 2) +
             " angles" + (c.sight > 0 ? ", for near layers as well" : "");
    if (section == "chunk")
      return n(n_chunk_) + " rows through " + n(c.dim) + " wide layers, " + n(c.n_ff) + " in between";
    if (section == "attention")
      return n(threads_.count()) + " threads x a panel of scores over " + n(shape_.slots_max()) + " slots";
    if (section == "logits") return n(c.n_vocab) + " tokens";
    if (section == "text") return "tokenizer tables, prompt buffers, times of the frames held";
    if (section == "vision")
      return n(tiles_.patches_max(model_->vision_config.patch_size)) + " patches through " +
             n(model_->vision_config.dim) + " wide layers";
    if (section == "places") return "where the patches of a tile lie";
    if (section == "image rows")
      return n(tiles_.picture_tokens_max()) + " tokens of a picture" +
             (tiles_.n_tiles_max > 1 ? " in " + n(tiles_.n_tiles_max) + " tiles" : std::string());
    if (section == "convolutions") return n(c.n_conv_layers()) + " layers: taps, and the rows before a chunk";
    if (section == "evidence")
      return "what attention shows of " + n(shape_.slots_max()) + " slots, for the policy";
    if (section == "products")
      return "activations as integers, " + n(threads_.count()) + " threads x a panel of weights";
    return "";
  };
  for (const Arena::Section& section : measured.sections())
    if (section.size > 0)
      plan_.rows.push_back({std::string(section.name), from(section.name), section.size,
                            measured.counts(section) ? PlanRow::Kind::arena : PlanRow::Kind::overlaid});
  for (PlanRow& row : plan_.rows)
    for (const SessionOptions::Guest& guest : options_.guests)
      if (row.name == guest.name) row.from = guest.from;
  for (const SessionOptions::Guest& guest : options_.guests)
    if (!guest.in_arena)
      plan_.rows.push_back({std::string(guest.name), guest.from, guest.bytes, PlanRow::Kind::beside});
  plan_.rows.push_back(
      {"process", "program, directory of the model files, " + n(threads_.count() - 1) + " worker stacks",
       kProcessBytes + static_cast<std::size_t>(threads_.count() - 1) * kStackBytes, PlanRow::Kind::beside});
  plan_.rows.push_back(
      {"weights", "mapped from the files, read-only", model_->mapped_bytes(), PlanRow::Kind::mapped});

  plan_.stream_tokens_max = kv::Memory::stream_tokens_max(shape_);
  plan_.stream_frames_max = plan_.tokens_per_frame > 0
                                ? std::max(0, plan_.stream_tokens_max - n_opening_) / plan_.tokens_per_frame
                                : 0;
  plan_.ask_tokens_max = shape_.reserve;
  plan_.answer_tokens_max = options_.answer_tokens_max;
  plan_.context_max = shape_.n_ctx;
  plan_.context_min = n_opening_ + n_frame_ + shape_.reserve;
  plan_.memory_max_bytes = options_.memory_max_bytes;
}

}  // namespace shrike
