#include "apps/shrike/stream.hpp"

#include <algorithm>

#include "apps/shrike/print.hpp"
#include "apps/shrike/signals.hpp"
#include "core/gguf/reader.hpp"
#include "core/model/config.hpp"
#include "platform/clock.hpp"
#include "platform/memory.hpp"

namespace shrike::cli {
namespace {

constexpr std::size_t kMediansMax = 4096;
constexpr std::int64_t kWaitNs = 200'000'000;  // how long a Ctrl-C may go unseen at most
std::int64_t process_start_ns = 0;

// The rate that the model was trained on, wanted before the session is laid out.
Result<float> trained_fps(const std::string& model_path) {
  SHRIKE_TRY(const MappedFile text, MappedFile::open(model_path));
  SHRIKE_TRY(const gguf::File file, gguf::File::parse(text.bytes(), model_path));
  SHRIKE_TRY(const TextConfig config, read_text_config(file));
  return config.video_fps;
}

double median_ms(std::vector<std::int64_t>& ns) {
  if (ns.empty()) return 0;
  const auto middle = ns.begin() + static_cast<std::ptrdiff_t>(ns.size() / 2);
  std::nth_element(ns.begin(), middle, ns.end());
  return static_cast<double>(*middle) * 1e-6;
}

void note(std::vector<std::int64_t>& ns, std::size_t n, std::int64_t value) {
  if (ns.size() < kMediansMax)
    ns.push_back(value);
  else
    ns[n % kMediansMax] = value;
}

}  // namespace

Result<ImageShape> image_shape(const SessionOptions& options, const ModelArguments& model) {
  if (options.mmproj_path.empty())
    return Error{Code::usage, "a model that sees needs its vision file", "--mmproj"};
  SHRIKE_TRY(const MappedFile vision, MappedFile::open(options.mmproj_path));
  SHRIKE_TRY(const gguf::File file, gguf::File::parse(vision.bytes(), options.mmproj_path));
  SHRIKE_TRY(const VisionConfig config, read_vision_config(file));
  const TileLimits tiles = tile_limits(config, options.image_tokens_max, Prompt::kTilesAcrossMax);
  ImageShape shape{tiles.side, tiles.n_tiles_max > 1 ? tiles.across_max : 1, {}, {}};
  shape.whole = {tiles.side_min(), tiles.side_max()};
  SHRIKE_TRY(shape.filter, filter_option(model, config.picturing.filter));
  return shape;
}

std::vector<SessionOptions::Guest> stream_guests(const SourceOptions& source, const ImageShape& image) {
  const std::string extent = std::to_string(source.width_max) + "x" + std::to_string(source.height_max);
  return {{"preprocess",
           Preprocessor::bytes_needed(source.width_max, source.height_max, image.side, image.filter,
                                      image.across_max, image.whole),
           true, "taps for frames up to " + extent},
          {"camera ring", Source::ring_bytes(source), false, Source::ring_note(source)}};
}

Error plan_error(const Plan& plan) {
  if (!plan.kv_fits())
    return {Code::does_not_fit, "one frame and one question need more", "--kv-budget",
            static_cast<std::int64_t>(plan.kv_budget_bytes),
            static_cast<std::int64_t>(plan.kv_budget_min_bytes)};
  if (!plan.context_fits())
    return {Code::does_not_fit, "too few positions for one frame and one question", "--ctx-size",
            plan.context_max, plan.context_min};
  return {Code::does_not_fit, "the plan does not fit into", "--memory",
          static_cast<std::int64_t>(plan.total_bytes()), static_cast<std::int64_t>(plan.memory_max_bytes)};
}

void note_start() noexcept { process_start_ns = monotonic_ns(); }

Result<std::unique_ptr<Stream>> Stream::open(const ModelArguments& model, const SourceOptions& source) {
  SHRIKE_TRY(SessionOptions options, session_options(model));
  SHRIKE_TRY(const ImageShape image, image_shape(options, model));
  SourceOptions from = source;
  if (from.fps == 0) {
    SHRIKE_TRY(const float fps, trained_fps(options.model_path));
    from.fps = static_cast<double>(fps);
  }

  std::unique_ptr<Stream> stream(new Stream);
  stream->start_ns_ = process_start_ns != 0 ? process_start_ns : monotonic_ns();
  SHRIKE_TRY(stream->source_, Source::open(from));
  stream->source_options_ = from;
  options.guests = stream_guests(from, image);
  Result<std::unique_ptr<Session>> session = Session::open(options);
  if (!session) {
    if (session.error().code == Code::does_not_fit)
      if (const Result<Plan> plan = Session::plan(options)) print_plan(stderr, *plan);
    return session.error();
  }
  stream->session_ = std::move(session).value();
  stream->preprocess_ = std::make_unique<Preprocessor>(
      stream->session_->runtime().kernels(), stream->session_->guest_memory("preprocess"), from.width_max,
      from.height_max, image.side, image.filter, image.across_max, image.whole);
  for (auto* times : {&stream->encode_ns_, &stream->prefill_ns_, &stream->answer_ns_})
    times->reserve(kMediansMax);
  return stream;
}

Status Stream::continue_with(const SourceOptions& source) {
  SourceOptions from = source_options_;
  from.argument = source.argument;
  begin_seconds_ = summary_.stream_seconds + 1.0 / from.fps;
  source_.reset();
  SHRIKE_TRY(source_, Source::open(from));
  return ok();
}

Stream::Next Stream::next(Listener& listener) {
  for (;;) {
    if (stop_asked()) {
      summary_.interrupted = true;
      return Next::interrupted;
    }
    switch (source_->take(frame_, kWaitNs)) {
      case Take::frame:
        in_hand_ = true;
        return Next::frame;
      case Take::waiting:
        return Next::waiting;
      case Take::restarted:
        listener.event(seconds(), source_->note());
        break;
      case Take::ended:
        return Next::ended;
      case Take::failed:
        return Next::failed;
    }
  }
}

void Stream::see(Listener& listener) {
  if (!in_hand_) return;
  const double seconds = seconds_ahead();
  const TileGrid grid = session_->tiles_for(frame_.width, frame_.height);
  std::span<const float> image_tokens;
  std::int64_t encode_ns = 0;
  bool good = true;
  for (int tile = 0; good && tile < grid.n_tiles(); ++tile) {
    good = (*preprocess_)(frame_, session_->image_input(), grid, tile);
    const std::int64_t start = monotonic_ns();
    if (good) image_tokens = session_->encode(tile, grid);
    encode_ns += monotonic_ns() - start;
  }
  source_->release();
  in_hand_ = false;
  ++summary_.n_frames;
  if (!good) {
    ++summary_.n_refused;
    return listener.event(seconds, "a frame of no size, or larger than --frame-size, was dropped");
  }
  SeeResult result = session_->see(image_tokens, seconds, grid);
  result.encode_ns = encode_ns;
  summary_.stream_seconds = seconds;
  note(encode_ns_, n_timed_, result.encode_ns);
  note(prefill_ns_, n_timed_++, result.prefill_ns);
  if (summary_.first_frame_ms == 0)
    summary_.first_frame_ms = static_cast<double>(monotonic_ns() - start_ns_) * 1e-6;
  if (result.status == See::memory_full) {
    ++summary_.n_refused;
    if (!full_told_)
      listener.event(seconds,
                     "memory full: later frames are not remembered; --kv-policy recent makes room instead");
    full_told_ = true;
  }
  const ProcessMemory memory = process_memory();
  summary_.peak_bytes = std::max(summary_.peak_bytes, memory.anonymous + memory.shared);
  listener.frame(seconds, result);
}

AskResult Stream::ask(const std::string& question, std::string& text) {
  text.clear();
  const AskResult result = session_->ask(
      question,
      [](void* context, std::string_view piece) {
        static_cast<std::string*>(context)->append(piece);
        return true;
      },
      &text);
  if (result.status != Ask::too_long) note(answer_ns_, n_answers_++, result.prefill_ns + result.decode_ns);
  return result;
}

Summary Stream::summary() {
  summary_.session = session_->stats();
  summary_.source = source_->stats();
  summary_.wall_seconds = static_cast<double>(monotonic_ns() - start_ns_) * 1e-9;
  summary_.encode_ms = median_ms(encode_ns_);
  summary_.prefill_ms = median_ms(prefill_ns_);
  summary_.answer_ms = median_ms(answer_ns_);
  return summary_;
}

}  // namespace shrike::cli
