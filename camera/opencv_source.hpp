#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "camera/ring.hpp"
#include "camera/source.hpp"

namespace shrike {

// One opened source, as the capture process reads it. The file behind this header is the only one that knows
// OpenCV; nothing that OpenCV throws gets out of it.
//
//   while (source->grab()) { if (wanted(source->seconds()) && source->decode()) source->write(slot, ...); }
//
class PictureSource {
 public:
  virtual ~PictureSource() = default;
  // On to the next frame, decoding no more than must be. False at the end, and when a camera gives no more.
  [[nodiscard]] virtual bool grab() noexcept = 0;
  virtual double seconds() const noexcept = 0;  // media time of the grabbed frame; live: meaningless
  virtual double period() const noexcept = 0;   // seconds from frame to frame, as far as the source tells
  [[nodiscard]] virtual bool decode() noexcept = 0;  // the grabbed frame into memory; false: broken
  // Starts over such that the next grab() gives frame `index`, or an earlier one; returns which.
  [[nodiscard]] virtual std::uint64_t seek(std::uint64_t index) noexcept = 0;

  // The decoded frame as 8-bit RGB rows, scaled down where it is larger than the ring's frames, aspect kept.
  struct Size {
    int width = 0;
    int height = 0;
  };
  [[nodiscard]] virtual Size size(const RingShape& shape) const noexcept = 0;
  [[nodiscard]] virtual bool write(std::uint8_t* pixels, Size size) noexcept = 0;
};

// Null when it cannot be opened; `why` is then one line fit for a log.
[[nodiscard]] std::unique_ptr<PictureSource> open_pictures(SourceKind kind, const std::string& argument,
                                                           const CaptureOrder& order,
                                                           std::string& why) noexcept;

}  // namespace shrike
