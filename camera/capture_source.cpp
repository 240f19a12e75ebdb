#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "camera/capture_process.hpp"
#include "camera/ring.hpp"
#include "camera/source.hpp"
#include "camera/synthetic_source.hpp"
#include "platform/clock.hpp"

namespace shrike {
namespace {

constexpr int kFileRestartsMax = 3;
constexpr double kFpsMax = 1000;
constexpr int kExitNotStarted = 127;           // of the loader and of a failed exec
constexpr std::int64_t kSliceNs = 50'000'000;  // between two looks at the capture process
constexpr std::int64_t kWaitNsMax = 86'400'000'000'000;

// The life of one capture process after another:
//
//   running --(dead, hung, broken)--> dying --(collected by waitpid)--> pausing --(backoff over)--> running
//      '------(end of file, cannot go on)--> over
//
// The next one starts only when the last is truly gone, so two never have the ring or the camera at once.
class CaptureSource final : public Source {
 public:
  CaptureSource(const SourceOptions& options, Ring ring, CaptureProcess process);
  [[nodiscard]] int start() noexcept;

  Take take(Frame& frame, std::int64_t wait_ns) noexcept override;
  void release() noexcept override { ring_.release(); }
  const char* note() const noexcept override { return note_.data(); }
  SourceStats stats() const noexcept override;
  int capture_pid() const noexcept override { return process_.pid(); }

 private:
  enum class Mode : std::uint8_t { running, dying, pausing, over };

  Take step(Frame& frame) noexcept;
  Take look(Frame& frame) noexcept;
  Take accept(Frame& frame, std::int64_t stamp_ns) noexcept;
  Take lost(bool may_go_on) noexcept;  // after say()
  Take finish(Take how) noexcept;
  void choose_position() noexcept;
  bool quiet_too_long() noexcept;
  void say_exit(int status) noexcept;
  std::int64_t next_backoff() noexcept;
  [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) noexcept;
  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept;

  const SourceOptions options_;
  const std::string shown_;
  const bool live_;
  Ring ring_;
  CaptureProcess process_;
  CaptureOrder order_;

  Mode mode_ = Mode::pausing;
  Take over_ = Take::failed;
  bool killed_by_stranger_ = false;  // so the frame being decoded is not to blame
  std::int64_t resume_at_ns_ = 0;
  std::int64_t backoff_ns_ = 0;
  std::uint64_t n_restarts_ = 0;
  std::uint32_t random_;

  // Of the present capture process
  std::int64_t first_frame_ns_ = 0;  // 0: none yet
  std::uint32_t beats_ = 0;
  std::int64_t quiet_ns_ = 0;  // without a sign of life
  std::int64_t last_look_ns_ = 0;

  // Of the source
  std::int64_t first_stamp_ns_ = -1;
  std::int64_t last_stamp_ns_;  // before the first frame: when the source was opened
  double last_seconds_ = -1;
  bool in_gap_ = false;
  std::int64_t gap_ns_ = 0;
  std::array<char, 640> note_{};
};

CaptureSource::CaptureSource(const SourceOptions& options, Ring ring, CaptureProcess process)
    : options_(options),
      shown_(redacted(options.argument)),
      live_(is_live(source_kind(options.argument))),
      ring_(std::move(ring)),
      process_(std::move(process)) {
  order_.kind = static_cast<std::uint32_t>(source_kind(options.argument));
  order_.lossless = !live_ && !options.realtime;
  order_.realtime = options.realtime;
  order_.loop = options.loop;
  order_.fps = options.fps;
  order_.stall_ns = options.stall_ns;
  order_.open_timeout_ns = options.open_timeout_ns;
  last_stamp_ns_ = monotonic_ns();
  random_ = static_cast<std::uint32_t>(last_stamp_ns_ ^ getpid()) | 1u;
}

int CaptureSource::start() noexcept {
  ring_.restart(order_);
  const int error = process_.start(ring_.fd());
  first_frame_ns_ = 0;
  beats_ = ring_.beats();
  quiet_ns_ = 0;
  last_look_ns_ = monotonic_ns();
  mode_ = Mode::running;
  if (error != 0) {
    say("cannot start %s: %s", process_.program().c_str(), strerrordesc_np(error));
    static_cast<void>(finish(Take::failed));
  }
  return error;
}

Take CaptureSource::take(Frame& frame, std::int64_t wait_ns) noexcept {
  const std::int64_t deadline = monotonic_ns() + std::clamp<std::int64_t>(wait_ns, 0, kWaitNsMax);
  const std::int64_t slice = std::min(kSliceNs, options_.stall_ns / 8);
  for (;;) {
    const std::uint32_t seen = ring_.published();
    const Take event = step(frame);
    const std::int64_t left = deadline - monotonic_ns();
    if (event != Take::waiting || left <= 0) return event;
    if (!ring_.wait(seen, std::min(left, slice))) return Take::waiting;
  }
}

Take CaptureSource::step(Frame& frame) noexcept {
  int status = 0;
  switch (mode_) {
    case Mode::running:
      return look(frame);
    case Mode::over:
      static_cast<void>(process_.gone(status));
      return over_;
    case Mode::dying:
      if (!process_.gone(status)) return Take::waiting;
      choose_position();
      mode_ = Mode::pausing;
      [[fallthrough]];
    case Mode::pausing:
      if (monotonic_ns() >= resume_at_ns_ && start() != 0) return over_;
      return Take::waiting;
  }
  return Take::waiting;
}

// The process is looked at before the ring, so that whatever a dead one wrote is found and given out first.
Take CaptureSource::look(Frame& frame) noexcept {
  int status = 0;
  const bool gone = process_.gone(status);
  const Phase phase = ring_.phase();
  std::int64_t stamp_ns = 0;
  switch (ring_.take(frame, stamp_ns)) {
    case Ring::Got::frame:
      return accept(frame, stamp_ns);
    case Ring::Got::nonsense:
      say("capture of %s wrote nonsense", shown_.c_str());
      return lost(true);
    case Ring::Got::nothing:
      break;
  }
  if (phase == Phase::ended && !live_) return finish(Take::ended);
  if (phase == Phase::failed) {
    ring_.copy_text(note_.data(), note_.size());
    return lost(live_);
  }
  if (gone) {
    say_exit(status);
    return lost(!(WIFEXITED(status) && WEXITSTATUS(status) == kExitNotStarted));
  }
  if (quiet_too_long()) {
    say("no frame from %s for %.1f s", shown_.c_str(), static_cast<double>(quiet_ns_) * 1e-9);
    return lost(true);
  }
  return Take::waiting;
}

// Live frames carry the clock, files their media time; both only ever move forward for the caller.
Take CaptureSource::accept(Frame& frame, std::int64_t stamp_ns) noexcept {
  const std::int64_t now = monotonic_ns();
  stamp_ns = std::clamp(stamp_ns, std::min(last_stamp_ns_, now), now);
  if (first_stamp_ns_ < 0) first_stamp_ns_ = stamp_ns;
  if (first_frame_ns_ == 0) first_frame_ns_ = now;
  if (in_gap_) gap_ns_ += stamp_ns - last_stamp_ns_;
  in_gap_ = false;
  last_stamp_ns_ = stamp_ns;
  quiet_ns_ = 0;
  last_look_ns_ = now;
  if (live_) frame.seconds = static_cast<double>(stamp_ns - first_stamp_ns_) * 1e-9;
  last_seconds_ = frame.seconds = std::max(frame.seconds, last_seconds_);
  return Take::frame;
}

// Time counts only in small steps from look to look: when the machine or this program slept, the camera is
// not to blame.
bool CaptureSource::quiet_too_long() noexcept {
  const std::int64_t limit = first_frame_ns_ == 0 ? options_.open_timeout_ns : options_.stall_ns;
  const std::int64_t now = monotonic_ns();
  quiet_ns_ += std::min(now - last_look_ns_, limit / 4);
  last_look_ns_ = now;
  const std::uint32_t beats = ring_.beats();
  if (beats != beats_) quiet_ns_ = 0;
  beats_ = beats;
  return quiet_ns_ >= limit;
}

Take CaptureSource::lost(bool may_go_on) noexcept {
  if (!may_go_on) return finish(Take::failed);
  if (!live_ && n_restarts_ == kFileRestartsMax) {
    add("; given up after %d restarts", kFileRestartsMax);
    return finish(Take::failed);
  }
  ++n_restarts_;
  in_gap_ = true;
  process_.kill();
  mode_ = Mode::dying;
  const std::int64_t pause = live_ ? next_backoff() : 0;
  resume_at_ns_ = monotonic_ns() + pause;
  if (live_) add("; trying again in %.1f s", static_cast<double>(pause) * 1e-9);
  if (!live_) add("; going on");
  return Take::restarted;
}

Take CaptureSource::finish(Take how) noexcept {
  process_.kill();
  mode_ = Mode::over;
  return over_ = how;
}

// Where the next process goes on in a file. What was decoded when the last one crashed or hung is passed
// over, unless somebody else killed it.
void CaptureSource::choose_position() noexcept {
  if (live_) return;
  order_.from = ring_.position();
  if (order_.from.decoding != 0 && !killed_by_stranger_) ++order_.from.index;
  order_.from.decoding = 0;
  order_.taken_seconds = last_seconds_;
  killed_by_stranger_ = false;
}

void CaptureSource::say_exit(int status) noexcept {
  if (WIFSIGNALED(status)) {
    killed_by_stranger_ = WTERMSIG(status) == SIGKILL;
    const char* name = sigabbrev_np(WTERMSIG(status));
    say("capture of %s died of SIG%s", shown_.c_str(), name != nullptr ? name : "?");
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == kExitNotStarted) {
    say("%s cannot be started here: no such kind of program, or a library is missing",
        process_.program().c_str());
  } else {
    say("capture of %s ended by itself with code %d", shown_.c_str(),
        WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
}

// Doubles while there is no luck; a run that gave frames for longer than the last pause ends the bad series.
std::int64_t CaptureSource::next_backoff() noexcept {
  const bool lucky = first_frame_ns_ != 0 && monotonic_ns() - first_frame_ns_ > backoff_ns_;
  backoff_ns_ = lucky || backoff_ns_ == 0 ? options_.backoff_min_ns
                                          : std::min(backoff_ns_ * 2, options_.backoff_max_ns);
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  // Between 3/4 and all of it, so that many cameras that went down together do not come back together.
  return backoff_ns_ - backoff_ns_ / 4096 * (random_ % 1024);
}

SourceStats CaptureSource::stats() const noexcept {
  SourceStats stats;
  stats.n_captured = ring_.n_captured();
  stats.n_dropped = ring_.n_dropped();
  stats.n_broken = ring_.n_broken();
  stats.n_restarts = n_restarts_;
  const std::int64_t open_gap_ns = in_gap_ && mode_ != Mode::over ? monotonic_ns() - last_stamp_ns_ : 0;
  stats.gap_seconds = static_cast<double>(gap_ns_ + open_gap_ns) * 1e-9;
  return stats;
}

void CaptureSource::say(const char* format, ...) noexcept {
  va_list values;
  va_start(values, format);
  std::vsnprintf(note_.data(), note_.size(), format, values);
  va_end(values);
}

void CaptureSource::add(const char* format, ...) noexcept {
  const std::size_t n = strnlen(note_.data(), note_.size() - 1);
  va_list values;
  va_start(values, format);
  std::vsnprintf(note_.data() + n, note_.size() - n, format, values);
  va_end(values);
}

RingShape shape_of(const SourceOptions& options) noexcept {
  return {options.n_slots, options.width_max, options.height_max};
}

Status check(const SourceOptions& o) {
  if (o.argument.empty() || o.argument.find('\0') != o.argument.npos)
    return Error{Code::usage, "no source given", redacted(o.argument)};
  if (o.argument.size() >= kArgumentBytesMax)
    return Error{Code::usage, "source argument too long", "source",
                 static_cast<std::int64_t>(o.argument.size()), kArgumentBytesMax - 1};
  if (!(o.fps >= 0 && o.fps <= kFpsMax)) return Error{Code::usage, "fps must be between 0 and 1000", "fps"};
  if (!shape_of(o).valid()) return Error{Code::usage, "frame size or number of slots cannot be", "ring"};
  if (o.stall_ns <= 0 || o.open_timeout_ns <= 0 || o.backoff_min_ns <= 0 ||
      o.backoff_max_ns < o.backoff_min_ns)
    return Error{Code::usage, "times of a source must be positive", "source"};
  struct stat info {};
  if (source_kind(o.argument) == SourceKind::file && stat(o.argument.c_str(), &info) != 0)
    return Error{Code::missing, "no such file or folder", redacted(o.argument)};
  return ok();
}

}  // namespace

std::size_t Source::ring_bytes(const SourceOptions& options) noexcept {
  if (source_kind(options.argument) == SourceKind::synthetic) return synthetic_bytes(options);
  const RingShape shape = shape_of(options);
  return shape.valid() ? shape.bytes() : 0;
}

std::string Source::ring_note(const SourceOptions& options) {
  if (source_kind(options.argument) == SourceKind::synthetic) return "background and one frame, drawn here";
  return std::to_string(options.n_slots) + " frames up to " + std::to_string(options.width_max) + "x" +
         std::to_string(options.height_max) + ", shared with the capture process";
}

Result<std::unique_ptr<Source>> Source::open(const SourceOptions& options) {
  SHRIKE_TRY_VOID(check(options));
  if (source_kind(options.argument) == SourceKind::synthetic) return open_synthetic(options);
  SHRIKE_TRY(CaptureProcess process, CaptureProcess::prepare(options.capture_program, options.argument));
  SHRIKE_TRY(Ring ring, Ring::create(shape_of(options)));
  auto source = std::make_unique<CaptureSource>(options, std::move(ring), std::move(process));
  if (source->start() != 0)
    return Error{Code::unavailable, "cannot start the capture program", source->note()};
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace shrike
