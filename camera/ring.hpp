#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "camera/frame.hpp"
#include "core/limits.hpp"
#include "platform/result.hpp"

namespace shrike {

// Frames on their way from the capture process to ours: fixed slots in shared memory, no locks.
//
//   [RingHeader: order, life signs, one descriptor per slot][pixels of slot 0][pixels of slot 1] ...
//
//   free -> writing -> ready -> reading -> free   the capture process turns the first two, we the others
//              ^---------'                        newest wins: it takes the oldest ready slot back
//
// Two ways to run, chosen for each capture process: `newest`, where the writer never waits and the reader
// skips to the last frame; `lossless`, where the writer waits for a free slot and the reader gets every frame
// in order.
//
// Trust    the writer decodes what strangers send, so the reader believes nothing of the header: places come
//          from its own constants, each descriptor is read once and checked; counters may lie, never index
// Death    a writer may be killed at any instruction. Its `writing` slot is lost until restart(), which frees
//          all slots under a new generation; a writer of an old generation can claim nothing any more
enum class SlotState : std::uint32_t { free, writing, ready, reading };
enum class Phase : std::uint32_t { working, ended, failed };

// Where a file is being read. Kept in shared memory so that the next capture process can go on from there.
struct FilePosition {
  std::uint64_t index = 0;     // frames of this pass that are done with
  double pass_seconds = 0;     // of the stream, when this pass began (later ones: when looping)
  std::uint32_t decoding = 0;  // 1: frame `index` is with the decoder, which is to blame for what happens now
};

// What a capture process is to do; written by us before it starts. What to open comes over a pipe instead.
struct CaptureOrder {
  std::uint32_t kind = 0;  // a SourceKind
  std::uint32_t lossless = 0;
  std::uint32_t realtime = 0;
  std::uint32_t loop = 0;
  double fps = 0;
  double taken_seconds = -1;  // files: of the stream, the last frame that we had before this start; -1: none
  std::int64_t stall_ns = 0;
  std::int64_t open_timeout_ns = 0;
  FilePosition from;
};

struct RingSlot {
  std::atomic<SlotState> state;
  std::atomic<std::uint32_t> width;
  std::atomic<std::uint32_t> height;
  std::atomic<std::uint32_t> stride;
  std::atomic<std::uint64_t> number;
  std::atomic<double> seconds;         // files: media time of the stream
  std::atomic<std::int64_t> stamp_ns;  // monotonic clock at capture
};

struct RingHeader {
  // The first part stays as it is in all versions, so that a capture program of another one can say so.
  std::uint32_t magic;
  std::uint32_t version;
  std::atomic<Phase> phase;
  std::atomic<std::uint32_t> published;  // futex: changes with every frame and phase
  char text[496];                        // why it failed

  std::uint32_t n_slots;
  std::uint32_t width_max;
  std::uint32_t height_max;
  std::uint64_t slot_bytes;
  std::atomic<std::uint32_t> generation;
  CaptureOrder order;

  alignas(64) std::atomic<std::uint32_t> beats;  // signs of life: frames seen, written or not
  std::atomic<std::uint64_t> next_number;
  std::atomic<std::uint64_t> n_broken;
  std::atomic<std::uint32_t> position_now;  // which of the two is whole
  std::array<FilePosition, 2> positions;
  alignas(64) std::atomic<std::uint32_t> released;  // futex: changes with every slot given back
  std::array<RingSlot, limits::kRingSlotsMax> slots;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<double>::is_always_lock_free);

// Geometry of a ring, from which each side knows by itself where things are.
struct RingShape {
  int n_slots = 0;
  int width_max = 0;
  int height_max = 0;

  [[nodiscard]] bool valid() const noexcept;
  std::size_t slot_bytes() const noexcept;
  std::size_t bytes() const noexcept;
};

// The runtime's side; owns the memory.
// Memory   one sealed memfd, all pages taken in create(); nothing later allocates
// Errors   usage: a shape that cannot be; resource
class Ring {
 public:
  [[nodiscard]] static Result<Ring> create(const RingShape& shape);
  Ring() = default;
  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&& other) noexcept;
  ~Ring();

  int fd() const noexcept { return fd_; }

  // Makes all slots free for the next capture process. Only when the one before is dead and no frame is held.
  void restart(const CaptureOrder& order) noexcept;

  // nonsense: the writer broke the rules of the ring and deserves no second look.
  enum class Got : std::uint8_t { frame, nothing, nonsense };
  [[nodiscard]] Got take(Frame& frame, std::int64_t& stamp_ns) noexcept;
  void release() noexcept;  // gives the slot of the last frame back; harmless when none is held

  // Sleeps until published() is no longer `seen`; false when a signal came in between.
  std::uint32_t published() const noexcept { return header_->published.load(std::memory_order_acquire); }
  [[nodiscard]] bool wait(std::uint32_t seen, std::int64_t ns) const noexcept;

  Phase phase() const noexcept { return header_->phase.load(std::memory_order_acquire); }
  void copy_text(char* text, std::size_t size) const noexcept;  // printable, terminated
  std::uint32_t beats() const noexcept { return header_->beats.load(std::memory_order_relaxed); }
  std::uint64_t n_captured() const noexcept;
  std::uint64_t n_dropped() const noexcept { return n_dropped_; }
  std::uint64_t n_broken() const noexcept { return header_->n_broken.load(std::memory_order_relaxed); }
  FilePosition position() const noexcept;  // where the writer was; of a dead one only

 private:
  int pick() const noexcept;

  RingHeader* header_ = nullptr;
  int fd_ = -1;
  RingShape shape_;
  bool lossless_ = false;
  int held_ = -1;           // slot being read
  std::uint64_t next_ = 0;  // the lowest number that was not taken or passed over
  std::uint64_t n_dropped_ = 0;
};

// The capture process's side.
class RingWriter {
 public:
  // Errors   malformed: not a ring, or one of another version (the ring's own text says so too); io
  [[nodiscard]] static Result<RingWriter> attach(int fd);
  RingWriter(RingWriter&& other) noexcept;
  RingWriter& operator=(RingWriter&&) = delete;
  ~RingWriter();

  const CaptureOrder& order() const noexcept { return order_; }
  const RingShape& shape() const noexcept { return shape_; }
  bool current() const noexcept;  // false: this writer was replaced and must end

  // Pixels of a slot of ours until publish(): [height][width][3] of at most the ring's shape; the same one
  // again when it was not published. Null when none became free in time (lossless), when none can be had
  // (newest: only by a lost race with the reader) or when not current.
  [[nodiscard]] std::uint8_t* claim(std::int64_t wait_ns) noexcept;
  void publish(int width, int height, std::size_t stride, double seconds, std::int64_t stamp_ns) noexcept;
  void drop() noexcept;  // a frame for which there was no slot: takes a number, is never seen

  void beat() noexcept { header_->beats.fetch_add(1, std::memory_order_relaxed); }
  void count_broken() noexcept { header_->n_broken.fetch_add(1, std::memory_order_relaxed); }
  void set_position(const FilePosition& position) noexcept;  // whole, whenever death comes
  void finish(Phase phase, const char* text) noexcept;

 private:
  RingWriter() = default;
  int pick() const noexcept;

  RingHeader* header_ = nullptr;
  RingShape shape_;
  CaptureOrder order_;
  std::uint32_t generation_ = 0;
  int claimed_ = -1;
};

}  // namespace shrike
