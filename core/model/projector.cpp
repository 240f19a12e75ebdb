#include "core/model/projector.hpp"

#include <cstring>

namespace shrike {

void Projector::project(const Compute& compute, const float* patches, float* joined, float* out) noexcept {
  const VisionConfig& c = *config_;
  const int s = c.shuffle;
  float* to = joined;
  for (int ty = 0; ty < c.grid() / s; ++ty)
    for (int tx = 0; tx < c.grid() / s; ++tx)
      for (int dy = 0; dy < s; ++dy) {
        // s neighbouring patches of one patch row lie side by side already.
        const std::ptrdiff_t patch = static_cast<std::ptrdiff_t>(ty * s + dy) * c.grid() + tx * s;
        std::memcpy(to, patches + patch * c.dim, static_cast<std::size_t>(s * c.dim) * sizeof(float));
        to += s * c.dim;
      }
  linear(compute, joined, c.n_image_tokens(), {{weights_->projector, nullptr, out}});
}

}  // namespace shrike
