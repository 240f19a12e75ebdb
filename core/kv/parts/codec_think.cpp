#include "core/kv/block.hpp"
#include "core/kv/catalogue.hpp"
#include "core/kv/parts/bits.hpp"
#include "core/kv/parts/f16_rows.hpp"
#include "core/kv/parts/think.hpp"
#include "core/limits.hpp"

namespace shrike::kv::parts {
namespace {

// 0.4 of the pairs of a page's keys leave, those that matter least to the queries so far, and read as zeros.
// Pairs, not channels: a later turn would mix the dropped half back in. Values stay whole.
// Source   ThinK arXiv 2407.21018; channels are chosen anew for each page, there once for a prompt
constexpr float kPruned = 0.4f;

int pairs_kept(int head_dim) noexcept {
  const int pairs = head_dim / 2;
  return pairs - static_cast<int>(kPruned * static_cast<float>(pairs));
}
// [f16 neighbours or not][a byte for each pair kept: its number][rows of the pairs kept, then of odd numbers]
std::size_t header_bytes(int head_dim) noexcept {
  return 2 + static_cast<std::size_t>((pairs_kept(head_dim) + 1) / 2 * 2);
}
int row_numbers(int head_dim) noexcept { return 2 * pairs_kept(head_dim) + head_dim % 2; }
std::size_t key_bytes(int head_dim) noexcept {
  return header_bytes(head_dim) + kBlockSlots * sizeof(f16) * static_cast<std::size_t>(row_numbers(head_dim));
}
std::size_t value_bytes(int head_dim) noexcept {
  return kBlockSlots * sizeof(f16) * static_cast<std::size_t>(head_dim);
}

// The numbers of a pair.
struct Pairs {
  int head_dim;
  bool neighbours;
  int first(int pair) const noexcept { return neighbours ? 2 * pair : pair; }
  int second(int pair) const noexcept { return neighbours ? 2 * pair + 1 : pair + head_dim / 2; }
};

// Ascending numbers of the best pairs, of equal ones the first.
void choose(const PageRows& rows, const Pairs& pairs, std::byte* chosen) noexcept {
  float score[limits::kHeadDimMax / 2];
  int order[limits::kHeadDimMax / 2];
  const int dim = rows.head_dim, n = dim / 2, kept = pairs_kept(dim);
  for (int p = 0; p < n; ++p) {
    score[p] = 0;
    for (const int c : {pairs.first(p), pairs.second(p)})
      score[p] += think_score(rows.query_squares != nullptr ? rows.query_squares[c] : 1.0f, rows.keys + c,
                              kBlockSlots, dim);
    if (!std::isfinite(score[p])) score[p] = 0;
    order[p] = p;
  }
  std::sort(order, order + n,
            [&](int a, int b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
  std::sort(order, order + kept);
  for (int p = 0; p < kept; ++p) chosen[p] = static_cast<std::byte>(order[p]);
}

// Calls each(number of the head, number of the row).
template <class Each>
void for_kept(const std::byte* page, int head_dim, Each each) noexcept {
  const Pairs pairs{head_dim, page[0] != std::byte{0}};
  const int kept = pairs_kept(head_dim);
  for (int p = 0; p < kept; ++p) {
    const int pair = static_cast<int>(page[2 + p]);
    each(pairs.first(pair), 2 * p);
    each(pairs.second(pair), 2 * p + 1);
  }
  if (head_dim % 2 != 0) each(head_dim - 1, 2 * kept);
}

void seal(const Kernels& kernels, std::byte* keys, std::byte* values, const PageRows& rows) noexcept {
  const int dim = rows.head_dim, n = row_numbers(dim);
  std::memset(keys, 0, header_bytes(dim));
  keys[0] = static_cast<std::byte>(rows.pairs_are_neighbours ? 1 : 0);
  choose(rows, {dim, rows.pairs_are_neighbours}, keys + 2);
  auto* out = reinterpret_cast<f16*>(keys + header_bytes(dim));
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    float row[limits::kHeadDimMax];
    for_kept(keys, dim, [&](int from, int to) { row[to] = rows.keys[slot * dim + from]; });
    kernels.f32_to_f16(out + slot * n, row, n);
  }
  kernels.f32_to_f16(reinterpret_cast<f16*>(values), rows.values, kBlockSlots * dim);
}

void read_keys(const Kernels& kernels, float* out, const std::byte* page, int dim) noexcept {
  const int n = row_numbers(dim);
  const auto* in = reinterpret_cast<const f16*>(page + header_bytes(dim));
  std::fill_n(out, kBlockSlots * dim, 0.0f);
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    float row[limits::kHeadDimMax];
    kernels.f16_to_f32(row, in + slot * n, n);
    for_kept(page, dim, [&](int to, int from) { out[slot * dim + to] = row[from]; });
  }
}

void read_values(const Kernels& kernels, float* out, const std::byte* page, int dim) noexcept {
  kernels.f16_to_f32(out, reinterpret_cast<const f16*>(page), kBlockSlots * dim);
}

constexpr PageFormat kFormat{key_bytes, value_bytes, seal, read_keys, read_values, kNeedQueries};

}  // namespace

const Codec codec_think =
    in_pages("think", "half precision, keys without the 0.4 of their pairs that matter least", kFormat);

}  // namespace shrike::kv::parts
