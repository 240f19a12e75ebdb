#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/draw.hpp"

namespace shrike::kv::parts {
namespace {

// What slot i leaves behind goes into the values of the `n_after` kept slots that follow it, keys untouched.
//
//   P_i = a_i / mean(a of these), at most 1, a the attention received so far      visit(i, j, P_i / n)
template <class Visit>
void spread(const Merging& m, int n_after, Visit visit) noexcept {
  const float* mass = m.slots.mark(Mark::mass);
  int n = 0;
  for (int j = 0; j < m.n(); ++j)
    if (m.receives(j)) m.order[static_cast<std::size_t>(n++)] = j;
  for (int i = 0, first = 0; i < m.n(); ++i) {
    if (m.keep[static_cast<std::size_t>(i)] != 0) continue;
    while (first < n && m.order[static_cast<std::size_t>(first)] < i) ++first;
    const auto after = m.order.subspan(static_cast<std::size_t>(first),
                                       static_cast<std::size_t>(std::min(n_after, n - first)));
    float sum = 0;
    for (const std::int32_t j : after) sum += mass[j];
    const float each = 1 / static_cast<float>(std::max<std::size_t>(1, after.size()));
    const float mean = sum * each;
    const float share = mass[i] <= 0 ? 0.0f : mass[i] < mean ? mass[i] / mean : 1.0f;
    if (share > 0)
      for (const std::int32_t j : after) visit(i, j, share, each);
  }
}

void add(const Merging& m, int i, int j, float weight) noexcept {
  for (int d = 0; d < m.slots.head_dim; ++d) m.value(j)[d] += weight * m.value(i)[d];
  m.changed[static_cast<std::size_t>(j)] = 1;
}

// v_j = (v_j + sum w_i v_i) / (1 + sum w_i), w_i = P_i / n: what is expected of the paper's draw, as a mean.
// Softmax shares out anew the attention of what has left, and a sum would have it twice; over a stream that
// does not end it would grow without end.
// Source   CaM, ICML 2024; the mean is ours
void cam(const Merging& m, const Args& args) noexcept {
  const std::span<float> weights = m.scratch.first(m.keep.size());
  std::fill(weights.begin(), weights.end(), 1.0f);
  spread(m, static_cast<int>(args[0].value), [&](int i, int j, float share, float each) {
    add(m, i, j, share * each);
    weights[static_cast<std::size_t>(j)] += share * each;
  });
  for (int j = 0; j < m.n(); ++j)
    for (int d = 0; d < m.slots.head_dim && m.changed[static_cast<std::size_t>(j)] != 0; ++d)
      m.value(j)[d] /= weights[static_cast<std::size_t>(j)];
}

// v_j += v_i / n with probability P_i, or with draws=0 its expectation. One lot a slot, alike in every run.
// Values stop growing at the limit of half precision.
// Source   CaM, ICML 2024
void cam_printed(const Merging& m, const Args& args) noexcept {
  const std::uint64_t table =
      static_cast<std::uint64_t>(m.slots.layer) << 32 | static_cast<std::uint64_t>(m.slots.kv_head);
  constexpr float kLargest = 65504;
  spread(m, static_cast<int>(args[0].value), [&](int i, int j, float share, float each) {
    if (args[1].value != 0) share = draw(m.slots.token(i), table + 1) < share ? 1.0f : 0.0f;
    if (share > 0) add(m, i, j, share * each);
  });
  for (int j = 0; j < m.n(); ++j)
    for (int d = 0; d < m.slots.head_dim && m.changed[static_cast<std::size_t>(j)] != 0; ++d)
      m.value(j)[d] = std::clamp(m.value(j)[d], -kLargest, kLargest);
}

constexpr ArgSpec kAfter{"after", {32}, 1, 1 << 20, false, true};
constexpr Needs kRead = need(Mark::mass) | kNeedValues;

}  // namespace

const PartRow<MergePart> merge_cam{
    "cam", cam, {{kAfter}}, kRead, "values of what leaves are averaged into those that follow"};
const PartRow<MergePart> merge_cam_paper{"cam-paper",
                                         cam_printed,
                                         {{kAfter, {"draws", {1}, 0, 1, false, true}}},
                                         kRead,
                                         "as printed: added to those that follow, by lot"};

}  // namespace shrike::kv::parts
