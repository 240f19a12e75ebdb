// shrike-capture: opens one source and writes its frames into the ring that shrike gave it. See
// camera/ring.hpp and camera/capture_process.hpp for the two ends of it.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>

#include "camera/opencv_source.hpp"
#include "camera/ring.hpp"
#include "camera/sampler.hpp"
#include "platform/clock.hpp"

namespace shrike {
namespace {

constexpr int kRingFd = 3;
constexpr std::int64_t kNapNs = 100'000'000;  // between signs of life while waiting for a frame's time
constexpr double kSameFrame = 0.5e-3;         // seconds
constexpr int kBrokenInRowMax = 100;          // of a live source, then it is opened anew

// From an opened source to the ring: which frames, when, and where we are in case we die here.
class Feed {
 public:
  Feed(RingWriter& ring, SourceKind kind, const std::string& argument)
      : ring_(ring),
        order_(ring.order()),
        kind_(kind),
        live_(is_live(kind)),
        argument_(argument),
        at_(order_.from) {}

  void run() noexcept;

 private:
  enum class Pass : std::uint8_t { end, broken, replaced };
  Pass run_pass(PictureSource& source, Sampler& sampler, std::uint64_t index) noexcept;
  bool give(PictureSource& source, double seconds, std::int64_t stamp_ns) noexcept;
  void wait_until(double seconds) noexcept;
  void mark(bool decoding) noexcept {
    at_.decoding = decoding;
    if (!live_) ring_.set_position(at_);
  }
  void fail(const std::string& why) noexcept { ring_.finish(Phase::failed, why.c_str()); }

  RingWriter& ring_;
  const CaptureOrder& order_;
  const SourceKind kind_;
  const bool live_;
  const std::string argument_;
  FilePosition at_;
  std::int64_t clock_zero_ns_ = 0;  // realtime: when second 0 of the stream would have been
  double last_seconds_ = 0;         // of this pass
  std::uint64_t n_given_ = 0;
  std::uint64_t n_grabbed_ = 0;  // in this pass
};

void Feed::run() noexcept {
  std::string why;
  const std::unique_ptr<PictureSource> source = open_pictures(kind_, argument_, order_, why);
  if (source == nullptr) return fail(why);
  const std::string shown = redacted(argument_);
  Sampler sampler(kind_ == SourceKind::folder ? 0 : order_.fps, live_ ? 0 : source->period(),
                  order_.taken_seconds);
  const bool fresh = order_.from.index == 0 && order_.taken_seconds < 0;
  last_seconds_ = std::max(0.0, order_.taken_seconds - at_.pass_seconds);
  for (bool first = true;; first = false) {
    const Pass pass = run_pass(*source, sampler, first && fresh ? 0 : source->seek(at_.index));
    if (pass == Pass::replaced) return;
    if (pass == Pass::broken) return fail(shown + " gives only broken frames");
    if (live_) return fail(shown + " gives no more frames");
    const bool nothing = n_grabbed_ == 0 ? fresh || !first : fresh && n_given_ == 0;
    if (nothing) return fail("cannot read " + shown + ": no frame can be decoded");
    if (order_.loop == 0) return ring_.finish(Phase::ended, "");
    at_ = {0, at_.pass_seconds + last_seconds_ + source->period(), 0};
    last_seconds_ = 0;
  }
}

Feed::Pass Feed::run_pass(PictureSource& source, Sampler& sampler, std::uint64_t index) noexcept {
  const std::uint64_t from = at_.index;
  int broken_in_row = 0;
  for (n_grabbed_ = 0;; ++n_grabbed_, ++index) {
    at_.index = std::max(index, from);
    mark(true);
    if (!source.grab()) return Pass::end;
    ring_.beat();
    const std::int64_t stamp_ns = monotonic_ns();
    const double seconds = live_ ? static_cast<double>(stamp_ns) * 1e-9 : at_.pass_seconds + source.seconds();
    if (!live_) last_seconds_ = source.seconds();
    const bool had =
        index < from || (order_.taken_seconds >= 0 && seconds <= order_.taken_seconds + kSameFrame);
    if (had || !sampler.wants(seconds)) continue;
    if (source.decode()) {
      mark(false);
      if (!give(source, seconds, stamp_ns)) return Pass::replaced;
      sampler.keep(seconds);
      broken_in_row = 0;
    } else {
      ring_.count_broken();
      if (++broken_in_row == kBrokenInRowMax && live_) return Pass::broken;
    }
  }
}

// False when this process is no longer wanted.
bool Feed::give(PictureSource& source, double seconds, std::int64_t stamp_ns) noexcept {
  if (order_.realtime != 0 && !live_) wait_until(seconds);
  std::uint8_t* pixels = nullptr;
  do {
    pixels = ring_.claim(kNapNs);
  } while (pixels == nullptr && order_.lossless != 0 && ring_.current());
  if (!ring_.current()) return false;
  const PictureSource::Size size = source.size(ring_.shape());
  const auto stride = static_cast<std::size_t>(size.width) * 3;
  ++n_given_;
  if (pixels == nullptr) {
    ring_.drop();
    return true;
  }
  if (!source.write(pixels, size)) {  // the slot stays ours for the next one
    ring_.count_broken();
    return true;
  }
  ring_.publish(size.width, size.height, stride, live_ ? 0 : seconds, stamp_ns);
  return true;
}

void Feed::wait_until(double seconds) noexcept {
  if (clock_zero_ns_ == 0) clock_zero_ns_ = monotonic_ns() - static_cast<std::int64_t>(seconds * 1e9);
  const std::int64_t due = clock_zero_ns_ + static_cast<std::int64_t>(seconds * 1e9);
  for (std::int64_t left = due - monotonic_ns(); left > 0; left = due - monotonic_ns()) {
    sleep_ns(std::min(left, kNapNs));
    ring_.beat();
  }
}

// The argument up to its terminator; after it the pipe says nothing more until the runtime is gone.
bool read_argument(std::string& argument) {
  for (char c = 0;;) {
    const ssize_t n = read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    if (c == '\0') return true;
    argument.push_back(c);
  }
}

[[noreturn]] void end_with_parent() {
  char c = 0;
  while (read(STDIN_FILENO, &c, 1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

// Passwords must not get into a core file, nor what libraries print onto somebody's terminal.
void be_discreet() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
  signal(SIGPIPE, SIG_IGN);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  close(null);
}

int run() {
  Result<RingWriter> ring = RingWriter::attach(kRingFd);
  if (!ring) {
    std::fprintf(stderr, "shrike-capture: this program is started by shrike, not by hand\n");
    return 2;
  }
  fcntl(kRingFd, F_SETFD, FD_CLOEXEC);
  be_discreet();
  std::string argument;
  if (!read_argument(argument)) return 0;
  std::thread(end_with_parent).detach();
  if (ring->order().kind > static_cast<std::uint32_t>(SourceKind::file)) return 2;
  Feed(*ring, static_cast<SourceKind>(ring->order().kind), argument).run();
  return 0;
}

}  // namespace
}  // namespace shrike

// Leaves without the libraries' farewells: some of them wait for threads that will not come.
int main() {
  int code = 1;
  try {
    code = shrike::run();
  } catch (...) {
  }
  std::fflush(nullptr);
  _exit(code);
}
