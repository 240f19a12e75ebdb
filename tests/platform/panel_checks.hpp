#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "platform/kernels/groups.hpp"
#include "platform/kernels/kernels.hpp"
#include "tests/support/numbers.hpp"

namespace shrike::test {

enum class Packed { outs, columns, groups };

// A product through the panels of one set: weights packed block by block, rows, then the product.
struct PanelProduct {
  int n_in, n_outs, n_rows, y_stride;
  std::vector<float> x, w, bias, y0;

  PanelProduct(int in, int outs, int rows, std::uint32_t seed)
      : n_in(in), n_outs(outs), n_rows(rows), y_stride(outs + 3) {
    Numbers numbers(seed);
    x = numbers.floats(static_cast<std::size_t>(rows * in));
    w = numbers.floats(static_cast<std::size_t>(outs * in), -0.1f, 0.1f);
    bias = numbers.floats(static_cast<std::size_t>(outs));
    y0 = numbers.floats(static_cast<std::size_t>(rows * y_stride));
    if (in > 3) x[3] = 40.0f;  // one number far from the others
    if (in >= 32) std::fill_n(w.begin(), 32, 0.0f);
  }

  float weight(int out, int k) const { return w[static_cast<std::size_t>(out * n_in + k)]; }

  // The same weights as bytes with a scale, the least byte among them. [n_outs][n_in / 32]
  std::vector<Group> groups() const {
    std::vector<Group> out(w.size() / kQ8Group);
    for (std::size_t g = 0; g < out.size(); ++g) {
      out[g].d[0] = out[g].d[1] = 0.001f * static_cast<float>(g % 7);
      for (std::size_t i = 0; i < kQ8Group; ++i)
        out[g].q[i] =
            static_cast<std::int8_t>(i == g % kQ8Group ? -128 : std::lround(1270 * w[g * kQ8Group + i]));
    }
    return out;
  }

  // The panel and the rows end where their forms say: a sanitizer sees the first byte too many.
  std::vector<float> run(const PanelKernels& panels, bool accumulate, Packed packed = Packed::outs) const {
    const PanelForm& form = panels.form;
    const int n_strips = (n_outs + form.outs - 1) / form.outs;
    const std::size_t strip_bytes = form.strip_bytes(n_in);
    std::vector<std::byte> memory(strip_bytes * static_cast<std::size_t>(n_strips) + 64);
    std::byte* panel = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
    std::vector<float> columns(w.size());
    for (int out = 0; out < n_outs; ++out)
      for (int k = 0; k < n_in; ++k) columns[static_cast<std::size_t>(k * n_outs + out)] = weight(out, k);
    const std::vector<Group> all = packed == Packed::groups ? groups() : std::vector<Group>();
    for (int strip = 0; strip < n_strips; ++strip) {
      std::byte* to = panel + static_cast<std::size_t>(strip) * strip_bytes;
      const int first = strip * form.outs, n_here = std::min(form.outs, n_outs - first);
      for (int k = 0; k < n_in; k += form.depth) {
        const int n = std::min(form.depth, n_in - k);
        if (packed == Packed::groups)
          panels.pack_groups(to, all.data() + (first * n_in + k) / kQ8Group, n_in / kQ8Group, n_here);
        else if (packed == Packed::columns)
          panels.pack_columns(to, columns.data() + k * n_outs + first, n_outs, n_here, n);
        else
          panels.pack_outs(to, w.data() + first * n_in + k, n_in, n_here, n);
        to += form.block_bytes(n);
      }
    }
    std::vector<std::byte> rows(form.row_bytes(n_in) * static_cast<std::size_t>(n_rows));
    for (int row = 0; row < n_rows; ++row)
      panels.pack_row(rows.data() + static_cast<std::size_t>(row) * form.row_bytes(n_in),
                      x.data() + row * n_in, n_in);
    std::vector<float> y = y0;
    PanelTask task;
    task.panel = panel;
    task.rows = rows.data();
    task.n_in = n_in;
    task.n_outs = n_outs;
    task.n_rows = n_rows;
    task.bias = bias.data();
    task.y = y.data();
    task.y_stride = y_stride;
    task.accumulate = accumulate;
    panels.multiply(task);
    return y;
  }
};

template <class Body>
void for_each_panel_product(Body body) {
  std::uint32_t seed = 1;
  for (const int n_in : {1, 2, 3, 31, 32, 33, 64, 127, 128, 129, 160, 256, 576})
    for (const int n_outs : {1, 31, 32, 33, 70})
      for (const int n_rows : {1, 2, 3, 4, 6, 7, 11}) body(PanelProduct(n_in, n_outs, n_rows, seed++));
}

// The same bits as the reference, whatever is behind the outputs untouched.
inline void expect_equal_panels(const PanelKernels& panels, const PanelKernels& reference) {
  for_each_panel_product([&](const PanelProduct& p) {
    for (const bool accumulate : {false, true}) {
      const std::vector<float> want = p.run(reference, accumulate);
      ASSERT_EQ(p.run(panels, accumulate), want) << p.n_in << " x " << p.n_outs << " x " << p.n_rows;
      if (panels.pack_columns != nullptr) {
        ASSERT_EQ(p.run(panels, accumulate, Packed::columns), want)
            << "columns " << p.n_in << " x " << p.n_outs;
      }
      if (panels.pack_groups != nullptr && p.n_in % kQ8Group == 0) {
        ASSERT_EQ(p.run(panels, accumulate, Packed::groups), p.run(reference, accumulate, Packed::groups))
            << "groups " << p.n_in << " x " << p.n_outs;
      }
    }
  });
}

}  // namespace shrike::test
