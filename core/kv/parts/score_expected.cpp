#include <algorithm>
#include <cmath>

#include "core/kv/catalogue.hpp"
#include "core/limits.hpp"

namespace shrike::kv::parts {
namespace {

// The mean over the next `ahead` positions of what turns a query there: one complex number a pair.
struct MeanTurn {
  float cos[limits::kHeadDimMax / 2];
  float sin[limits::kHeadDimMax / 2];

  MeanTurn(const RopeTable& rope, int ahead) noexcept {
    const int n = std::clamp(ahead, 1, rope.n_positions());
    std::fill_n(cos, rope.n_pairs(), 0.0f);
    std::fill_n(sin, rope.n_pairs(), 0.0f);
    for (int step = 0; step < n; ++step)
      for (int pair = 0; pair < rope.n_pairs(); ++pair) {
        cos[pair] += rope.cos(step)[pair];
        sin[pair] -= rope.sin(step)[pair];  // keys are turned back instead
      }
    for (int pair = 0; pair < rope.n_pairs(); ++pair) {
      cos[pair] /= static_cast<float>(n);
      sin[pair] /= static_cast<float>(n);
    }
  }
};

// Where the next token will stand, seen from a slot: back in time, and back from its row and column.
Place distance_of(const Candidates& slots, int j) noexcept {
  const Place place = place_of(slots.token(j), slots.positions[static_cast<std::size_t>(j)]);
  return {slots.next_position - place.t, -place.row, -place.column};
}

// z_j = k_j mu / sqrt(d) + k_j Sigma k_j / (2 d), k_j turned back by its mean distance from the queries to
// come; mu and the diagonal of Sigma are those of the queries so far, before they are turned.
void expected_logits(const Candidates& slots, int head, const MeanTurn& turn, float* z) noexcept {
  const int dim = slots.head_dim;
  const float* mean = slots.query_mean + static_cast<std::ptrdiff_t>(head) * dim;
  const float* variance = slots.query_variance + static_cast<std::ptrdiff_t>(head) * dim;
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  float key[limits::kHeadDimMax];
  for (int j = 0; j < slots.n(); ++j) {
    std::copy_n(slots.key(j), dim, key);
    slots.rope->turn_back(key, distance_of(slots, j));
    slots.rope->multiply(key, turn.cos, turn.sin);
    float linear = 0, square = 0;
    for (int i = 0; i < dim; ++i) {
      linear += key[i] * mean[i];
      square += key[i] * key[i] * variance[i];
    }
    z[j] = linear * scale + square * scale * scale / 2;
  }
}

// score_j = (mean over the group of softmax_j(z) + epsilon) |v_j|: attention that queries to come will give,
// for how much it matters.
// Source   Expected Attention arXiv 2510.00636: the turn is averaged first, as in its code; the diagonal of
//          Sigma and moments that fade from chunk to chunk are ours
void expected(const Candidates& slots, const Args& args, std::span<float> score) noexcept {
  if (score.empty()) return;
  const MeanTurn turn(*slots.rope, static_cast<int>(args[0].value));
  float* z = slots.scratch.data();
  std::fill(score.begin(), score.end(), 0.0f);
  for (int head = 0; head < slots.group; ++head) {
    expected_logits(slots, head, turn, z);
    slots.kernels->softmax(z, slots.n());
    slots.kernels->add(score.data(), z, slots.n());
  }
  for (int j = 0; j < slots.n(); ++j) {
    const float* value = slots.value(j);
    float square = 0;
    for (int i = 0; i < slots.head_dim; ++i) square += value[i] * value[i];
    float& s = score[static_cast<std::size_t>(j)];
    s = (s / static_cast<float>(slots.group) + args[1].value) * std::sqrt(square);
  }
}

}  // namespace

const PartRow<ScorePart> score_expected{
    "expected",
    expected,
    {{{"ahead", {512}, 1, 1 << 20, false, true}, {"epsilon", {0}, 0, 1}}},
    kNeedQueries | kNeedKeys | kNeedValues,
    "attention that queries like those so far will give, times the value's length",
    Scale::probability};

}  // namespace shrike::kv::parts
