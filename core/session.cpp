#include "core/session.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/limits.hpp"
#include "core/model/sampler.hpp"
#include "core/utf8.hpp"
#include "platform/check.hpp"
#include "platform/clock.hpp"

namespace shrike {
namespace {

// What stays is part of the stream, also to those who watch attention.
Shown shown_of(Turn turn) noexcept { return turn == Turn::kept ? Shown::stream : Shown::nothing; }

double log_sum_exp(std::span<const float> x) noexcept {
  const double top = static_cast<double>(*std::max_element(x.begin(), x.end()));
  double sum = 0;
  for (const float v : x) sum += std::exp(static_cast<double>(v) - top);
  return top + std::log(sum);
}

}  // namespace

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
  runtime_->reset();
  opened_ = false;
  again_ = false;
  n_frames_ = 0;
  next_event_ = 0;
  n_remembered_ = 0;
  stats_ = {};
}

// The opening words come before whatever is first. Asked before any frame, an honest model knows nothing.
void Session::begin() noexcept {
  if (opened_) return;
  append(runtime_->prompt().opening(runtime_->prompt_buffer()), nullptr);
  opened_ = true;
}

kv::Room Session::make_room(int n_tokens) noexcept {
  const kv::Room room = runtime_->memory().make_room(n_tokens, runtime_->policy());
  if (room == kv::Room::compressed) forget_lost_frames();
  return room;
}

// The first n_tokens of the prompt buffer become part of the stream, if there is room or room can be made.
kv::Room Session::append(int n_tokens, const float* image_rows) noexcept {
  const kv::Room room = make_room(n_tokens);
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
  int n =
      r.prompt().question(standing ? std::string_view(standing_question_) : "", r.prompt_buffer(), again_);
  if (n < 0 || n > room) n = r.prompt().question("", r.prompt_buffer(), again_);
  if (n <= 0 || n > room) return;
  r.mark();
  r.run(r.prompt_buffer().first(static_cast<std::size_t>(n)), nullptr, false, Shown::window);
  r.roll_back();
}

// Looks, when making room for n_tokens would need it. True: the prompt buffer holds other words now.
bool Session::observe_for(int n_tokens) noexcept {
  if (runtime_->policy().observe == kv::Observe::frame || !runtime_->memory().must_compress(n_tokens))
    return false;
  observe();
  return true;
}

void Session::settle() noexcept {
  begin();
  if (!runtime_->memory().must_compress(0)) return;
  observe_for(0);
  make_room(0);
}

std::span<const float> Session::encode(int tile, TileGrid grid) noexcept {
  const TileLimits& tiles = runtime_->tiles();
  const std::ptrdiff_t before = std::ptrdiff_t{tile} * tiles.tile_tokens() * runtime_->row_numbers();
  const std::ptrdiff_t here = std::ptrdiff_t{tiles.tokens_of(grid, tile)} * runtime_->row_numbers();
  return {runtime_->encode_image(tile, grid) - before, static_cast<std::size_t>(before + here)};
}

SeeResult Session::see(double seconds) noexcept {
  const std::int64_t start = monotonic_ns();
  const std::span<const float> image_tokens = encode();
  const std::int64_t encode_ns = monotonic_ns() - start;
  SeeResult result = see(image_tokens, seconds);
  result.encode_ns = encode_ns;
  return result;
}

SeeResult Session::see(std::span<const float> image_tokens, double seconds, TileGrid grid,
                       int worth) noexcept {
  SeeResult result;
  const Runtime& r = *runtime_;
  const int n_numbers = r.tiles().tokens_of(grid) * r.row_numbers();
  SHRIKE_CHECK(grid.n_tiles() <= r.tiles_max(), grid.n_tiles(), r.tiles_max());
  SHRIKE_CHECK(std::ssize(image_tokens) == n_numbers, image_tokens.size(), n_numbers);
  begin();
  const std::int64_t start = monotonic_ns();
  const auto write = [&] {
    return r.prompt().frame(seconds, next_event_, runtime_->prompt_buffer(), grid, again_);
  };
  int n_tokens = write();
  if (observe_for(n_tokens)) n_tokens = write();
  const int flags = std::clamp(worth, 0, kv::kWorthMax) << kv::kWorthShift;
  for (PromptToken& token : runtime_->prompt_buffer().first(static_cast<std::size_t>(n_tokens)))
    token.facts.flags |= static_cast<std::uint8_t>(flags);
  const kv::Room room = append(n_tokens, image_tokens.data());
  result.prefill_ns = monotonic_ns() - start;
  ++stats_.n_frames_seen;
  if (room == kv::Room::full) {
    result.status = See::memory_full;
    return result;
  }
  again_ = false;
  result.tokens = n_tokens;
  if (room == kv::Room::compressed) result.status = See::compressed;
  frames_[n_frames_++] = {next_event_++, true, seconds, n_remembered_++};
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

AskResult Session::ask(std::string_view question, AnswerCallback callback, void* context,
                       Turn turn) noexcept {
  AskResult result;
  Runtime& r = *runtime_;
  begin();
  const std::int64_t start = monotonic_ns();
  const int n_answer = r.plan().answer_tokens_max;
  const int n = r.prompt().question(question, r.prompt_buffer(), again_);
  result.question_tokens = n;
  if (n < 0 || n > r.plan().ask_tokens_max - n_answer) {
    result.status = Ask::too_long;
    return result;
  }
  const std::span<PromptToken> prompt = r.prompt_buffer().first(static_cast<std::size_t>(n));
  if (turn == Turn::forgotten) {
    r.mark();
  } else {
    if (observe_for(n + n_answer)) r.prompt().question(question, r.prompt_buffer(), again_);
    if (make_room(n + n_answer) == kv::Room::full) {
      result.status = Ask::memory_full;
      return result;
    }
    for (PromptToken& token : prompt) token.facts.frame = next_event_;
  }
  r.run(prompt, nullptr, true, shown_of(turn));
  result.prefill_ns = monotonic_ns() - start;
  result.answer_tokens = answer(result, callback, context, turn);
  if (turn == Turn::forgotten) {
    r.roll_back();
  } else {
    ++next_event_;
    again_ = true;
  }
  result.decode_ns = monotonic_ns() - start - result.prefill_ns;
  ++stats_.n_questions;
  stats_.n_tokens_in += n;
  stats_.n_tokens_out += result.answer_tokens;
  return result;
}

// Decodes until the model ends, the room ends or the callback says so. Hands out whole characters only, and
// not the space that a model begins its answer with. Of a turn that is kept the memory then holds all that
// was said; the mark that ends it comes with the next question. Returns the number of tokens sampled.
int Session::answer(AskResult& result, AnswerCallback callback, void* context, Turn turn) noexcept {
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

  PromptToken next;
  if (turn == Turn::kept) next.facts.frame = next_event_;
  int n_tokens = 0;
  for (bool over = false; !over;) {
    next.token = greedy(r.logits(), r.text_config().n_vocab);
    ++n_tokens;
    if (r.tokenizer().ends_generation(next.token)) {
      result.status = Ask::ok;
      break;
    }
    const std::span<char> room{bytes + n_held, sizeof(bytes) - n_held};
    n_held += static_cast<std::size_t>(r.tokenizer().decode(next.token, room));
    if (!hand_out(whole_utf8({bytes, n_held}))) {
      result.status = Ask::stopped;
      over = true;
    } else if (n_tokens == r.plan().answer_tokens_max) {
      result.status = Ask::cut;
      over = true;
    }
    if (!over || turn == Turn::kept) r.run({&next, 1}, nullptr, !over, shown_of(turn));
  }
  if (result.status != Ask::stopped) hand_out(n_held);
  return n_tokens;
}

double Session::surprise(std::string_view question, std::span<TokenId> answer, int& n_answer) noexcept {
  Runtime& r = *runtime_;
  begin();
  const int n = r.prompt().question(question, r.prompt_buffer(), again_);
  if (n < 0 || n > r.plan().ask_tokens_max - r.plan().answer_tokens_max) return -1;
  const bool own = n_answer == 0;
  const int n_max = std::min(static_cast<int>(answer.size()), r.plan().answer_tokens_max);
  r.mark();
  r.run(r.prompt_buffer().first(static_cast<std::size_t>(n)), nullptr, true, Shown::nothing);
  double sum = 0;
  for (int i = 0;; ++i) {
    const std::span<const float> logits{r.logits(), static_cast<std::size_t>(r.text_config().n_vocab)};
    TokenId& token = answer[static_cast<std::size_t>(i)];
    if (own) token = greedy(logits.data(), r.text_config().n_vocab);
    sum += log_sum_exp(logits) - static_cast<double>(logits[static_cast<std::size_t>(token)]);
    if (own) n_answer = i + 1;
    if (i + 1 == (own ? n_max : n_answer) || r.tokenizer().ends_generation(token)) break;
    PromptToken next;
    next.token = token;
    r.run({&next, 1}, nullptr, true, Shown::nothing);
  }
  r.roll_back();
  return sum / n_answer;
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
  stats.blocks_used = stats.blocks_max - memory.pool().n_free() - memory.pool().n_free_pages();
  return stats;
}

}  // namespace shrike
