#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "camera/frame.hpp"
#include "platform/result.hpp"

namespace shrike {

// What the argument of --source means, told by its shape alone.
//   "0", "/dev/video0", "/dev/v4l/by-id/..."     device
//   "rtsp://...", "rtsps://...", "http(s)://..." url
//   "gst:PIPELINE"                               pipeline
//   a directory                                  folder      its pictures in natural order, all of them;
//                                                            `fps` of the options to a second, else one
//   "synthetic:seed=7,frames=64"                 synthetic   see camera/synthetic/world_options.hpp
//   anything else                                file        a video, or a single picture
enum class SourceKind : std::uint8_t { device, url, pipeline, folder, file, synthetic };
inline constexpr std::string_view kSyntheticPrefix = "synthetic:";
[[nodiscard]] SourceKind source_kind(const std::string& argument);
[[nodiscard]] bool is_live(SourceKind kind) noexcept;  // device, url, pipeline: time does not wait for us
// The argument with user:password@ replaced by ***@, fit for a log.
[[nodiscard]] std::string redacted(const std::string& argument);

struct SourceOptions {
  std::string argument;
  double fps = 0;         // frames per second wanted; 0: all that come. Files are sampled by media time
  bool realtime = false;  // what is not live: at its own pace, newest wins; else all, without loss
  bool loop = false;      // what is not live: start again at the end; time goes on
  int width_max = 1920;   // larger frames are scaled down by the capture process to fit
  int height_max = 1080;
  int n_slots = 3;                                // of the ring: one is read, one is ready, one is written
  std::int64_t stall_ns = 20'000'000'000;         // no frame for so long: the capture process is replaced
  std::int64_t open_timeout_ns = 30'000'000'000;  // ... and for the first frame after a (re)start
  std::int64_t backoff_min_ns = 1'000'000'000;
  std::int64_t backoff_max_ns = 60'000'000'000;
  std::string capture_program;  // path of shrike-capture; empty: beside this program, then in PATH
};

struct SourceStats {
  std::uint64_t n_captured = 0;  // frames the capture processes wrote or had to drop
  std::uint64_t n_dropped = 0;   // of those, never taken: newer ones came, or no slot was free
  std::uint64_t n_broken = 0;    // undecodable or of no size; not in n_captured
  std::uint64_t n_restarts = 0;  // as often as `restarted` was told
  double gap_seconds = 0;        // without frames, over all restarts, the present one included
};

enum class Take : std::uint8_t {
  frame,      // `frame` is ours until release()
  waiting,    // the time given passed without one
  restarted,  // the capture process died, hung or could not open its source and is being replaced, after a
              // pause for live sources; told once each time, as soon as it is seen; note() says why
  ended,      // end of a file, folder or synthetic stream
  failed,     // final: note() says why (a file that cannot be read, a program that cannot be started)
};

// Where frames come from. Runs the capture process, watches over it, restarts it with backoff for live
// sources for ever; a file whose decoder dies is continued behind the frame that killed it, a few times.
// open() waits for no camera: what device, file or network do shows in take() only. A synthetic source needs no
// capture process: see camera/synthetic_source.hpp.
//
// Memory   one shared mapping of ring_bytes(options), taken in open(); take() and release() allocate nothing
//          unless the capture process must be started again
// Threads  one caller; the capture process is a process of its own and ends with this one
// Errors   open: missing (file, capture program), usage, resource, unavailable (the program does not start)
class Source {
 public:
  [[nodiscard]] static std::size_t ring_bytes(const SourceOptions& options) noexcept;
  [[nodiscard]] static std::string ring_note(const SourceOptions& options);  // what those bytes are for
  [[nodiscard]] static Result<std::unique_ptr<Source>> open(const SourceOptions& options);
  virtual ~Source() = default;  // ends the capture process

  // The next frame: the newest one of a live source, the following one of a file. Waits up to wait_ns.
  // Returns early with `waiting` when a signal comes. The frame before must have been released.
  [[nodiscard]] virtual Take take(Frame& frame, std::int64_t wait_ns) noexcept = 0;
  virtual void release() noexcept = 0;            // gives the frame of the last take() back
  virtual const char* note() const noexcept = 0;  // one line about the last restarted or failed
  virtual SourceStats stats() const noexcept = 0;
  virtual int capture_pid() const noexcept = 0;  // for tests and for people; -1 when none runs
};

}  // namespace shrike
