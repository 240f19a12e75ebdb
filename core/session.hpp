#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.hpp"
#include "platform/result.hpp"

namespace shrike {

// How a session is to be opened. Everything here is fixed before the first frame.
struct SessionOptions {
  std::string model_path;                      // text model, GGUF
  std::string mmproj_path;                     // vision tower and projector, GGUF
  std::size_t kv_budget_bytes = 4u << 20;      // all KV memory there will ever be
  std::string kv_policy = "recent";            // a name from kv::policy_names(), or a composition by hand
  int n_threads = 0;                           // 0: one per processor
  int question_tokens_max = 128;               // room kept for one question
  int answer_tokens_max = 64;                  // ... and its answer
  int context_max = 0;                         // positions; 0: what the model was trained for
  std::size_t memory_max_bytes = 0;            // cap for the whole plan; 0: none
  bool mlock = false;
  // Memory that the caller will hold beside the session, so that one plan tells all of it (camera ring and the like).
  struct Guest {
    std::string_view name;                     // a literal: the row's name in the plan
    std::size_t bytes = 0;
    bool in_arena = false;                     // taken by Session::guest_memory(name), else only counted
  };
  std::vector<Guest> guests;
};

// The picture that the vision tower wants: planes [3][side][side] f32, value = pixel * scale + shift per channel.
struct ImageInput {
  float* planes = nullptr;      // write here, then call see()
  int side = 0;
  float scale[3] = {};          // for 8-bit pixels: 1 / (255 std), and shift = -mean / std
  float shift[3] = {};
};

enum class See : std::uint8_t {
  ok,
  compressed,        // older memory made room for this frame
  memory_full,       // policy `full`: nothing was appended, nothing was lost
};

enum class Ask : std::uint8_t {
  ok,                // ended by the model
  cut,               // ended at answer_tokens_max
  stopped,           // the callback said so
  too_long,          // the question has more tokens than its room; nothing happened
};

struct AskResult {
  Ask status = Ask::ok;
  int question_tokens = 0;           // too_long: what it would have needed, if known, else -1
  int answer_tokens = 0;
  std::int64_t prefill_ns = 0;
  std::int64_t decode_ns = 0;
};

struct SeeResult {
  See status = See::ok;
  int tokens = 0;                    // appended: frame text and image tokens
  std::int64_t encode_ns = 0;        // vision tower and projector
  std::int64_t prefill_ns = 0;       // decoder, room-making included
};

struct SessionStats {
  std::int64_t n_frames_seen = 0;
  std::int64_t n_questions = 0;
  std::int64_t n_tokens_in = 0;           // every position that went through the decoder as a prompt or a frame
  std::int64_t n_tokens_out = 0;
  std::int64_t n_tokens_evicted = 0;      // of the stream, in one head of one layer
  int tokens_held = 0;                    // of the stream, now
  int tokens_max = 0;                     // the most that the stream may hold
  int frames_held = 0;                    // frames of which at least one token is held
  double oldest_frame_seconds = 0;        // of those; 0 when none is held
  int blocks_used = 0;
  int blocks_max = 0;
};

// A piece of the answer, whole UTF-8 characters. Returns false to stop the answer there.
using AnswerCallback = bool (*)(void* context, std::string_view piece);

// One stream: it watches and is asked. The only file that knows the order of events (see the walk in the design).
//
//   auto session = Session::open(options).value();
//   preprocess(frame, session->image_input());
//   session->see(12.0);
//   session->ask("What is in view now?", print, nullptr);
//
// Memory   one arena, sealed when open() returns; see() and ask() allocate nothing
// Threads  one caller at a time
// Errors   open: missing, malformed, unsupported, does_not_fit, resource, usage; after that only the enums above
class Session {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const SessionOptions& options);
  // What open() would take: reads both files' headers, maps no weights, reserves nothing. A plan that does not fit is
  // a plan too (see Plan::fits), so that it can be shown.
  [[nodiscard]] static Result<Plan> plan(const SessionOptions& options);

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  ImageInput image_input() noexcept;
  std::byte* guest_memory(std::string_view name) noexcept;      // null where no guest of that name is in the arena

  // Remembers the picture in image_input() as the frame at `seconds` of the stream.
  SeeResult see(double seconds) noexcept;
  // Answers from memory, then rolls back to it: afterwards the session is bit for bit what it was.
  AskResult ask(std::string_view question, AnswerCallback callback, void* context) noexcept;
  // Forgets everything, keeps the plan.
  void reset() noexcept;

  const Plan& plan() const noexcept;
  SessionStats stats() const noexcept;

 private:
  Session();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shrike
