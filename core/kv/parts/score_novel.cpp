#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/change.hpp"
#include "core/kv/parts/product.hpp"

namespace shrike::kv::parts {
namespace {

constexpr float kNew = 2;         // no cosine is farther: nothing to compare with
constexpr float kSpoken = 1;      // words between frames
constexpr float kUnseen = 2e-4f;  // attention that what nobody looked at is taken to have had
constexpr float kIdle = 1e-3f;    // worth of a head that answers do not need: what it keeps still differs
constexpr float kNewest = 1e6f;   // the newest frame stays

struct Run {
  int begin = 0, end = 0;
};

float distance(const Candidates& slots, int a, int b) noexcept {
  const auto times = [&](int i, int j) {
    return product(*slots.kernels, slots.key(i), slots.key(j), slots.head_dim);
  };
  const float lengths = times(a, a) * times(b, b);
  return lengths > 0 ? std::max(0.0f, 1 - times(a, b) / std::sqrt(lengths)) : 1;  // rounding goes below
}

// An image slot: how far its key is from the one at the same row and column of the frame held before. Image
// slots of a frame ascend by place. Words of a frame: as the image slot that is farthest.
void compare(const Candidates& slots, Run now, Run before, std::span<float> score) noexcept {
  float most = -1;
  for (int j = now.begin, i = before.begin; j < now.end; ++j) {
    float& s = score[static_cast<std::size_t>(j)];
    s = -1;
    if (slots.token(j).modality == Modality::text) continue;
    const int place = place_in_frame(slots.token(j));
    while (i < before.end && place_in_frame(slots.token(i)) < place) ++i;  // text has the lowest
    if (i < before.end && place_in_frame(slots.token(i)) == place) s = distance(slots, j, i);
    most = std::max(most, s);
  }
  for (int j = now.begin; j < now.end; ++j) {
    float& s = score[static_cast<std::size_t>(j)];
    if (s < 0) s = most < 0 ? kNew : most;
  }
}

// score_j = novelty_j * (attention received / frames since ^ age) ^ attention * (worth of its head) ^ heads. Where
// nothing happens, a frame repeats the one before it and leaves; what stays is where something came, moved or
// left, was looked at since, and lies in a head that answers need. What drifts slowly is compared over longer and
// longer times, as the frames between leave. With age 1 attention is that of a frame. Above, having been looked at
// counts the less the longer ago a frame came, and in the end novelty alone: the next frames look at what is new
// before anything can be asked about it.
void novel(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  const float* mass = slots.mark(Mark::mass);
  float worth[2];
  for (int c = 0; c < 2; ++c) worth[c] = std::pow(std::max(slots.worth[c], kIdle), args[1].value);
  const int newest = slots.n() > 0 ? slots.token(slots.n() - 1).frame : kNoFrame;
  Run now, before;
  for (int begin = 0; begin < slots.n(); begin = now.end) {
    now = {begin, begin + 1};
    while (now.end < slots.n() && slots.token(now.end).frame == slots.token(begin).frame) ++now.end;
    const int frame = slots.token(begin).frame;
    if (frame == kNoFrame) {
      std::fill(score.begin() + now.begin, score.begin() + now.end, kSpoken);
      continue;
    }
    compare(slots, now, before, score);
    before = now;
    const float since = std::pow(static_cast<float>(std::max(newest - frame, 0) + 1), args[2].value);
    for (int j = begin; j < now.end; ++j) {
      const float looked_at = std::pow(mass[j] / since + kUnseen, args[0].value);
      score[static_cast<std::size_t>(j)] *=
          looked_at * worth[static_cast<std::size_t>(slots.token(j).modality)];
    }
  }
  std::fill(score.begin() + before.begin, score.begin() + before.end, kNewest);
}

}  // namespace

const PartRow<ScorePart> score_novel{
    "novel",
    novel,
    {{{"attention", {1}, 0, 4}, {"heads", {2}, 0, 4}, {"age", {2.5f}, 0, 8}}},
    kNeedKeys | need(Mark::mass),
    "what differs from the frame before it, is looked at, and in heads that answers need",
    Scale::probability};

}  // namespace shrike::kv::parts
