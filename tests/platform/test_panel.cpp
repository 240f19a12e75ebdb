#include <cmath>
#include <cstring>

#include "tests/platform/panel_checks.hpp"
#include "tests/support/isas.hpp"

namespace shrike {
namespace {

using test::Numbers;
using test::PanelProduct;

class PanelTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(PanelTest);

TEST_P(PanelTest, products_equal_the_scalar_ones_bit_for_bit) {
  test::expect_equal_panels(k.wide, scalar.wide);
  test::expect_equal_panels(k.narrow, scalar.narrow);
}

// Half a step of rounding in each of two factors, for each block: 4095 and 127 steps to the largest number.
TEST_P(PanelTest, products_are_near_the_exact_ones_and_nothing_else_is_written) {
  for (const PanelKernels* panels : {&k.wide, &k.narrow}) {
    const double step = panels == &k.wide ? 1.0 / 4095 : 1.0 / 127;
    test::for_each_panel_product([&](const PanelProduct& p) {
      const std::vector<float> y = p.run(*panels, false);
      for (int row = 0; row < p.n_rows; ++row)
        for (int c = 0; c < p.y_stride; ++c) {
          const auto at = static_cast<std::size_t>(row * p.y_stride + c);
          if (c >= p.n_outs) {
            ASSERT_EQ(y[at], p.y0[at]) << "beyond the outputs";
            continue;
          }
          double exact = p.bias[static_cast<std::size_t>(c)], allowed = 1e-5;
          for (int begin = 0; begin < p.n_in; begin += panels->form.depth) {
            const int end = std::min(p.n_in, begin + panels->form.depth);
            double x_most = 0, w_most = 0, x_sum = 0, w_sum = 0;
            for (int i = begin; i < end; ++i) {
              const double x = p.x[static_cast<std::size_t>(row * p.n_in + i)], w = p.weight(c, i);
              exact += x * w;
              x_most = std::max(x_most, std::abs(x));
              w_most = std::max(w_most, std::abs(w));
              x_sum += std::abs(x);
              w_sum += std::abs(w);
            }
            allowed +=
                0.51 * step * (x_most * w_sum + w_most * x_sum + step * x_most * w_most * (end - begin));
          }
          ASSERT_NEAR(y[at], exact, allowed) << p.n_in << " x " << p.n_outs << " x " << p.n_rows;
        }
    });
  }
}

TEST_P(PanelTest, a_row_does_not_hang_on_its_neighbours) {
  for (const PanelKernels* panels : {&k.wide, &k.narrow}) {
    const PanelProduct all(160, 40, 13, 5);
    const std::vector<float> whole = all.run(*panels, false);
    for (int row = 0; row < all.n_rows; ++row) {
      PanelProduct one = all;
      one.n_rows = 1;
      one.x.assign(all.x.begin() + row * all.n_in, all.x.begin() + (row + 1) * all.n_in);
      const std::vector<float> y = one.run(*panels, false);
      for (int c = 0; c < all.n_outs; ++c)
        ASSERT_EQ(y[static_cast<std::size_t>(c)], whole[static_cast<std::size_t>(row * all.y_stride + c)]);
    }
  }
}

// Rows are packed where they lie, and what comes of numbers that are none stays an integer.
TEST_P(PanelTest, a_row_may_be_packed_in_its_place) {
  Numbers numbers(3);
  for (const PanelKernels* panels : {&k.wide, &k.narrow})
    for (const int n : {1, 16, 33, 128, 300}) {
      const std::vector<float> x = numbers.floats(static_cast<std::size_t>(n));
      std::vector<std::byte> apart(panels->form.row_bytes(n));
      panels->pack_row(apart.data(), x.data(), n);
      std::vector<float> memory(std::max(x.size(), apart.size() / sizeof(float)));
      std::copy(x.begin(), x.end(), memory.begin());
      panels->pack_row(reinterpret_cast<std::byte*>(memory.data()), memory.data(), n);
      EXPECT_EQ(std::memcmp(memory.data(), apart.data(), apart.size()), 0) << n;
    }
}

TEST_P(PanelTest, qblocks_become_the_panels_that_their_groups_become) {
  constexpr int kBlocks = 3;
  const auto expect_equal = [&](PanelKernels::PackQBlocks pack, DType type) {
    if (pack == nullptr) return;
    const std::size_t row_bytes = kBlocks * static_cast<std::size_t>(type == DType::q8_0 ? 34 : 18);
    for (const int n_outs : {1, 15, 16, 17, 31, 32}) {
      // Any bytes, with scales that are numbers; a sanitizer sees the first byte too many.
      std::vector<std::uint8_t> rows = Numbers(5).bytes(row_bytes * static_cast<std::size_t>(n_outs));
      for (std::size_t at = 1; at < rows.size(); at += row_bytes / kBlocks) rows[at] &= 0x3b;
      const auto* w = reinterpret_cast<const std::byte*>(rows.data());
      std::vector<Group> groups(static_cast<std::size_t>(n_outs * kBlocks));
      for (int out = 0; out < n_outs; ++out)
        scalar.unpack(type, w + static_cast<std::size_t>(out) * row_bytes, 0, kBlocks,
                      &groups[static_cast<std::size_t>(out * kBlocks)]);
      const PanelForm& form = k.narrow.form;
      std::vector<std::byte> row(form.row_bytes(kQ8Group));
      const std::vector<float> x = Numbers(6).floats(kQ8Group);
      k.narrow.pack_row(row.data(), x.data(), kQ8Group);
      for (int block = 0; block < kBlocks; ++block) {
        std::vector<std::byte> got(form.block_bytes(kQ8Group)), want = got;
        pack(got.data(), w + static_cast<std::size_t>(block) * (row_bytes / kBlocks), row_bytes, n_outs);
        k.narrow.pack_groups(want.data(), &groups[static_cast<std::size_t>(block)], kBlocks, n_outs);
        std::vector<float> y[2];
        for (const bool direct : {false, true}) {
          std::vector<float>& sums = y[direct ? 1 : 0];
          sums.resize(static_cast<std::size_t>(n_outs));
          PanelTask task;
          task.panel = direct ? got.data() : want.data();
          task.rows = row.data();
          task.n_in = kQ8Group;
          task.n_outs = task.y_stride = n_outs;
          task.n_rows = 1;
          task.y = sums.data();
          k.narrow.multiply(task);
        }
        ASSERT_EQ(y[0], y[1]) << n_outs << " outputs, block " << block;
      }
    }
  };
  expect_equal(k.narrow.pack_q8_0, DType::q8_0);
  expect_equal(k.narrow.pack_q4_0, DType::q4_0);
}

// Against the two kernels that it stands for, by what a product makes of either; and in its place.
void expect_weights_of_softmax(const PanelKernels& panels, const Kernels& scalar, float levels) {
  constexpr int kOuts = 5;
  Numbers numbers(11);
  for (const int n : {1, 2, 15, 16, 17, 127, 128, 129, 257, 640, 1027}) {
    const std::size_t size = static_cast<std::size_t>(n);
    std::vector<float> scores = numbers.floats(size, -20.0f, 20.0f);
    for (std::size_t i = 0; i + 1 < size; ++i)
      if (i % 7 == 3 || (n > 300 && i < 200)) scores[i] = -INFINITY;  // blocks of nothing else among them
    std::vector<float> p = scores;
    scalar.softmax(p.data(), n);
    const std::vector<float> w = numbers.floats(size * kOuts);
    std::vector<std::byte> memory(panels.form.strip_bytes(n) + 64), row(panels.form.row_bytes(n));
    std::byte* panel = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
    PanelTask task;
    task.panel = panel;
    task.rows = row.data();
    task.n_in = n;
    task.n_outs = task.y_stride = kOuts;
    task.n_rows = 1;
    for (int first = 0; first < n; first += panels.form.depth) {
      const int n_here = std::min(panels.form.depth, n - first);
      panels.pack_outs(panel, w.data() + first, n, kOuts, n_here);
      panel += panels.form.block_bytes(n_here);
    }
    float want[kOuts], got[kOuts], in_place[kOuts];
    panels.pack_row(row.data(), p.data(), n);
    task.y = want;
    panels.multiply(task);
    std::vector<float> place = scores;
    panels.pack_softmax(row.data(), place.data(), n, {});
    task.y = got;
    panels.multiply(task);
    // In its place, and all weights but the last added up.
    place = scores;
    place.resize(std::max(size, row.size() / sizeof(float) + 1));
    auto* packed = reinterpret_cast<std::byte*>(place.data());
    std::vector<float> mass(size, 1.0f);
    panels.pack_softmax(packed, place.data(), n, {mass.data(), n - 1, nullptr, nullptr});
    task.rows = packed;
    task.y = in_place;
    panels.multiply(task);
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_NEAR(mass[i], i + 1 < size ? 1 + p[i] : 1, 2e-5f) << i << " of " << n;
    for (std::size_t c = 0; c < kOuts; ++c) {
      double allowed = 5e-5;
      for (std::size_t first = 0; first < size; first += static_cast<std::size_t>(panels.form.depth)) {
        const std::size_t end = std::min(size, first + static_cast<std::size_t>(panels.form.depth));
        const float most = *std::max_element(p.begin() + static_cast<std::ptrdiff_t>(first),
                                             p.begin() + static_cast<std::ptrdiff_t>(end));
        for (std::size_t i = first; i < end; ++i)
          if (p[i] > most / (2 * levels)) allowed += 1.02 * most / levels * std::abs(w[c * size + i]);
      }
      ASSERT_NEAR(got[c], want[c], allowed) << n;
      ASSERT_NEAR(in_place[c], want[c], allowed) << n;
    }
  }
}

// Evidence beside the weights: the same weights and mass, and what the general kernel shows of the scores that
// are finite.
void expect_evidence_of_softmax(const PanelKernels& panels, const Kernels& scalar) {
  Numbers numbers(12);
  for (const int n : {1, 2, 15, 17, 127, 128, 129, 640, 1027})
    for (const int mostly : {0, 1, 2, 4}) {  // 0 and 4: one class is empty
      const auto size = static_cast<std::size_t>(n);
      std::vector<float> scores = numbers.floats(size, -12.0f, 12.0f), finite;
      std::vector<std::uint8_t> modality(size), classes;
      for (std::size_t i = 0; i < size; ++i) {
        modality[i] = numbers.below(4) < mostly;
        if (i + 1 < size && numbers.below(5) == 0) {
          scores[i] = -INFINITY;
          if (mostly == 0) modality[i] = 1;  // nothing of that class is to be seen
          continue;
        }
        finite.push_back(scores[i]);
        classes.push_back(modality[i]);
      }
      RowEvidence want, got, alone;
      scalar.softmax_evidence(finite.data(), classes.data(), static_cast<int>(finite.size()), &want);
      std::vector<std::byte> row(panels.form.row_bytes(n)), plain = row;
      std::vector<float> mass(size), plain_mass(size), place = scores;
      panels.pack_softmax(plain.data(), place.data(), n, {plain_mass.data(), n, nullptr, nullptr});
      place = scores;
      panels.pack_softmax(row.data(), place.data(), n, {mass.data(), n, &got, modality.data()});
      place = scores;
      panels.pack_softmax(row.data(), place.data(), n, {nullptr, 0, &alone, modality.data()});
      for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(mass[i], plain_mass[i], 1e-6f) << i << " of " << n;
      for (const RowEvidence& shown : {got, alone}) {
        ASSERT_NEAR(shown.entropy, want.entropy, 2e-5f * (1 + want.entropy)) << n;
        for (int c = 0; c < 2; ++c) {
          ASSERT_NEAR(shown.mass[c], want.mass[c], 2e-5f) << n << " " << mostly;
          ASSERT_NEAR(shown.class_entropy[c], want.class_entropy[c], 2e-5f * (1 + want.class_entropy[c]))
              << n;
        }
      }
    }
}

TEST_P(PanelTest, evidence_beside_packed_weights_is_that_of_the_row) {
  if (k.wide.pack_softmax == nullptr) GTEST_SKIP() << "no kernels of its own";
  for (const PanelKernels* panels : {&k.wide, &k.narrow}) expect_evidence_of_softmax(*panels, scalar);
}

TEST_P(PanelTest, packed_weights_are_those_of_softmax_within_a_step) {
  if (k.wide.pack_softmax == nullptr) GTEST_SKIP() << "no kernels of its own";
  expect_weights_of_softmax(k.wide, scalar, 4095);
  expect_weights_of_softmax(k.narrow, scalar, 127);
}

TEST_P(PanelTest, extreme_numbers_do_not_overflow) {
  PanelProduct p(512, 32, 3, 1);
  std::fill(p.x.begin(), p.x.end(), 1.0f);
  std::fill(p.w.begin(), p.w.end(), -1.0f);
  std::fill(p.bias.begin(), p.bias.end(), 0.0f);
  for (const PanelKernels* panels : {&k.wide, &k.narrow}) {
    const std::vector<float> y = p.run(*panels, false);
    for (int c = 0; c < p.n_outs; ++c) EXPECT_NEAR(y[static_cast<std::size_t>(c)], -512.0f, 1e-3f);
  }
}

}  // namespace
}  // namespace shrike
