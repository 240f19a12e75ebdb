#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "camera/synthetic/questions.hpp"
#include "camera/synthetic/renderer.hpp"
#include "core/session.hpp"

namespace shrike::test {

// A stream of the synthetic camera, square, and what is in view in it.
class Footage {
 public:
  explicit Footage(const std::string& spec)
      : world_(synthetic::WorldOptions::parse(spec).value()), renderer_(world_) {}

  int n_frames() const { return world_.n_frames(); }
  int side() const { return world_.options().width; }
  double seconds(int frame) const { return world_.seconds(frame); }

  // [side][side][3], until the next call
  const std::uint8_t* draw(int frame) {
    rgb_.resize(static_cast<std::size_t>(side()) * static_cast<std::size_t>(side()) * 3);
    renderer_.draw(frame, rgb_.data(), static_cast<std::size_t>(side()) * 3);
    return rgb_.data();
  }

  // "a red circle", "a red circle and a blue ring", "nothing"; "" while something is half in view
  std::string in_view(int frame) const {
    for (const synthetic::Question& q : synthetic::ask_about(world_, frame, 0, 0))
      if (q.kind == synthetic::Kind::now) return q.answer;
    return "";
  }

  // Into a model of the same side: no resampling.
  void show(int frame, const ImageInput& image) {
    SHRIKE_CHECK(image.side == side(), image.side, side());
    const std::uint8_t* rgb = draw(frame);
    const int n = image.side * image.side;
    for (int c = 0; c < 3; ++c)
      for (int i = 0; i < n; ++i)
        image.planes[c * n + i] = static_cast<float>(rgb[3 * i + c]) * image.scale[c] + image.shift[c];
  }

 private:
  synthetic::World world_;
  synthetic::Renderer renderer_;
  std::vector<std::uint8_t> rgb_;
};

}  // namespace shrike::test
