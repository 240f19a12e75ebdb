#include "core/kv/block.hpp"
#include "core/kv/catalogue.hpp"
#include "core/kv/parts/bits.hpp"
#include "core/kv/parts/f16_rows.hpp"
#include "core/kv/parts/qaq.hpp"

namespace shrike::kv::parts {
namespace {

// The bits of the rows of a page, those first that want most: pages are of one size, so that what is wanted is
// an order, not a number.
constexpr int kBits[kBlockSlots] = {8, 8, 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2};
constexpr float kError = 0.1f;
constexpr int kTokens = 1024;  // of the sum that the error is of; it moves no order

std::size_t rows_bytes(int head_dim) noexcept {
  std::size_t bytes = 0;
  for (const int bits : kBits) bytes += bits_row_bytes(head_dim, bits);
  return (bytes + 1) / 2 * 2;
}
// A page of keys begins with the rank of each slot, which is that of its values too; so it is written twice.
std::size_t bytes(int head_dim) noexcept { return kBlockSlots + rows_bytes(head_dim); }

float range(const float* x, int n) noexcept {
  const auto [least, most] = std::minmax_element(x, x + n);
  return *most - *least;
}

// rank[slot] by the bits wanted for its value, of equal ones the newer slot first: it has had less time to be
// looked at.
void rank_slots(const PageRows& rows, std::byte* rank) noexcept {
  float wanted[kBlockSlots];
  int order[kBlockSlots];
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    const float weight = rows.importance != nullptr ? rows.importance[slot] : 0.0f;
    const float bits =
        qaq_bits(kTokens, kError, weight, range(rows.values + slot * rows.head_dim, rows.head_dim));
    wanted[slot] = std::isfinite(bits) ? bits : 0.0f;
    order[slot] = slot;
  }
  std::sort(order, order + kBlockSlots,
            [&](int a, int b) { return wanted[a] != wanted[b] ? wanted[a] > wanted[b] : a > b; });
  for (int r = 0; r < kBlockSlots; ++r) rank[order[r]] = static_cast<std::byte>(r);
}

std::size_t offset_of(int rank, int head_dim) noexcept {
  std::size_t at = kBlockSlots;
  for (int r = 0; r < rank; ++r) at += bits_row_bytes(head_dim, kBits[r]);
  return at;
}

void put_rows(std::byte* page, const float* x, int dim) noexcept {
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    const int rank = static_cast<int>(page[slot]);
    put_row(page + offset_of(rank, dim), x + slot * dim, dim, kBits[rank]);
  }
}

void seal(const Kernels&, std::byte* keys, std::byte* values, const PageRows& rows) noexcept {
  rank_slots(rows, keys);
  std::memcpy(values, keys, kBlockSlots);
  put_rows(keys, rows.keys, rows.head_dim);
  put_rows(values, rows.values, rows.head_dim);
}

void read(const Kernels&, float* out, const std::byte* page, int dim) noexcept {
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    const int rank = std::min(static_cast<int>(page[slot]), kBlockSlots - 1);
    read_row(out + slot * dim, page + offset_of(rank, dim), dim, kBits[rank]);
  }
}

constexpr PageFormat kFormat{bytes, bytes, seal, read, read, need(Mark::mass)};

}  // namespace

const Codec codec_qaq =
    in_pages("qaq", "eight, four or two bits a token, by the attention it got: 3.5 on average", kFormat);

}  // namespace shrike::kv::parts
