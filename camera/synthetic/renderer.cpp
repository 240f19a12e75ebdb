#include "camera/synthetic/renderer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "camera/synthetic/outline.hpp"
#include "camera/synthetic/random.hpp"

namespace shrike::synthetic {
namespace {

// Streams of random numbers that one seed gives; apart from those of the world.
enum Stream : std::uint64_t { kGround = 100, kTexture, kLight, kNoise };

constexpr int kLightBeats = 12;      // between two points of the drifting light
constexpr int kNightPermille = 380;  // of the day's light that is left at midnight

int margin_of(const WorldOptions& o) noexcept {
  return o.shake == 0 ? 0 : o.shake * std::min(o.width, o.height) / 64 + 1;
}

// A smooth way from 0 to 1, both in 2^16: 3t^2 - 2t^3.
std::int64_t eased(std::int64_t t) noexcept { return (t * t >> 16) * (3 * 65536 - 2 * t) >> 16; }

// Noise that changes smoothly from lattice point to lattice point: -255 .. 255. Coordinates in 2^16 to a point.
int value_noise(std::uint64_t seed, std::int64_t x, std::int64_t y) noexcept {
  const std::int64_t cx = x >> 16, cy = y >> 16;
  const std::int64_t fx = eased(x & 65535), fy = eased(y & 65535);
  const auto at = [&](std::int64_t i, std::int64_t j) {
    const std::uint64_t word = mix(seed ^ mix(static_cast<std::uint64_t>(i) * 0x1f123bb5u +
                                              static_cast<std::uint64_t>(j) * 0x5851f42d4c957f2du));
    return static_cast<std::int64_t>(word & 511u) - 255;
  };
  const std::int64_t top = at(cx, cy) * (65536 - fx) + at(cx + 1, cy) * fx;
  const std::int64_t bottom = at(cx, cy + 1) * (65536 - fx) + at(cx + 1, cy + 1) * fx;
  return static_cast<int>(((top >> 16) * (65536 - fy) + (bottom >> 16) * fy) >> 16);
}

std::uint8_t to_byte(int value) noexcept { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

// 32 bits for a pixel's three noises, cheap enough for every pixel of every frame.
std::uint32_t scramble(std::uint32_t x) noexcept {
  x ^= x >> 15;
  x *= 0x2c1b3c6du;
  x ^= x >> 12;
  x *= 0x297a2d39u;
  return x ^ (x >> 15);
}

}  // namespace

// The gain at the frame's top left, in 2^16, and how it changes from pixel to pixel.
struct Renderer::Light {
  int corner = 0, across = 0, down = 0;
};

std::size_t Renderer::bytes_needed(const WorldOptions& o) noexcept {
  const auto margins = static_cast<std::size_t>(2 * margin_of(o));
  const auto width = static_cast<std::size_t>(o.width), height = static_cast<std::size_t>(o.height);
  return (width + margins) * (height + margins) * 3 + width * 3;
}

Renderer::Renderer(const World& world)
    : world_(world),
      width_(world.options().width),
      height_(world.options().height),
      shorter_(std::min(width_, height_)),
      margin_(margin_of(world.options())) {
  const auto width = static_cast<std::size_t>(width_), height = static_cast<std::size_t>(height_);
  const auto margins = static_cast<std::size_t>(2 * margin_);
  background_.resize((width + margins) * (height + margins) * 3);
  row_.resize(width * 3);
  draw_background();
}

// A dull ground of one tint, with cloudy texture from coarse to fine, the same for every size of the frame.
void Renderer::draw_background() {
  Random random(world_.options().seed, kGround);
  const int level = random.between(45, 105);
  std::array<int, 3> ground;
  for (int& channel : ground) channel = level + random.between(-9, 9);
  const std::uint64_t texture = Random(world_.options().seed, kTexture).next();

  const int columns = width_ + 2 * margin_, rows = height_ + 2 * margin_;
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column) {
      const std::int64_t x = std::int64_t{column - margin_} * kUnit / shorter_;
      const std::int64_t y = std::int64_t{row - margin_} * kUnit / shorter_;
      const int cloud = value_noise(texture, 3 * x, 3 * y) * 10 + value_noise(texture + 1, 7 * x, 7 * y) * 6 +
                        value_noise(texture + 2, 17 * x, 17 * y) * 4;
      const int warm = value_noise(texture + 3, 2 * x, 2 * y) * 6;
      std::uint8_t* pixel = &background_[(static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
                                          static_cast<std::size_t>(column)) *
                                         3];
      pixel[0] = to_byte(ground[0] + (cloud + warm) / 256);
      pixel[1] = to_byte(ground[1] + cloud / 256);
      pixel[2] = to_byte(ground[2] + (cloud - warm) / 256);
    }
}

// What is left of the day's light, in 2^16: noon at the beginning.
int Renderer::day(std::int64_t frame) const noexcept {
  const std::int64_t period = world_.options().night_minutes * std::int64_t{60'000};
  if (period == 0) return 65536;
  const std::int64_t now = world_.milliseconds(frame) % period;
  const std::int64_t dark = eased(std::min(now, period - now) * 2 * 65536 / period);
  return 65536 - static_cast<int>(dark * (1000 - kNightPermille) / 1000);
}

Renderer::Light Renderer::light(std::int64_t frame) const noexcept {
  const std::int64_t time = frame * kBeat / world_.options().hold / kLightBeats;
  const std::uint64_t seed = mix(world_.options().seed) + kLight;
  const std::int64_t whole = day(frame);
  const auto drift = [&](std::uint64_t what, int percent) {
    return value_noise(seed + what, time, 0) * 256 * percent / 100 * whole >> 16;
  };
  const auto middle = static_cast<int>(whole + drift(0, 12));
  Light light;
  light.across = static_cast<int>(drift(1, 16) / width_);
  light.down = static_cast<int>(drift(2, 16) / height_);
  light.corner = middle - light.across * (width_ / 2) - light.down * (height_ / 2);
  return light;
}

void Renderer::draw_sprite(const Sprite& sprite, Point shift, std::uint8_t* rgb,
                           std::size_t stride) const noexcept {
  // Middle and reach in 2^8 to a pixel; one more pixel for the soft edge.
  const int x = static_cast<int>(std::int64_t{sprite.at.x} * shorter_ * 256 / kUnit) + shift.x * 256;
  const int y = static_cast<int>(std::int64_t{sprite.at.y} * shorter_ * 256 / kUnit) + shift.y * 256;
  const int radius = std::max(static_cast<int>(std::int64_t{sprite.radius} * shorter_ * 256 / kUnit), 256);
  const int reach = radius + 256;
  const int left = std::max((x - reach) >> 8, 0), right = std::min((x + reach) >> 8, width_ - 1);
  const int top = std::max((y - reach) >> 8, 0), bottom = std::min((y + reach) >> 8, height_ - 1);
  const std::int64_t per_pixel = (std::int64_t{kRadius} << 16) / radius;  // of the outline's lengths, in 2^8
  const auto to_outline = [per_pixel](int d) { return static_cast<int>(d * per_pixel >> 16); };

  for (int row = top; row <= bottom; ++row) {
    const int oy = to_outline(row * 256 + 128 - y);
    std::uint8_t* pixel = rgb + static_cast<std::size_t>(row) * stride + static_cast<std::size_t>(left) * 3;
    for (int column = left; column <= right; ++column, pixel += 3) {
      const int out = distance(sprite.shape, to_outline(column * 256 + 128 - x), oy);
      const int cover = std::clamp(128 - static_cast<int>(std::int64_t{out} * radius / kRadius), 0, 256);
      for (std::size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<std::uint8_t>(pixel[c] + ((sprite.colour[c] - pixel[c]) * cover >> 8));
    }
  }
}

// [1 2 1] across, then down, in place: of what was there before, one row or one byte is kept.
void Renderer::blur(std::uint8_t* rgb, std::size_t stride) noexcept {
  const std::size_t n = row_.size();
  for (int row = 0; row < height_; ++row) {
    std::uint8_t* line = rgb + static_cast<std::size_t>(row) * stride;
    std::memcpy(row_.data(), line, n);
    for (std::size_t i = 0; i < n; ++i) {
      const int before = row_[i < 3 ? i : i - 3], after = row_[i + 3 < n ? i + 3 : i];
      line[i] = static_cast<std::uint8_t>((before + 2 * row_[i] + after + 2) >> 2);
    }
  }
  std::memcpy(row_.data(), rgb, n);
  for (int row = 0; row < height_; ++row) {
    std::uint8_t* line = rgb + static_cast<std::size_t>(row) * stride;
    const std::uint8_t* below = row + 1 < height_ ? line + stride : line;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint8_t now = line[i];
      line[i] = static_cast<std::uint8_t>((row_[i] + 2 * now + below[i] + 2) >> 2);
      row_[i] = now;
    }
  }
}

void Renderer::draw(std::int64_t frame, std::uint8_t* rgb, std::size_t stride) noexcept {
  const Point off = world_.shift(frame);
  const auto pixels = [this](int units) { return static_cast<int>(std::int64_t{units} * shorter_ / kUnit); };
  const Point shift{std::clamp(pixels(off.x), -margin_, margin_),
                    std::clamp(pixels(off.y), -margin_, margin_)};
  const auto columns = static_cast<std::size_t>(width_ + 2 * margin_);
  const std::size_t row_bytes = static_cast<std::size_t>(width_) * 3;
  for (int row = 0; row < height_; ++row) {
    const std::size_t from = static_cast<std::size_t>(row + margin_ - shift.y) * columns +
                             static_cast<std::size_t>(margin_ - shift.x);
    std::memcpy(rgb + static_cast<std::size_t>(row) * stride, &background_[from * 3], row_bytes);
  }
  std::array<Sprite, kSpritesMax> sprites;
  const int n = world_.sprites(frame, sprites);
  for (int i = 0; i < n; ++i) draw_sprite(sprites[static_cast<std::size_t>(i)], shift, rgb, stride);
  for (int i = 0; i < world_.options().blur; ++i) blur(rgb, stride);
  finish(frame, rgb, stride);
}

// Light times pixel, plus noise from two bytes of each pixel's hash: its density is a triangle.
void Renderer::finish(std::int64_t frame, std::uint8_t* rgb, std::size_t stride) const noexcept {
  const Light light = this->light(frame);
  const int noise = world_.options().noise;
  Random random(mix(world_.options().seed) + static_cast<std::uint64_t>(frame), kNoise);
  for (int row = 0; row < height_; ++row) {
    const auto seed = static_cast<std::uint32_t>(random.next());
    int gain = light.corner + light.down * row;
    std::uint8_t* pixel = rgb + static_cast<std::size_t>(row) * stride;
    for (int column = 0; column < width_; ++column, gain += light.across, pixel += 3) {
      const std::uint32_t word = scramble(seed + static_cast<std::uint32_t>(column));
      const auto byte = [word](int n) { return static_cast<int>(word >> (8 * n) & 255u); };
      const int g = gain >> 8;
      for (int c = 0; c < 3; ++c)
        pixel[c] = to_byte((pixel[c] * g + (byte(c) + byte((c + 1) & 3) - 255) * noise + 128) >> 8);
    }
  }
}

}  // namespace shrike::synthetic
