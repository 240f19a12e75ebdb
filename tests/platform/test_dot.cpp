#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "platform/kernels/q8.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

enum class Weights { f32, f16, q8_0 };

// One product with its operands: weights at an odd address, guard numbers around the output.
struct Product {
  int n_in, n_out, n_rows;
  std::vector<std::byte> w;
  std::vector<float> weights;  // what w says, as f32: [n_out][n_in]
  std::vector<float> x, bias, y0;
  std::vector<std::int8_t> xq;
  std::vector<float> xd;
  Weights type;
  std::size_t w_row_bytes = 0;
  int x_stride, y_stride;
  static constexpr std::size_t kOddBytes = 2;  // f16's own alignment

  Product(Weights weights_type, int in, int out, int rows, std::uint32_t seed)
      : n_in(in), n_out(out), n_rows(rows), type(weights_type), x_stride(in + 3), y_stride(out + 2) {
    Numbers numbers(seed);
    weights.resize(static_cast<std::size_t>(n_out * n_in));
    x = numbers.floats(static_cast<std::size_t>(n_rows * x_stride));
    bias = numbers.floats(static_cast<std::size_t>(n_out));
    y0 = numbers.floats(static_cast<std::size_t>(n_rows * y_stride));
    fill_weights(numbers);
  }

  void fill_weights(Numbers& numbers) {
    if (type == Weights::q8_0) return fill_q8(numbers);
    const std::size_t size = type == Weights::f32 ? 4 : 2;
    w_row_bytes = static_cast<std::size_t>(n_in) * size + (type == Weights::f32 ? 4 : 6);
    w.resize(w_row_bytes * static_cast<std::size_t>(n_out) + kOddBytes);
    for (int c = 0; c < n_out; ++c)
      for (int i = 0; i < n_in; ++i) {
        const float v = numbers.between(-1, 1);
        const f16 h = f32_to_f16(v);
        weights[static_cast<std::size_t>(c * n_in + i)] = type == Weights::f32 ? v : f16_to_f32(h);
        std::byte* at = w.data() + begin() + static_cast<std::size_t>(c) * w_row_bytes +
                        static_cast<std::size_t>(i) * size;
        std::memcpy(at, type == Weights::f32 ? static_cast<const void*>(&v) : &h, size);
      }
  }

  void fill_q8(Numbers& numbers) {
    w_row_bytes = static_cast<std::size_t>(n_in / kQ8Group) * sizeof(QBlockQ8_0);
    w.resize(w_row_bytes * static_cast<std::size_t>(n_out) + kOddBytes);
    for (int c = 0; c < n_out; ++c)
      for (int g = 0; g < n_in / kQ8Group; ++g) {
        QBlockQ8_0 block;
        block.d = f32_to_f16(numbers.between(0.001f, 0.01f));
        for (int i = 0; i < kQ8Group; ++i) {
          block.q[i] = static_cast<std::int8_t>(numbers.byte());  // -128 too: other writers of files use it
          if (g == 0 && i < 2) block.q[i] = -128;
          weights[static_cast<std::size_t>(c * n_in + g * kQ8Group + i)] = f16_to_f32(block.d) * block.q[i];
        }
        std::memcpy(w.data() + begin() + static_cast<std::size_t>(c) * w_row_bytes +
                        static_cast<std::size_t>(g) * sizeof(block),
                    &block, sizeof(block));
      }
    xq.resize(static_cast<std::size_t>(n_rows * n_in));
    xd.resize(static_cast<std::size_t>(n_rows * n_in / kQ8Group));
    for (int r = 0; r < n_rows; ++r)
      kernels_for(Isa::scalar)
          .quantize_q8(xq.data() + r * n_in, xd.data() + r * n_in / kQ8Group, x.data() + r * x_stride, n_in);
  }

  // f32 needs its own alignment, the others none.
  std::size_t begin() const { return type == Weights::f32 ? 0 : kOddBytes; }

  Matmul task(std::vector<float>& y) const {
    Matmul t;
    t.w = w.data() + begin();
    t.w_row_bytes = w_row_bytes;
    t.n_in = n_in;
    t.out_end = n_out;
    t.n_rows = n_rows;
    t.x = x.data();
    t.x_stride = x_stride;
    t.xq = xq.data();
    t.xd = xd.data();
    t.bias = bias.data();
    t.y = y.data();
    t.y_stride = y_stride;
    return t;
  }

  double input(int r, int i) const {  // what the product sees: activations are rounded for q8_0
    if (type != Weights::q8_0) return x[static_cast<std::size_t>(r * x_stride + i)];
    return static_cast<double>(xq[static_cast<std::size_t>(r * n_in + i)]) *
           xd[static_cast<std::size_t>((r * n_in + i) / kQ8Group)];
  }

  double exact(int r, int c, double& magnitude) const {
    double sum = bias[static_cast<std::size_t>(c)];
    magnitude = std::abs(sum);
    for (int i = 0; i < n_in; ++i) {
      const double term = input(r, i) * weights[static_cast<std::size_t>(c * n_in + i)];
      sum += term;
      magnitude += std::abs(term);
    }
    return sum;
  }
};

class DotTest : public test::OnEveryIsa {
 protected:
  void run(const Matmul& task, Weights type) const {
    (type == Weights::f32 ? k.matmul_f32 : type == Weights::f16 ? k.matmul_f16 : k.matmul_q8_0)(task);
  }
  template <class Body>
  static void for_each_product(Body body) {
    std::uint32_t seed = 1;
    for (const Weights type : {Weights::f32, Weights::f16, Weights::q8_0})
      for (const int n_in : {1, 5, 8, 31, 32, 33, 64, 96, 100, 160, 576})
        for (const int n_out : {1, 2, 3, 7, 8, 13})
          for (const int n_rows : {1, 2, 3, 4, 5, 11}) {
            if (type == Weights::q8_0 && n_in % kQ8Group != 0) continue;
            body(Product(type, n_in, n_out, n_rows, seed++));
          }
  }
};
SHRIKE_ON_EVERY_ISA(DotTest);

TEST_P(DotTest, products_are_near_the_exact_ones_and_nothing_else_is_written) {
  for_each_product([&](const Product& p) {
    std::vector<float> y = p.y0;
    run(p.task(y), p.type);
    for (int r = 0; r < p.n_rows; ++r)
      for (int c = 0; c < p.y_stride; ++c) {
        const auto at = static_cast<std::size_t>(r * p.y_stride + c);
        if (c >= p.n_out) {
          ASSERT_EQ(y[at], p.y0[at]) << "beyond the outputs";
          continue;
        }
        double magnitude = 0;
        const double exact = p.exact(r, c, magnitude);
        ASSERT_NEAR(y[at], exact, 4 * 0x1p-24 * std::sqrt(p.n_in) * magnitude + 1e-7)
            << static_cast<int>(p.type) << " in " << p.n_in << " out " << p.n_out << " rows " << p.n_rows;
      }
  });
}

TEST_P(DotTest, accumulating_adds_to_what_is_there) {
  for_each_product([&](const Product& p) {
    std::vector<float> fresh = p.y0, added = p.y0;
    run(p.task(fresh), p.type);
    Matmul task = p.task(added);
    task.accumulate = true;
    run(task, p.type);
    for (int r = 0; r < p.n_rows; ++r)
      for (int c = 0; c < p.n_out; ++c) {
        const auto at = static_cast<std::size_t>(r * p.y_stride + c);
        ASSERT_EQ(added[at], p.y0[at] + fresh[at]);
      }
  });
}

// Any cut of rows and outputs gives the same bits: so do threads and chunks of any number.
TEST_P(DotTest, cuts_change_no_bit) {
  Numbers numbers(9);
  for (const Weights type : {Weights::f32, Weights::f16, Weights::q8_0}) {
    const Product p(type, type == Weights::q8_0 ? 160 : 163, 29, 37, 77);
    std::vector<float> whole = p.y0;
    run(p.task(whole), type);
    for (int round = 0; round < 20; ++round) {
      std::vector<float> pieces = p.y0;
      for (int row = 0; row < p.n_rows;) {
        const int n_rows = std::min(1 + numbers.below(9), p.n_rows - row);
        for (int out = 0; out < p.n_out;) {
          const int n_out = std::min(1 + numbers.below(12), p.n_out - out);
          Matmul task = p.task(pieces);
          task.x += row * p.x_stride;
          task.xq += row * p.n_in;
          task.xd += row * p.n_in / kQ8Group;
          task.y += row * p.y_stride;
          task.n_rows = n_rows;
          task.out_begin = out;
          task.out_end = out + n_out;
          run(task, type);
          out += n_out;
        }
        row += n_rows;
      }
      ASSERT_EQ(pieces, whole) << static_cast<int>(type);
    }
  }
}

TEST_P(DotTest, extreme_integers_do_not_overflow) {
  constexpr int kIn = 4096;
  std::vector<std::byte> w(static_cast<std::size_t>(kIn / kQ8Group) * sizeof(QBlockQ8_0));
  std::vector<std::int8_t> xq(kIn);
  std::vector<float> xd(kIn / kQ8Group, 1.0f);
  for (const int weight : {-128, 127})
    for (const int activation : {-127, 127}) {
      for (int g = 0; g < kIn / kQ8Group; ++g) {
        QBlockQ8_0 block{f32_to_f16(1.0f), {}};
        std::fill(std::begin(block.q), std::end(block.q), static_cast<std::int8_t>(weight));
        std::memcpy(w.data() + static_cast<std::size_t>(g) * sizeof(block), &block, sizeof(block));
      }
      std::fill(xq.begin(), xq.end(), static_cast<std::int8_t>(activation));
      float y = 0;
      Matmul task;
      task.w = w.data();
      task.w_row_bytes = w.size();
      task.n_in = kIn;
      task.out_end = task.n_rows = task.y_stride = 1;
      task.xq = xq.data();
      task.xd = xd.data();
      task.y = &y;
      k.matmul_q8_0(task);
      EXPECT_EQ(y, static_cast<float>(weight * activation * kIn));
    }
}

TEST_P(DotTest, nothing_asked_nothing_written) {
  const Product p(Weights::f32, 40, 6, 3, 5);
  std::vector<float> y = p.y0;
  Matmul task = p.task(y);
  task.out_begin = task.out_end = 4;
  k.matmul_f32(task);
  task.out_begin = 0;
  task.n_rows = 0;
  k.matmul_f32(task);
  EXPECT_EQ(y, p.y0);
}

}  // namespace
}  // namespace shrike
