#include "core/kv/block.hpp"
#include "core/kv/catalogue.hpp"
#include "core/kv/parts/bits.hpp"
#include "core/kv/parts/f16_rows.hpp"

namespace shrike::kv::parts {
namespace {

// Keys by channel: each number of a key has a grid over the 16 tokens of the page, because outliers of keys keep
// to their channels. Values by token, in groups of 32 numbers.
// Source   KIVI arXiv 2402.02750; its groups are of 32 tokens, and its keys are turned, here they are not
template <int bits>
struct Kivi {
  static constexpr std::size_t kChannel = kGridBytes + kBlockSlots * bits / 8;

  static std::size_t key_bytes(int head_dim) noexcept {
    return static_cast<std::size_t>(head_dim) * kChannel;
  }
  static std::size_t value_bytes(int head_dim) noexcept {
    return (kBlockSlots * bits_row_bytes(head_dim, bits) + 1) / 2 * 2;
  }
  static void seal(const Kernels&, std::byte* keys, std::byte* values, const PageRows& rows) noexcept {
    const int dim = rows.head_dim;
    std::memset(keys, 0, key_bytes(dim));
    for (int c = 0; c < dim; ++c, keys += kChannel) {
      const Grid grid = grid_of(rows.keys + c, kBlockSlots, dim, bits);
      put_grid(keys, grid);
      for (int slot = 0; slot < kBlockSlots; ++slot)
        put_code(keys + kGridBytes, slot, bits, code_of(grid, rows.keys[slot * dim + c], bits));
    }
    for (int slot = 0; slot < kBlockSlots; ++slot)
      put_row(values + static_cast<std::size_t>(slot) * bits_row_bytes(dim, bits), rows.values + slot * dim,
              dim, bits);
  }
  static void keys(const Kernels&, float* out, const std::byte* page, int dim) noexcept {
    for (int c = 0; c < dim; ++c, page += kChannel) {
      const Grid grid = grid_at(page);
      for (int slot = 0; slot < kBlockSlots; ++slot)
        out[slot * dim + c] =
            grid.least + grid.step * static_cast<float>(code_at(page + kGridBytes, slot, bits));
    }
  }
  static void values(const Kernels&, float* out, const std::byte* page, int dim) noexcept {
    for (int slot = 0; slot < kBlockSlots; ++slot)
      read_row(out + slot * dim, page + static_cast<std::size_t>(slot) * bits_row_bytes(dim, bits), dim,
               bits);
  }
  static constexpr PageFormat kFormat{key_bytes, value_bytes, seal, keys, values};
};

}  // namespace

const Codec codec_kivi2 =
    in_pages("kivi2", "two bits: keys by channel over 16 tokens, values by token", Kivi<2>::kFormat);
const Codec codec_kivi4 = in_pages("kivi4", "four bits, likewise", Kivi<4>::kFormat);

}  // namespace shrike::kv::parts
