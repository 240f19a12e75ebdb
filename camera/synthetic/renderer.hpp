#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "camera/synthetic/world.hpp"

namespace shrike::synthetic {

// Draws a world's frames as 8-bit RGB.
//
//   background (drawn once) -> shaken -> things, soft edges -> blur -> light, night and noise of the frame
//
// Same     integers only: for the same options the same bytes on every machine
// Memory   bytes_needed(options), in the constructor; drawing allocates nothing
// Threads  one caller for each Renderer; any number of Renderers for one World, which must outlive them
class Renderer {
 public:
  [[nodiscard]] static std::size_t bytes_needed(const WorldOptions& options) noexcept;
  explicit Renderer(const World& world);

  // Frame k into rgb [height][width][3], rows `stride` bytes apart.
  void draw(std::int64_t frame, std::uint8_t* rgb, std::size_t stride) noexcept;

 private:
  struct Light;
  void draw_background();
  void draw_sprite(const Sprite& sprite, Point shift, std::uint8_t* rgb, std::size_t stride) const noexcept;
  void blur(std::uint8_t* rgb, std::size_t stride) noexcept;
  void finish(std::int64_t frame, std::uint8_t* rgb, std::size_t stride) const noexcept;
  Light light(std::int64_t frame) const noexcept;
  int day(std::int64_t frame) const noexcept;

  const World& world_;
  int width_, height_;                    // pixels
  int shorter_;                           // of the two
  int margin_;                            // of the background on each side, for the shaking
  std::vector<std::uint8_t> background_;  // [height + 2 margin][width + 2 margin][3]
  std::vector<std::uint8_t> row_;         // [width][3], of the blur
};

}  // namespace shrike::synthetic
