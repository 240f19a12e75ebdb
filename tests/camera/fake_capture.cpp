// A capture process without OpenCV that misbehaves in the way the last part of its argument names. Its stream
// has twenty frames, ten a second, 8 x 8 pixels; whatever happens, happens at frame 7.
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <string>

#include "camera/ring.hpp"
#include "platform/clock.hpp"

namespace shrike {
namespace {

constexpr int kFrames = 20;
constexpr std::uint64_t kBadFrame = 7;
constexpr std::int64_t kMillisecond = 1'000'000;

bool publish(RingWriter& ring, int side, double seconds, std::int64_t stamp_ns) {
  std::uint8_t* pixels = ring.claim(60'000 * kMillisecond);
  if (pixels == nullptr) return false;
  std::memset(pixels, 0, 8 * 8 * 3);
  ring.publish(side, 8, 3 * 8, seconds, stamp_ns);
  return true;
}

void scribble(int fd) {
  std::mt19937 random(1);
  for (;;) {
    std::uint8_t bytes[64];
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() % 4);
    const off_t at = static_cast<off_t>(random() % (sizeof(RingHeader) - sizeof bytes));
    if (pwrite(fd, bytes, sizeof bytes, at) < 0) return;
  }
}

void misbehave(RingWriter& ring, const std::string& how) {
  const bool first = ring.order().from.index == 0;
  if (how == "crash" && ring.order().from.index <= kBadFrame) raise(SIGABRT);
  if (how == "hang" && first) pause();
  if (how == "killed" && first) raise(SIGKILL);
  if (how == "nonsense" && first && publish(ring, 100'000, 0, 0)) pause();
  if (how == "scribble") scribble(3);
  for (int i = 0; how == "rare" && i < 40; ++i) {
    sleep_ns(25 * kMillisecond);
    ring.beat();
  }
}

void live(RingWriter& ring, const std::string& how) {
  const std::int64_t start = monotonic_ns();
  if (how == "clock")
    for (const std::int64_t lie : {0, 3600, -3600, 0}) {
      static_cast<void>(publish(ring, 8, 0, start + lie * 1'000 * kMillisecond));
      sleep_ns(100 * kMillisecond);
    }
  while (how == "lucky" && monotonic_ns() < start + 900 * kMillisecond) {
    static_cast<void>(publish(ring, 8, 0, monotonic_ns()));
    sleep_ns(20 * kMillisecond);
  }
  if (how == "clock") pause();
  ring.finish(Phase::failed, how.c_str());
}

int run() {
  Result<RingWriter> ring = RingWriter::attach(3);
  if (!ring) return 2;
  std::string argument;
  for (char c = 1; c != '\0' && read(STDIN_FILENO, &c, 1) == 1;) argument.push_back(c);
  const std::string how = argument.substr(argument.rfind('/') + 1, argument.size() - argument.rfind('/') - 2);
  if (how == "127") return 127;
  if (how == "never") pause();
  if (argument.find("://") != argument.npos) {
    live(*ring, how);
    return 0;
  }
  for (FilePosition at = ring->order().from; at.index < kFrames; ++at.index) {
    at.decoding = 1;
    ring->set_position(at);
    ring->beat();
    if (at.index == kBadFrame) misbehave(*ring, how);
    at.decoding = 0;
    ring->set_position(at);
    if (!publish(*ring, 8, static_cast<double>(at.index) / 10, monotonic_ns())) return 3;
  }
  ring->finish(Phase::ended, "");
  return 0;
}

}  // namespace
}  // namespace shrike

int main() { return shrike::run(); }
