#include "core/session.hpp"

#include <algorithm>
#include <cstring>

#include "core/limits.hpp"
#include "core/model/sampler.hpp"
#include "core/utf8.hpp"
#include "platform/clock.hpp"

namespace shrike {

Result<Plan> Session::plan(const SessionOptions& options) { return Runtime::plan(options); }

Result<std::unique_ptr<Session>> Session::open(const SessionOptions& options) {
  if (options.mmproj_path.empty())
    return Error{Code::usage, "a session that sees needs the vision file of the model", "--mmproj"};
  SHRIKE_TRY(std::unique_ptr<Runtime> runtime, Runtime::open(options));
  return std::unique_ptr<Session>(new Session(std::move(runtime)));
}

Session::Session(std::unique_ptr<Runtime> runtime)
    : runtime_(std::move(runtime)),
      frames_(runtime_->held_frames()),
      standing_question_(runtime_->options().standing_question) {}

void Session::reset() noexcept {
  runtime_->memory().reset();
  opened_ = false;
  n_frames_ = 0;
  next_frame_ = 0;
  stats_ = {};
}

// The first n_tokens of the prompt buffer become part of the stream, if there is room or room can be made.
kv::Room Session::append(int n_tokens, const float* image_rows) noexcept {
  const kv::Room room = runtime_->memory().make_room(n_tokens, runtime_->policy());
  if (room == kv::Room::full) return room;
  runtime_->run(runtime_->prompt_buffer().first(static_cast<std::size_t>(n_tokens)), image_rows, false,
                Shown::stream);
  stats_.n_tokens_in += n_tokens;
  return room;
}

// Shows the memory a question's rows, as what they attend to is what is worth keeping: the standing question,
// or the words that stand around any. In the room that is kept for asking, and rolled back like it.
void Session::observe() noexcept {
  Runtime& r = *runtime_;
  if (!opened_) return;
  const bool standing = r.policy().observe == kv::Observe::question;
  const int room = r.plan().ask_tokens_max - r.plan().answer_tokens_max;
  int n = r.prompt().question(standing ? std::string_view(standing_question_) : "", r.prompt_buffer());
  if (n < 0 || n > room) n = r.prompt().question("", r.prompt_buffer());
  if (n <= 0 || n > room) return;
  r.memory().mark();
  r.run(r.prompt_buffer().first(static_cast<std::size_t>(n)), nullptr, false, Shown::window);
  r.memory().roll_back();
}

SeeResult Session::see(double seconds) noexcept {
  SeeResult result;
  Runtime& r = *runtime_;
  if (!opened_) {
    append(r.prompt().opening(r.prompt_buffer()), nullptr);
    opened_ = true;
  }
  const std::int64_t start = monotonic_ns();
  const float* image_rows = r.encode_image();
  const std::int64_t encoded = monotonic_ns();
  result.encode_ns = encoded - start;

  int n_tokens = r.prompt().frame(seconds, next_frame_, r.prompt_buffer());
  if (r.policy().observe != kv::Observe::frame && !r.memory().has_room(n_tokens)) {
    observe();
    n_tokens = r.prompt().frame(seconds, next_frame_, r.prompt_buffer());
  }
  const kv::Room room = append(n_tokens, image_rows);
  result.prefill_ns = monotonic_ns() - encoded;
  ++stats_.n_frames_seen;
  if (room == kv::Room::full) {
    result.status = See::memory_full;
    return result;
  }
  result.tokens = n_tokens;
  if (room == kv::Room::compressed) {
    result.status = See::compressed;
    forget_lost_frames();
  }
  frames_[n_frames_++] = {next_frame_++, true, seconds};
  return result;
}

// After an eviction: keeps those of frames_ of which some table still holds a slot.
void Session::forget_lost_frames() noexcept {
  const kv::Memory& memory = runtime_->memory();
  const kv::Memory::Shape& shape = memory.shape();
  for (int f = 0; f < n_frames_; ++f) frames_[f].held = false;
  for (int layer = 0; layer < shape.n_layers; ++layer)
    for (int kv_head = 0; kv_head < shape.n_kv_heads; ++kv_head) {
      int f = 0;
      for (const kv::BlockRef& ref : memory.table(layer, kv_head))
        for (int slot = ref.first; slot < ref.end; ++slot) {
          const std::int32_t number = memory.pool().facts(ref.block, slot).token.frame;
          while (f < n_frames_ && frames_[f].number < number) ++f;
          if (f < n_frames_ && frames_[f].number == number) frames_[f].held = true;
        }
    }
  n_frames_ = static_cast<int>(
      std::remove_if(frames_, frames_ + n_frames_, [](const HeldFrame& f) { return !f.held; }) - frames_);
}

AskResult Session::ask(std::string_view question, AnswerCallback callback, void* context) noexcept {
  AskResult result;
  Runtime& r = *runtime_;
  if (!opened_) {  // asked before the first frame: an honest model knows nothing yet
    append(r.prompt().opening(r.prompt_buffer()), nullptr);
    opened_ = true;
  }
  const std::int64_t start = monotonic_ns();
  const int room = r.plan().ask_tokens_max - r.plan().answer_tokens_max;
  const int n = r.prompt().question(question, r.prompt_buffer());
  result.question_tokens = n;
  if (n < 0 || n > room) {
    result.status = Ask::too_long;
    return result;
  }
  r.memory().mark();
  r.run(r.prompt_buffer().first(static_cast<std::size_t>(n)), nullptr, true);
  result.prefill_ns = monotonic_ns() - start;
  result.answer_tokens = answer(result, callback, context);
  r.memory().roll_back();
  result.decode_ns = monotonic_ns() - start - result.prefill_ns;
  ++stats_.n_questions;
  stats_.n_tokens_in += n;
  stats_.n_tokens_out += result.answer_tokens;
  return result;
}

// Decodes until the model ends, the room ends or the callback says so. Hands out whole characters only, and
// not the space that a model begins its answer with. Returns the number of tokens sampled.
int Session::answer(AskResult& result, AnswerCallback callback, void* context) noexcept {
  Runtime& r = *runtime_;
  char bytes[limits::kTokenBytesMax + 4];
  std::size_t n_held = 0;
  bool begun = false;
  const auto hand_out = [&](std::size_t n) {
    std::string_view piece{bytes, n};
    while (!begun && !piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
    begun = begun || !piece.empty();
    const bool go_on = piece.empty() || callback == nullptr || callback(context, piece);
    std::memmove(bytes, bytes + n, n_held - n);
    n_held -= n;
    return go_on;
  };

  result.status = Ask::cut;
  int n_tokens = 0;
  for (; n_tokens < r.plan().answer_tokens_max;) {
    const TokenId token = greedy(r.logits(), r.text_config().n_vocab);
    ++n_tokens;
    if (r.tokenizer().ends_generation(token)) {
      result.status = Ask::ok;
      break;
    }
    n_held += static_cast<std::size_t>(r.tokenizer().decode(token, {bytes + n_held, sizeof(bytes) - n_held}));
    if (!hand_out(whole_utf8({bytes, n_held}))) {
      result.status = Ask::stopped;
      return n_tokens;
    }
    if (n_tokens == r.plan().answer_tokens_max) break;
    const PromptToken next{token, {}};
    r.run({&next, 1}, nullptr, true);
  }
  hand_out(n_held);
  return n_tokens;
}

SessionStats Session::stats() const noexcept {
  SessionStats stats = stats_;
  const kv::Memory& memory = runtime_->memory();
  stats.tokens_held = memory.n_live_mean();
  stats.tokens_max = runtime_->plan().stream_tokens_max;
  stats.n_tokens_evicted = memory.n_evicted();
  stats.frames_held = n_frames_;
  stats.oldest_frame_seconds = n_frames_ > 0 ? frames_[0].seconds : 0.0;
  stats.blocks_max = memory.pool().n_blocks();
  stats.blocks_used = stats.blocks_max - memory.pool().n_free();
  return stats;
}

}  // namespace shrike
