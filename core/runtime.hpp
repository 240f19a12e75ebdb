#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/arena.hpp"
#include "core/kv/memory.hpp"
#include "core/model/decoder.hpp"
#include "core/model/model.hpp"
#include "core/model/projector.hpp"
#include "core/model/prompt.hpp"
#include "core/model/tokenizer.hpp"
#include "core/model/vision_encoder.hpp"
#include "core/plan.hpp"
#include "platform/threads.hpp"

namespace shrike {

// How a session is to be opened. Everything here is fixed before the first frame.
struct SessionOptions {
  std::string model_path;   // text model, GGUF
  std::string mmproj_path;  // vision tower and projector, GGUF; a session that sees needs it
  std::size_t kv_budget_bytes =
      0;  // all KV memory there will ever be; 0: 4 MiB, or more where that is too small
  std::size_t kv_kept_bytes = 0;    // or: what the stream may keep when room is made, in slots; the budget is
                                    // then that and working room: a frame, asking, rounding to blocks
  std::string kv_policy = "novel";  // a name from kv::named_policies(), or a composition by hand
  std::string head_profile;       // what heads look back for, see kv::HeadProfile; empty: the file beside the
                                  // model, if there is one; "none": every head the same
  std::string standing_question;  // what policies with observe=question look with; empty: as observe=proxy
  int n_threads = 0;              // 0: one per processor
  int question_tokens_max = 128;  // room kept for one question
  int answer_tokens_max = 64;     // ... and its answer
  int context_max = 0;            // positions; 0: what the model was trained for
  std::string chat_format;        // a name from chat_formats(); empty: as the files show
  bool pictures = false;          // pictures without a time are shown, no stream
  int image_tokens_max = 0;       // of one picture, which decides into how many tiles it is cut; 0: one
  std::size_t memory_max_bytes = 0;  // cap for the whole plan; 0: none
  bool mlock = false;
  bool rehearses = false;  // Session::hide will be used: measuring a head profile
  bool evidence = false;   // collect what attention shows (Runtime::evidence)
  std::string isa;         // kernel set by name; empty: SHRIKE_ISA, else the best
  // Memory that the caller will hold beside the session, so that one plan tells all of it (camera ring and
  // the like).
  struct Guest {
    std::string_view name;  // a literal: the row's name in the plan
    std::size_t bytes = 0;
    bool in_arena = false;  // taken by guest_memory(name), else only counted
    std::string from;       // what the size comes from, for people
  };
  std::vector<Guest> guests;
};

// The picture that the vision tower wants: planes [3][side][side] f32, value = pixel * scale + shift per
// channel; or [3][height][width], where tiles_for() says that a picture keeps its own size.
struct ImageInput {
  float* planes = nullptr;  // write here, each time anew: gone when a picture is encoded or a prompt runs
  int side = 0;
  float scale[3] = {};  // for 8-bit pixels: 1 / (255 std), and shift = -mean / std
  float shift[3] = {};
  Filter filter = Filter::lanczos;  // that the model was taught with
  int shortest = 0, longest = 0;    // sides that a picture may have beside a tile's
  bool letterbox = false;           // the picture keeps its ratio, with `margin` around it
  std::uint8_t margin[3] = {};
};

// The kernel set of that name; empty: of SHRIKE_ISA, else the best. One that this machine cannot run is an error.
[[nodiscard]] Result<Kernels> choose_kernels(const std::string& isa);

// What the memory learns from rows that run.
enum class Shown : std::uint8_t {
  nothing,  // a question's rows leave no trace
  stream,   // rows that become part of the stream: running sums go on
  window,   // rows that only look at it, as the policy's observation window
};

// A frame of which something is still remembered.
struct HeldFrame {
  std::int32_t number = 0;  // of the event, as in the facts of its tokens
  bool held = false;
  double seconds = 0;
  std::int32_t nth = 0;  // frames remembered before it; where these do not follow on, there is a gap
};

// A model, laid out in one sealed arena, ready to run: what Session is built on, and what tools and tests use
// to look inside. It knows no order of events; whoever runs rows has made room for them.
//
// Memory   one arena, sealed when open() returns; nothing below allocates after that
// Threads  one caller at a time
class Runtime {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> open(const SessionOptions& options);
  [[nodiscard]] static Result<Plan> plan(const SessionOptions& options);

  const Plan& plan() const noexcept { return plan_; }
  const SessionOptions& options() const noexcept { return options_; }
  const Arena& arena() const noexcept { return arena_; }
  const Model& model() const noexcept { return *model_; }
  const TextConfig& text_config() const noexcept { return model_->text_config; }
  const VisionConfig* vision_config() const noexcept {
    return model_->has_vision ? &model_->vision_config : nullptr;
  }
  const Tokenizer& tokenizer() const noexcept { return tokenizer_; }
  const Prompt& prompt() const noexcept { return prompt_; }
  const kv::Policy& policy() const noexcept { return policy_; }
  const Kernels& kernels() const noexcept { return kernels_; }
  kv::Memory& memory() noexcept { return memory_; }
  const kv::Memory& memory() const noexcept { return memory_; }
  std::byte* guest_memory(std::string_view name) noexcept;

  // Room for the prompt of one event (opening, frame or question), brought here so that it is planned.
  std::span<PromptToken> prompt_buffer() noexcept { return prompt_buffer_; }
  // Room for every frame that can be held at once, and one more.
  HeldFrame* held_frames() noexcept { return held_frames_; }

  ImageInput image_input() noexcept;
  // How a picture of that size is cut, and the most tiles that any is cut into.
  TileGrid tiles_for(int width, int height) const noexcept;
  int tiles_max() const noexcept { return tiles_.n_tiles_max; }
  const TileLimits& tiles() const noexcept { return tiles_; }
  // Numbers of an image token: its row of the decoder's width, and one for each of its deepstack layers.
  int row_numbers() const noexcept { return model_->vision_config.row_numbers(); }
  const ChatFormat& format() const noexcept { return *format_; }
  // The picture in image_input() as image tokens: [n_image_tokens][row_numbers], valid until the same tile is
  // encoded again. Tiles lie one behind the other.
  const float* encode_image(int tile = 0, TileGrid grid = {}) noexcept;

  // Of the memory, and of what the decoder remembers beside it: see kv::Memory.
  void mark() noexcept {
    memory_.mark();
    decoder_.mark();
  }
  void roll_back() noexcept {
    memory_.roll_back();
    decoder_.roll_back();
  }
  void reset() noexcept {
    memory_.reset();
    decoder_.reset();
  }
  // Appends a prompt of any length to the memory, chunk by chunk. Tokens below 0 are rows of `image_rows`
  // [..][row_numbers]. want_logits: logits() of its last rows may follow, as far as they lie in the last chunk.
  void run(std::span<const PromptToken> prompt, const float* image_rows, bool want_logits,
           Shown shown = Shown::nothing) noexcept;
  // Of the row `back` rows before the last one that ran. [n_vocab], valid until the next call.
  const float* logits(int back = 0) noexcept;
  // [n_layers]: what attention showed in the last chunk; null unless asked for in the options.
  const kv::Evidence* evidence() const noexcept { return options_.evidence ? evidence_.data() : nullptr; }

 private:
  Runtime(std::unique_ptr<Model> model, const Kernels& kernels, int n_threads);
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> prepare(const SessionOptions& options);
  static void set_stages(Arena& arena) noexcept;
  [[nodiscard]] Status lay_out(Arena& arena);
  [[nodiscard]] Status size_up();
  [[nodiscard]] Status size_up_prompt(const Tokenizer& tokenizer);
  [[nodiscard]] Status size_up_tiles(int marks_max);
  Prompt::Options prompt_options() const noexcept;
  void embed(TokenId token, const float* image_rows, int r) noexcept;
  int chunk_of(std::span<const PromptToken> prompt, int n_max) const noexcept;
  [[nodiscard]] Status keep_at_most(std::size_t bytes);
  void make_plan(const Arena& measured);
  void lay_out_evidence(Arena& arena);
  [[nodiscard]] Status read_heads();
  std::size_t choose_codec();
  double share_of_context() const noexcept;

  SessionOptions options_;
  std::unique_ptr<Model> model_;
  Kernels kernels_;
  Threads threads_;
  Compute compute_;
  Arena arena_;
  Plan plan_;
  Tokenizer tokenizer_;
  Prompt prompt_;
  VisionEncoder vision_encoder_;
  Projector projector_;
  Decoder decoder_;
  kv::RopeTable rope_, near_rope_;
  kv::Policy policy_;
  kv::Memory memory_;
  kv::Memory::Shape shape_;
  std::vector<float> worth_;  // of the head profile; empty: none
  int n_opening_ = 0;         // tokens of the opening
  int n_frame_ = 0;           // the most tokens of a frame
  int n_around_ = 0;          // tokens around a question
  const ChatFormat* format_ = nullptr;
  TileLimits tiles_;
  int n_shown_ = 0, n_chunk_ = 0;  // rows that run together, with and without evidence
  int last_chunk_rows_ = 0;
  float* image_rows_ = nullptr;            // [picture_tokens_max][row_numbers]
  kv::TokenFacts* chunk_facts_ = nullptr;  // [n_chunk]
  kv::Needs evidence_needs_ = 0;           // of the policy and of the options
  std::span<kv::Evidence> evidence_;  // [layers of the memory] if asked for in the options, else one or none
  std::span<PromptToken> prompt_buffer_;
  HeldFrame* held_frames_ = nullptr;      // [slots_max + 1]
  std::vector<std::byte*> guest_memory_;  // as in options_.guests
};

}  // namespace shrike
