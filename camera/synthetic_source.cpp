#include "camera/synthetic_source.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "camera/sampler.hpp"
#include "camera/synthetic/renderer.hpp"
#include "camera/synthetic/world.hpp"
#include "platform/clock.hpp"

namespace shrike {
namespace {

using synthetic::Renderer;
using synthetic::World;
using synthetic::WorldOptions;

// As the spec says, in frames that the rest of the program takes.
Result<WorldOptions> world_options(const SourceOptions& options) {
  const std::string_view argument = options.argument;
  SHRIKE_TRY(WorldOptions world, WorldOptions::parse(argument.substr(kSyntheticPrefix.size())));
  if (!world.fps_given && options.fps > 0)
    world.fps_milli = std::max<std::int64_t>(std::llround(options.fps * 1000), 1);
  const double scale = std::min({1.0, static_cast<double>(options.width_max) / world.width,
                                 static_cast<double>(options.height_max) / world.height});
  const auto scaled = [scale](int side, int max) {
    return std::clamp(static_cast<int>(std::lround(side * scale)), 1, max);
  };
  world.width = scaled(world.width, options.width_max);
  world.height = scaled(world.height, options.height_max);
  return world;
}

std::size_t frame_bytes(const WorldOptions& world) noexcept {
  return static_cast<std::size_t>(world.width) * static_cast<std::size_t>(world.height) * 3;
}

class SyntheticSource final : public Source {
 public:
  SyntheticSource(const SourceOptions& options, const WorldOptions& world)
      : world_(world),
        renderer_(world_),
        pixels_(frame_bytes(world)),
        realtime_(options.realtime),
        endless_(options.loop || world.n_frames == 0),
        at_(wanted({0, Sampler(options.fps, 1 / world.fps(), -1)})) {}

  Take take(Frame& frame, std::int64_t wait_ns) noexcept override;
  void release() noexcept override {}
  const char* note() const noexcept override { return ""; }
  SourceStats stats() const noexcept override { return stats_; }
  int capture_pid() const noexcept override { return -1; }

 private:
  // A frame of the world, and which of those behind it are wanted.
  struct Position {
    std::int64_t frame;
    Sampler sampler;
  };
  bool over(const Position& at) const noexcept { return !endless_ && at.frame >= world_.n_frames(); }
  Position wanted(Position at) const noexcept {
    while (!over(at) && !at.sampler.wants(world_.seconds(at.frame))) ++at.frame;
    return at;
  }
  Position after(Position at) const noexcept {
    at.sampler.keep(world_.seconds(at.frame));
    ++at.frame;
    return wanted(at);
  }
  std::int64_t due_ns(const Position& at) const noexcept {
    return zero_ns_ + static_cast<std::int64_t>(world_.seconds(at.frame) * 1e9);
  }
  bool wait(std::int64_t wait_ns) noexcept;

  const World world_;
  Renderer renderer_;
  std::vector<std::uint8_t> pixels_;
  const bool realtime_;
  const bool endless_;
  Position at_;                // what is taken next
  std::int64_t zero_ns_ = -1;  // realtime: when second 0 was; -1: not yet
  SourceStats stats_;
};

Take SyntheticSource::take(Frame& frame, std::int64_t wait_ns) noexcept {
  if (over(at_)) return Take::ended;
  if (realtime_ && !wait(wait_ns)) return Take::waiting;
  frame.width = world_.options().width;
  frame.height = world_.options().height;
  frame.stride = static_cast<std::size_t>(frame.width) * 3;
  frame.pixels = pixels_.data();
  frame.seconds = world_.seconds(at_.frame);
  frame.number = stats_.n_captured++;
  renderer_.draw(at_.frame, pixels_.data(), frame.stride);
  at_ = after(at_);
  return Take::frame;
}

// For the next frame to be due; then on to the newest that is, as a live camera would.
bool SyntheticSource::wait(std::int64_t wait_ns) noexcept {
  if (zero_ns_ < 0) zero_ns_ = monotonic_ns();
  sleep_ns(std::min(due_ns(at_) - monotonic_ns(), wait_ns));
  const std::int64_t now = monotonic_ns();
  if (now < due_ns(at_)) return false;
  for (Position later = after(at_); !over(later) && due_ns(later) <= now; later = after(at_)) {
    at_ = later;
    ++stats_.n_captured;
    ++stats_.n_dropped;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Source>> open_synthetic(const SourceOptions& options) {
  SHRIKE_TRY(const WorldOptions world, world_options(options));
  return std::unique_ptr<Source>(std::make_unique<SyntheticSource>(options, world));
}

std::size_t synthetic_bytes(const SourceOptions& options) noexcept {
  const Result<WorldOptions> world = world_options(options);
  return world ? Renderer::bytes_needed(*world) + frame_bytes(*world) : 0;
}

}  // namespace shrike
