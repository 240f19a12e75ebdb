#include "camera/ring.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <new>
#include <utility>

#include "platform/clock.hpp"
#include "platform/numeric.hpp"

namespace shrike {
namespace {

constexpr std::uint32_t kMagic = 0x4b524853;  // "SHRK"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPixelsOffset = align_up<std::size_t>(sizeof(RingHeader), 64);
constexpr std::uint64_t kJumpMax = std::uint64_t{1} << 32;  // frames between two looks; more is nonsense
constexpr double kSecondsMax = 1e9;                         // 30 years of film

std::uint8_t* pixels_of(RingHeader* header, const RingShape& shape, int slot) noexcept {
  return reinterpret_cast<std::uint8_t*>(header) + kPixelsOffset +
         static_cast<std::size_t>(slot) * shape.slot_bytes();
}

// Shared between processes, so not the private kind. False when a signal interrupted the sleep.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t seen, std::int64_t ns) noexcept {
  if (ns <= 0) return true;
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  limit.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return syscall(SYS_futex, &word, FUTEX_WAIT, seen, &limit, nullptr, 0) == 0 || errno != EINTR;
}

void futex_bump(std::atomic<std::uint32_t>& word) noexcept {
  word.fetch_add(1, std::memory_order_acq_rel);
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

RingHeader* map_ring(int fd, std::size_t bytes, int flags) noexcept {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<RingHeader*>(memory);
}

// A memfd above the standard descriptors, all pages taken, its size sealed: a lying writer cannot shrink it
// under us.
int make_memory(std::size_t bytes) noexcept {
  const int low = memfd_create("shrike-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (low < 0) return -1;
  const int fd = fcntl(low, F_DUPFD_CLOEXEC, 3);
  close(low);
  if (fd < 0) return -1;
  int error = EINTR;
  while (error == EINTR) error = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (error == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) return fd;
  close(fd);
  return -1;
}

bool plausible(const FilePosition& p) noexcept {
  return p.index < kJumpMax && p.pass_seconds >= 0 && p.pass_seconds < kSecondsMax;
}

}  // namespace

bool RingShape::valid() const noexcept {
  const auto side_ok = [](int side) { return side >= 1 && side <= limits::kFrameSideMax; };
  if (n_slots < 2 || n_slots > limits::kRingSlotsMax || !side_ok(width_max) || !side_ok(height_max))
    return false;
  return slot_bytes() <= (SIZE_MAX / 2 - kPixelsOffset) / static_cast<std::size_t>(n_slots);
}

std::size_t RingShape::slot_bytes() const noexcept {
  return align_up<std::size_t>(
      std::size_t{3} * static_cast<std::size_t>(width_max) * static_cast<std::size_t>(height_max), 64);
}

std::size_t RingShape::bytes() const noexcept {
  return kPixelsOffset + static_cast<std::size_t>(n_slots) * slot_bytes();
}

Result<Ring> Ring::create(const RingShape& shape) {
  if (!shape.valid()) return Error{Code::usage, "camera ring of a shape that cannot be", "ring"};
  Ring ring;
  ring.shape_ = shape;
  ring.fd_ = make_memory(shape.bytes());
  if (ring.fd_ >= 0) ring.header_ = map_ring(ring.fd_, shape.bytes(), MAP_POPULATE);
  if (ring.header_ == nullptr)
    return Error{Code::resource, "no shared memory for the camera ring", "bytes",
                 static_cast<std::int64_t>(shape.bytes()), 0};
  new (ring.header_) RingHeader{};
  ring.header_->magic = kMagic;
  ring.header_->version = kVersion;
  ring.header_->n_slots = static_cast<std::uint32_t>(shape.n_slots);
  ring.header_->width_max = static_cast<std::uint32_t>(shape.width_max);
  ring.header_->height_max = static_cast<std::uint32_t>(shape.height_max);
  ring.header_->slot_bytes = shape.slot_bytes();
  return ring;
}

Ring::Ring(Ring&& other) noexcept { *this = std::move(other); }

Ring& Ring::operator=(Ring&& other) noexcept {
  std::swap(header_, other.header_);
  std::swap(fd_, other.fd_);
  std::swap(shape_, other.shape_);
  std::swap(lossless_, other.lossless_);
  std::swap(held_, other.held_);
  std::swap(next_, other.next_);
  std::swap(n_dropped_, other.n_dropped_);
  return *this;
}

Ring::~Ring() {
  if (header_ != nullptr) munmap(header_, shape_.bytes());
  if (fd_ >= 0) close(fd_);
}

void Ring::restart(const CaptureOrder& order) noexcept {
  SHRIKE_CHECK(held_ < 0);
  lossless_ = order.lossless != 0;
  n_dropped_ += n_captured() - next_;  // what the dead one wrote last and nobody will see
  next_ = n_captured();
  header_->generation.fetch_add(1, std::memory_order_acq_rel);
  header_->phase.store(Phase::working, std::memory_order_relaxed);
  header_->text[0] = '\0';
  header_->order = order;
  header_->next_number.store(next_, std::memory_order_relaxed);
  header_->positions[0] = order.from;
  header_->position_now.store(0, std::memory_order_relaxed);
  for (RingSlot& slot : header_->slots) slot.state.store(SlotState::free, std::memory_order_release);
}

// The slot to read next. While we look, others may become ready: a lossless reader therefore waits for
// exactly its number, and one that wants the newest may see a yet newer one at the next look.
int Ring::pick() const noexcept {
  int best = -1;
  std::uint64_t best_number = 0;
  for (int i = 0; i < shape_.n_slots; ++i) {
    const RingSlot& slot = header_->slots[static_cast<std::size_t>(i)];
    if (slot.state.load(std::memory_order_acquire) != SlotState::ready) continue;
    const std::uint64_t number = slot.number.load(std::memory_order_relaxed);
    if (lossless_ ? number != next_ : number < next_) continue;
    if (best >= 0 && number < best_number) continue;
    best = i;
    best_number = number;
  }
  return best;
}

Ring::Got Ring::take(Frame& frame, std::int64_t& stamp_ns) noexcept {
  SHRIKE_CHECK(held_ < 0);
  for (int attempt = 0; attempt < shape_.n_slots; ++attempt) {
    const int i = pick();
    if (i < 0) return Got::nothing;
    RingSlot& slot = header_->slots[static_cast<std::size_t>(i)];
    SlotState expected = SlotState::ready;
    if (!slot.state.compare_exchange_strong(expected, SlotState::reading, std::memory_order_acq_rel))
      continue;
    held_ = i;
    // Each field is read once: what is checked is what is used.
    const std::uint32_t width = slot.width.load(std::memory_order_relaxed);
    const std::uint32_t height = slot.height.load(std::memory_order_relaxed);
    const std::uint32_t stride = slot.stride.load(std::memory_order_relaxed);
    const std::uint64_t number = slot.number.load(std::memory_order_relaxed);
    const double seconds = slot.seconds.load(std::memory_order_relaxed);
    const bool fits = width >= 1 && width <= static_cast<std::uint32_t>(shape_.width_max) && height >= 1 &&
                      height <= static_cast<std::uint32_t>(shape_.height_max) && stride >= 3 * width &&
                      std::uint64_t{stride} * height <= shape_.slot_bytes();
    const bool in_order = number >= next_ && number - next_ < kJumpMax;
    if (!fits || !in_order || !(seconds >= 0 && seconds < kSecondsMax)) {
      release();
      return Got::nonsense;
    }
    stamp_ns = slot.stamp_ns.load(std::memory_order_relaxed);
    frame.pixels = pixels_of(header_, shape_, i);
    frame.width = static_cast<int>(width);
    frame.height = static_cast<int>(height);
    frame.stride = stride;
    frame.seconds = seconds;
    frame.number = number;
    n_dropped_ += number - next_;
    next_ = number + 1;
    return Got::frame;
  }
  return Got::nothing;
}

void Ring::release() noexcept {
  if (held_ < 0) return;
  header_->slots[static_cast<std::size_t>(held_)].state.store(SlotState::free, std::memory_order_release);
  held_ = -1;
  futex_bump(header_->released);
}

bool Ring::wait(std::uint32_t seen, std::int64_t ns) const noexcept {
  return futex_wait(header_->published, seen, ns);
}

void Ring::copy_text(char* text, std::size_t size) const noexcept {
  std::size_t n = 0;
  for (; n + 1 < size && n < sizeof header_->text; ++n) {
    const char c = static_cast<const volatile char&>(header_->text[n]);
    if (c == '\0') break;
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    text[n] = control ? ' ' : c;
  }
  if (size > 0) text[n] = '\0';
}

std::uint64_t Ring::n_captured() const noexcept {
  const std::uint64_t n = header_->next_number.load(std::memory_order_acquire);
  return n >= next_ && n - next_ < kJumpMax ? n : next_;
}

FilePosition Ring::position() const noexcept {
  const FilePosition position =
      header_->positions[header_->position_now.load(std::memory_order_acquire) & 1u];
  return plausible(position) ? position : FilePosition{};
}

Result<RingWriter> RingWriter::attach(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Error{Code::io, "no ring behind this descriptor", "ring", fd, 0};
  if (info.st_size < static_cast<off_t>(sizeof(RingHeader)))
    return Error{Code::malformed, "too small to be a ring", "ring", info.st_size, sizeof(RingHeader)};
  const auto bytes = static_cast<std::size_t>(info.st_size);
  RingWriter writer;
  writer.header_ = map_ring(fd, bytes, 0);
  if (writer.header_ == nullptr) return Error{Code::io, "the ring cannot be mapped", "ring"};
  RingHeader& header = *writer.header_;
  writer.shape_ = {static_cast<int>(header.n_slots), static_cast<int>(header.width_max),
                   static_cast<int>(header.height_max)};
  const bool ours = header.magic == kMagic && header.version == kVersion;
  if (!ours || !writer.shape_.valid() || writer.shape_.bytes() != bytes ||
      writer.shape_.slot_bytes() != header.slot_bytes) {
    if (header.magic == kMagic)
      writer.finish(Phase::failed, "shrike-capture is of another version than shrike");
    munmap(writer.header_, bytes);
    writer.header_ = nullptr;
    return Error{Code::malformed, "not a ring of this version", "ring"};
  }
  writer.generation_ = header.generation.load(std::memory_order_acquire);
  writer.order_ = header.order;
  return writer;
}

RingWriter::RingWriter(RingWriter&& other) noexcept
    : header_(std::exchange(other.header_, nullptr)),
      shape_(other.shape_),
      order_(other.order_),
      generation_(other.generation_),
      claimed_(other.claimed_) {}

RingWriter::~RingWriter() {
  if (header_ != nullptr) munmap(header_, shape_.bytes());
}

bool RingWriter::current() const noexcept {
  return header_->generation.load(std::memory_order_acquire) == generation_;
}

// A free slot, else (newest) the oldest ready one.
int RingWriter::pick() const noexcept {
  int oldest = -1;
  std::uint64_t oldest_number = 0;
  for (int i = 0; i < shape_.n_slots; ++i) {
    const RingSlot& slot = header_->slots[static_cast<std::size_t>(i)];
    const SlotState state = slot.state.load(std::memory_order_acquire);
    if (state == SlotState::free) return i;
    if (state != SlotState::ready || order_.lossless != 0) continue;
    const std::uint64_t number = slot.number.load(std::memory_order_relaxed);
    if (oldest >= 0 && number > oldest_number) continue;
    oldest = i;
    oldest_number = number;
  }
  return oldest;
}

std::uint8_t* RingWriter::claim(std::int64_t wait_ns) noexcept {
  if (claimed_ >= 0) return current() ? pixels_of(header_, shape_, claimed_) : nullptr;
  const std::int64_t deadline = monotonic_ns() + wait_ns;
  int lost_races = 0;
  while (current()) {
    const std::uint32_t seen = header_->released.load(std::memory_order_acquire);
    const int i = pick();
    if (i < 0) {
      const std::int64_t left = deadline - monotonic_ns();
      if (order_.lossless == 0 || left <= 0) return nullptr;
      static_cast<void>(futex_wait(header_->released, seen, left));
      continue;
    }
    std::atomic<SlotState>& state = header_->slots[static_cast<std::size_t>(i)].state;
    SlotState expected = state.load(std::memory_order_relaxed);
    if ((expected == SlotState::free || expected == SlotState::ready) &&
        state.compare_exchange_strong(expected, SlotState::writing, std::memory_order_acq_rel)) {
      claimed_ = i;
      return pixels_of(header_, shape_, i);
    }
    if (++lost_races > shape_.n_slots) return nullptr;
  }
  return nullptr;
}

void RingWriter::publish(int width, int height, std::size_t stride, double seconds,
                         std::int64_t stamp_ns) noexcept {
  SHRIKE_CHECK(claimed_ >= 0);
  RingSlot& slot = header_->slots[static_cast<std::size_t>(claimed_)];
  claimed_ = -1;
  if (!current()) return;
  slot.width.store(static_cast<std::uint32_t>(width), std::memory_order_relaxed);
  slot.height.store(static_cast<std::uint32_t>(height), std::memory_order_relaxed);
  slot.stride.store(static_cast<std::uint32_t>(stride), std::memory_order_relaxed);
  const std::uint64_t number = header_->next_number.load(std::memory_order_relaxed);
  slot.number.store(number, std::memory_order_relaxed);
  slot.seconds.store(seconds, std::memory_order_relaxed);
  slot.stamp_ns.store(stamp_ns, std::memory_order_relaxed);
  slot.state.store(SlotState::ready, std::memory_order_release);
  header_->next_number.store(number + 1,
                             std::memory_order_release);  // killed before it: counted by the reader
  futex_bump(header_->published);
}

void RingWriter::drop() noexcept { header_->next_number.fetch_add(1, std::memory_order_release); }

// The new position is written beside the old one and becomes the valid one in a single store.
void RingWriter::set_position(const FilePosition& position) noexcept {
  const std::uint32_t next = 1u - (header_->position_now.load(std::memory_order_relaxed) & 1u);
  header_->positions[next] = position;
  header_->position_now.store(next, std::memory_order_release);
}

void RingWriter::finish(Phase phase, const char* text) noexcept {
  std::snprintf(header_->text, sizeof header_->text, "%s", text);
  header_->phase.store(phase, std::memory_order_release);
  futex_bump(header_->published);
}

}  // namespace shrike
