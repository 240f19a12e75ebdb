#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/runtime.hpp"
#include "platform/result.hpp"

namespace shrike {

enum class See : std::uint8_t {
  ok,
  compressed,   // older memory made room for this frame
  memory_full,  // policy `full`: nothing was appended, nothing was lost
};

enum class Ask : std::uint8_t {
  ok,           // ended by the model
  cut,          // ended at answer_tokens_max
  stopped,      // the callback said so
  too_long,     // the question has more tokens than its room; nothing happened
  memory_full,  // Turn::kept, and no room can be made for it; nothing happened
};

// What becomes of a question and its answer once it is given.
enum class Turn : std::uint8_t {
  forgotten,  // rolled back, bit for bit
  kept,  // part of the memory, as one event with a number of its own: a policy sees it as a frame of text
};

struct AskResult {
  Ask status = Ask::ok;
  int question_tokens = 0;  // the model's words around it included
  int answer_tokens = 0;
  std::int64_t prefill_ns = 0;
  std::int64_t decode_ns = 0;
};

struct SeeResult {
  See status = See::ok;
  int tokens = 0;               // appended: frame text and image tokens
  std::int64_t encode_ns = 0;   // vision tower and projector
  std::int64_t prefill_ns = 0;  // decoder, room-making included
};

struct SessionStats {
  std::int64_t n_frames_seen = 0;
  std::int64_t n_questions = 0;
  std::int64_t n_tokens_in = 0;  // every position that went through the decoder as a prompt or a frame
  std::int64_t n_tokens_out = 0;
  std::int64_t n_tokens_evicted = 0;  // of the stream, in a head of a layer on average
  int tokens_held = 0;                // of the stream, now, likewise
  int tokens_max = 0;                 // the most that the stream may hold
  int frames_held = 0;                // frames of which at least one token is held
  double oldest_frame_seconds = 0;    // of those; 0 when none is held
  int blocks_used = 0;
  int blocks_max = 0;
};

// A piece of the answer, whole UTF-8 characters. Returns false to stop the answer there.
using AnswerCallback = bool (*)(void* context, std::string_view piece);

// One stream: it watches and is asked. The only file that knows the order of events (see the walk in the
// design).
//
//   auto session = Session::open(options).value();
//   preprocess(frame, session->image_input());
//   session->see(12.0);
//   session->ask("What is in view now?", print, nullptr);
//
// Memory   one arena, sealed when open() returns; see() and ask() allocate nothing
// Threads  one caller at a time
// Errors   open: missing, malformed, unsupported, does_not_fit, resource, usage; after that only the enums
//          above
class Session {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const SessionOptions& options);
  // What open() would take: reads the files' headers, reserves nothing. A plan that does not fit is a plan
  // too (see Plan::fits), so that it can be shown.
  [[nodiscard]] static Result<Plan> plan(const SessionOptions& options);

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  ImageInput image_input() noexcept { return runtime_->image_input(); }
  // Null where no guest of that name is in the arena.
  std::byte* guest_memory(std::string_view name) noexcept { return runtime_->guest_memory(name); }

  // Remembers the picture in image_input() as the frame at `seconds` of the stream.
  SeeResult see(double seconds) noexcept;
  // The same in two steps, for a picture that is to be seen more than once: what a picture looks like hangs
  // on no memory, so any session of the same model may see what another one encoded.
  // A picture in tiles (tiles_for) is encoded one tile after the other; what comes back are the rows of all
  // up to this one: [.. tile][n_image_tokens][row_numbers], valid until the next picture.
  TileGrid tiles_for(int width, int height) const noexcept { return runtime_->tiles_for(width, height); }
  std::span<const float> encode(int tile = 0, TileGrid grid = {}) noexcept;
  // worth: what the caller knows of it, 0 to kv::kWorthMax, for policies that ask (score=told).
  SeeResult see(std::span<const float> image_tokens, double seconds, TileGrid grid = {},
                int worth = 0) noexcept;
  // Answers from memory, then rolls back to it: afterwards the session is bit for bit what it was. A turn
  // that is to be kept gets its room first, as a frame does; the room that is kept for asking stays.
  AskResult ask(std::string_view question, AnswerCallback callback, void* context,
                Turn turn = Turn::forgotten) noexcept;
  // How little the model expects an answer behind a question: the mean of -ln p over its tokens, then rolled back.
  // Where n_answer is 0, `answer` gets the model's own one first, as far as it has room. Negative: the question is
  // too long.
  double surprise(std::string_view question, std::span<TokenId> answer, int& n_answer) noexcept;
  // See kv::Memory::hide; SessionOptions::rehearses.
  void hide(int layer, int kv_head, kv::Modality modality, bool hidden) noexcept {
    runtime_->memory().hide(layer, kv_head, modality, hidden);
  }
  // Compresses now what the next frame would have to: what is asked then is answered from no more than the
  // stream may keep. Nothing happens where it holds no more.
  void settle() noexcept;
  // Forgets everything, keeps the plan.
  void reset() noexcept;

  const Plan& plan() const noexcept { return runtime_->plan(); }
  const Runtime& runtime() const noexcept { return *runtime_; }
  SessionStats stats() const noexcept;
  // Frames of which at least one token is held, oldest first; valid until the next call that sees or asks.
  std::span<const HeldFrame> held_frames() const noexcept {
    return {frames_, static_cast<std::size_t>(n_frames_)};
  }

 private:
  explicit Session(std::unique_ptr<Runtime> runtime);
  void begin() noexcept;
  kv::Room make_room(int n_tokens) noexcept;
  kv::Room append(int n_tokens, const float* image_rows) noexcept;
  void forget_lost_frames() noexcept;
  bool observe_for(int n_tokens) noexcept;
  void observe() noexcept;
  int answer(AskResult& result, AnswerCallback callback, void* context, Turn turn) noexcept;

  std::unique_ptr<Runtime> runtime_;
  HeldFrame* frames_ = nullptr;  // [n_frames_], ascending numbers
  int n_frames_ = 0;
  std::int32_t next_event_ = 0;    // frames and kept turns, numbered together
  std::int32_t n_remembered_ = 0;  // frames, gone ones included
  bool opened_ = false;            // the opening words are in the memory
  bool again_ = false;             // the last that is in it is an answer that was kept
  std::string standing_question_;
  SessionStats stats_;
};

}  // namespace shrike
