#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

constexpr float kNew = 2;        // no cosine is farther: nothing to compare with
constexpr float kSpoken = 1;     // words between frames
constexpr float kNewest = 1e6f;  // the newest frame stays

struct Run {
  int begin = 0, end = 0;
};

int place(const TokenFacts& token) noexcept { return token.i << 8 | token.j; }

float distance(const Candidates& slots, int a, int b) noexcept {
  const float *x = slots.key(a), *y = slots.key(b);
  float xy = 0, xx = 0, yy = 0;
  for (int c = 0; c < slots.head_dim; ++c) {
    xy += x[c] * y[c];
    xx += x[c] * x[c];
    yy += y[c] * y[c];
  }
  return xx > 0 && yy > 0 ? 1 - xy / std::sqrt(xx * yy) : 1;
}

// An image slot: how far its key is from the one at the same row and column of the frame held before. Image
// slots of a frame ascend by place. Words of a frame: as the image slot that is farthest.
void compare(const Candidates& slots, Run now, Run before, std::span<float> score) noexcept {
  float most = -1;
  for (int j = now.begin, i = before.begin; j < now.end; ++j) {
    float& s = score[static_cast<std::size_t>(j)];
    s = -1;
    if (slots.token(j).modality == Modality::text) continue;
    while (i < before.end &&
           (slots.token(i).modality == Modality::text || place(slots.token(i)) < place(slots.token(j))))
      ++i;
    if (i < before.end && place(slots.token(i)) == place(slots.token(j))) s = distance(slots, j, i);
    most = std::max(most, s);
  }
  for (int j = now.begin; j < now.end; ++j) {
    float& s = score[static_cast<std::size_t>(j)];
    if (s < 0) s = most < 0 ? kNew : most;
  }
}

// score_j = novelty_j * (attention received for each row that could give it) ^ attention. Where nothing
// happens, a frame repeats the one before it and leaves; what stays is where something came, moved or left, and
// was looked at since. What drifts slowly is compared over longer and longer times, as the frames between leave.
void novel(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  const float *mass = slots.mark(Mark::mass), *seen = slots.mark(Mark::seen);
  Run now, before;
  for (int begin = 0; begin < slots.n(); begin = now.end) {
    now = {begin, begin + 1};
    while (now.end < slots.n() && slots.token(now.end).frame == slots.token(begin).frame) ++now.end;
    const std::span<float> scores =
        score.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(now.end - begin));
    if (slots.token(begin).frame == kNoFrame) {
      std::fill(scores.begin(), scores.end(), kSpoken);
    } else {
      compare(slots, now, before, score);
      before = now;
    }
    for (int j = begin; j < now.end && args[0].value > 0; ++j)
      score[static_cast<std::size_t>(j)] *=
          seen[j] > 0 ? std::pow(mass[j] / seen[j] + 1e-5f, args[0].value) : 1.0f;
  }
  std::fill(score.begin() + before.begin, score.begin() + before.end, kNewest);
}

}  // namespace

const PartRow<ScorePart> score_novel{"novel",
                                     novel,
                                     {{{"attention", {1}, 0, 4}}},
                                     kNeedKeys | need(Mark::mass) | need(Mark::seen),
                                     "what differs from the frame before it, and is looked at",
                                     Scale::probability};

}  // namespace shrike::kv::parts
