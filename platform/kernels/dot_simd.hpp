#pragma once

#include <cstring>

#include "platform/kernels/install.hpp"

namespace shrike {
namespace {

// Products over rows that lie along k: a tile of rows x outputs keeps one register of partial sums per
// output, so every output is summed in the same order whatever the tile: lane by lane along k, the tail as
// one register padded with zeros, then Lanes::sum. Chunks, cuts and threads therefore change no bit.
constexpr std::ptrdiff_t kLine = 64;  // of a cache

template <class Lanes, class T>
typename Lanes::Vec load_tail(const T* x, int n) noexcept {
  T padded[Lanes::kWidth] = {};
  std::memcpy(padded, x, static_cast<std::size_t>(n) * sizeof(T));
  return Lanes::load(padded);
}

// acc[r][c] = sum over k of x[r][k] * w[c][k], as lanes
template <class Lanes, int rows, int outs, class T>
inline void dot_tile(typename Lanes::Vec (&acc)[rows][outs], const float* x, std::ptrdiff_t x_stride,
                     const T* w, std::ptrdiff_t w_stride, int n) noexcept {
  using Vec = typename Lanes::Vec;
  // Every loop over sums is unrolled: one that is not would keep them all in memory.
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < outs; ++c) acc[r][c] = Lanes::zero();
  // One row is bound by memory. The next tile is fetched meanwhile, line by line in the order of memory, whatever
  // the order of reading, because that is what memory is fast at.
  const auto* next = reinterpret_cast<const char*>(w + outs * w_stride);
  std::ptrdiff_t fetched = 0;
  int k = 0;
  for (; k + Lanes::kWidth <= n; k += Lanes::kWidth) {
    if constexpr (rows == 1)
      for (; fetched < outs * (k + Lanes::kWidth) * static_cast<std::ptrdiff_t>(sizeof(T)); fetched += kLine)
        Lanes::prefetch(next + fetched);
    if constexpr (rows <= outs) {  // fewer activations than weights are held
      Vec v[rows];
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) v[r] = Lanes::load(x + r * x_stride + k);
#pragma GCC unroll 8
      for (int c = 0; c < outs; ++c) {
        const Vec weight = Lanes::load(w + c * w_stride + k);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
          acc[r][c] = Lanes::fma(v[r], weight, acc[r][c]);
          Lanes::stay(acc[r][c]);
        }
      }
    } else {
      Vec weights[outs];
#pragma GCC unroll 8
      for (int c = 0; c < outs; ++c) weights[c] = Lanes::load(w + c * w_stride + k);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const Vec v = Lanes::load(x + r * x_stride + k);
#pragma GCC unroll 8
        for (int c = 0; c < outs; ++c) {
          acc[r][c] = Lanes::fma(v, weights[c], acc[r][c]);
          Lanes::stay(acc[r][c]);
        }
      }
    }
  }
  if (k == n) return;
  Vec weights[outs];
#pragma GCC unroll 8
  for (int c = 0; c < outs; ++c) weights[c] = load_tail<Lanes>(w + c * w_stride + k, n - k);
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    const Vec v = load_tail<Lanes>(x + r * x_stride + k, n - k);
#pragma GCC unroll 8
    for (int c = 0; c < outs; ++c) acc[r][c] = Lanes::fma(v, weights[c], acc[r][c]);
  }
}

template <class Lanes, int outs>
inline void sum_tile(float* out, const typename Lanes::Vec (&acc)[outs]) noexcept {
  constexpr int kFours = outs / 4 * 4;
#pragma GCC unroll 8
  for (int c = 0; c < kFours; c += 4) Lanes::sum4(out + c, acc[c], acc[c + 1], acc[c + 2], acc[c + 3]);
#pragma GCC unroll 8
  for (int c = kFours; c < outs; ++c) out[c] = Lanes::sum(acc[c]);
}

// Calls tile<rows, outs>(row, out) over a rectangle, big tiles first.
template <class Lanes, int rows, class Tile>
inline void over_outs(int row, int begin, int end, Tile tile) noexcept {
  constexpr int kOuts = rows == 1 ? Lanes::kTileOutsAlone : Lanes::kTileOuts;
  int out = begin;
  for (; out + kOuts <= end; out += kOuts) tile.template operator()<rows, kOuts>(row, out);
  for (; out < end; ++out) tile.template operator()<rows, 1>(row, out);
}

// Rows in blocks that stay in L2 beside the weights, outputs inside: a tile of weights is read from L1 by all
// rows.
template <class Lanes, class Tile>
inline void over_tiles(int n_rows, int out_begin, int out_end, Tile tile) noexcept {
  constexpr int kBlockRows = 32;
  constexpr int kOuts = Lanes::kTileOuts;
  if (n_rows == 1) return over_outs<Lanes, 1>(0, out_begin, out_end, tile);
  for (int block = 0; block < n_rows; block += kBlockRows) {
    const int end = block + kBlockRows < n_rows ? block + kBlockRows : n_rows;
    for (int out = out_begin; out < out_end; out += kOuts) {
      const int last = out + kOuts < out_end ? out + kOuts : out_end;
      int row = block;
      for (; row + Lanes::kTileRows <= end; row += Lanes::kTileRows)
        over_outs<Lanes, Lanes::kTileRows>(row, out, last, tile);
      if (end - row == 3) over_outs<Lanes, 3>(row, out, last, tile);
      if (end - row == 2) over_outs<Lanes, 2>(row, out, last, tile);
      if (end - row == 1)
        for (int c = out; c < last; ++c) tile.template operator()<1, 1>(row, c);
    }
  }
}

// Calls tile<rows>(first row): three queries at a time share what is loaded or unpacked of a key.
template <class Tile>
inline void over_queries(int n_q, Tile tile) noexcept {
  int r = 0;
  for (; r + 3 <= n_q; r += 3) tile.template operator()<3>(r);
  if (n_q - r == 2) tile.template operator()<2>(r);
  if (n_q - r == 1) tile.template operator()<1>(r);
}

template <int outs>
inline void put(const Matmul& t, int row, int out, const float* sums) noexcept {
  float* y = t.y + static_cast<std::ptrdiff_t>(row) * t.y_stride + out;
  for (int c = 0; c < outs; ++c) {
    const float sum = t.bias != nullptr ? sums[c] + t.bias[out + c] : sums[c];
    y[c] = t.accumulate ? y[c] + sum : sum;
  }
}

template <class Lanes, class T>
void matmul_floats(const Matmul& t) noexcept {
  const std::ptrdiff_t w_stride = static_cast<std::ptrdiff_t>(t.w_row_bytes / sizeof(T));
  over_tiles<Lanes>(t.n_rows, t.out_begin, t.out_end, [&]<int rows, int outs>(int row, int out) {
    typename Lanes::Vec acc[rows][outs];
    dot_tile<Lanes, rows, outs>(acc, t.x + static_cast<std::ptrdiff_t>(row) * t.x_stride, t.x_stride,
                                reinterpret_cast<const T*>(t.w) + out * w_stride, w_stride, t.n_in);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      float sums[outs];
      sum_tile<Lanes, outs>(sums, acc[r]);
      put<outs>(t, row + r, out, sums);
    }
  });
}

}  // namespace
}  // namespace shrike
