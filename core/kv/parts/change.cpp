#include "core/kv/parts/change.hpp"

#include <algorithm>
#include <cmath>

namespace shrike::kv::parts {
namespace {

constexpr float kRecent = 2;  // above any cosine

float dot(const float* x, const float* y, int n) noexcept {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}
float inverse_length(const float* x, int n) noexcept {
  const float square = dot(x, x, n);
  return square > 0 ? 1.0f / std::sqrt(square) : 0.0f;
}

// Slots of the recent frames, ordered by place. Their numbers are below 2^24: a float holds them exactly.
struct Recent {
  const Candidates& slots;
  std::span<const float> by_place;
  std::span<const float> inverse;

  std::span<const float> at(int wanted) const noexcept {
    const auto place_of = [&](float j) { return place_in_frame(slots.token(static_cast<int>(j))); };
    const auto begin =
        std::partition_point(by_place.begin(), by_place.end(), [&](float j) { return place_of(j) < wanted; });
    const auto end =
        std::partition_point(begin, by_place.end(), [&](float j) { return place_of(j) == wanted; });
    return {begin, end};
  }
};

float change(const Recent& recent, int j) noexcept {
  const Candidates& slots = recent.slots;
  const std::span<const float> same = recent.at(place_in_frame(slots.token(j)));
  if (same.empty()) return 0;
  const float inverse = inverse_length(slots.key(j), slots.head_dim);
  float sum = 0, largest = -1;
  for (const float r : same) {
    const int i = static_cast<int>(r);
    const float cosine = dot(slots.key(j), slots.key(i), slots.head_dim) * inverse *
                         recent.inverse[static_cast<std::size_t>(i)];
    sum += cosine;
    largest = std::max(largest, cosine);
  }
  return slots.token(j).modality == Modality::text ? -largest : -sum / static_cast<float>(same.size());
}

}  // namespace

std::int32_t first_recent_frame(const Candidates& slots, const Amount& recent) noexcept {
  int n_frames = 0;
  std::int32_t last = kNoFrame;
  for (int j = 0; j < slots.n(); ++j) {
    const std::int32_t frame = slots.token(j).frame;
    n_frames += frame > last ? 1 : 0;
    last = std::max(last, frame);
  }
  int wanted = static_cast<int>(recent.value);
  if (recent.unit == Unit::percent)
    wanted = static_cast<int>(std::ceil(recent.value * 0.01f * static_cast<float>(n_frames)));
  wanted = std::clamp(wanted, 1, std::max(1, n_frames));
  std::int32_t first = last;
  for (int j = slots.n() - 1; j >= 0 && wanted > 1; --j) {
    const std::int32_t frame = slots.token(j).frame;
    if (frame == kNoFrame || frame >= first) continue;
    first = frame;
    --wanted;
  }
  return first;
}

void changes(const Candidates& slots, std::int32_t recent_frame, std::span<float> change_of,
             std::span<float> work) noexcept {
  const auto is_recent = [&](int j) {
    return recent_frame != kNoFrame && slots.token(j).frame >= recent_frame;
  };
  std::size_t n_recent = 0;
  for (int j = 0; j < slots.n(); ++j) {
    if (!is_recent(j)) continue;
    work[n_recent++] = static_cast<float>(j);
    change_of[static_cast<std::size_t>(j)] = inverse_length(slots.key(j), slots.head_dim);
  }
  const std::span<float> recents = work.first(n_recent);
  std::sort(recents.begin(), recents.end(), [&](float a, float b) {
    const int x = place_in_frame(slots.token(static_cast<int>(a))),
              y = place_in_frame(slots.token(static_cast<int>(b)));
    return x != y ? x < y : a < b;
  });
  const Recent recent{slots, recents, change_of};
  for (int j = 0; j < slots.n(); ++j)
    if (!is_recent(j)) change_of[static_cast<std::size_t>(j)] = change(recent, j);
  for (int j = 0; j < slots.n(); ++j)
    if (is_recent(j))
      change_of[static_cast<std::size_t>(j)] =
          kRecent + static_cast<float>(slots.positions[static_cast<std::size_t>(j)]);
}

}  // namespace shrike::kv::parts
