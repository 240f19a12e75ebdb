// Every quantised type on every set: random qblocks in buffers of exactly their size, at an even address that is
// no better.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "platform/kernels/groups.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

constexpr DType kTypes[] = {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,  DType::q8_0,
                            DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl};

struct Shape {
  std::size_t block_bytes = 0;
  int block_weights = 0;
  bool minimum = false, two_scales = false;
};
Shape shape_of(DType type) {
  Shape s;
  with_qblock(type, [&]<class Block>() {
    s = {sizeof(Block), QType<Block>::kGroups * kQ8Group, QType<Block>::kMinimum, QType<Block>::kScales == 2};
  });
  return s;
}

// Any bits are a qblock; only the halves that are scales are made ordinary numbers.
template <class Block>
void set_scales(std::byte* at, Numbers& numbers) {
  const auto put = [&](std::size_t offset) {
    const f16 d = f32_to_f16(numbers.between(-0.01f, 0.01f));
    std::memcpy(at + offset, &d, sizeof(d));
  };
  put(offsetof(Block, d));
  if constexpr (QType<Block>::kMinimum) put(offsetof(Block, d) + sizeof(f16));
}

// n weights in each of n_rows rows.
struct QMatrix {
  DType type;
  std::size_t row_bytes;
  std::vector<std::uint16_t> halves;  // even addresses, and an allocation of exactly this size

  QMatrix(DType t, int n, int n_rows, Numbers& numbers) : type(t) {
    const Shape s = shape_of(t);
    const std::size_t n_blocks = static_cast<std::size_t>(n / s.block_weights);
    row_bytes = n_blocks * s.block_bytes;
    halves.resize(row_bytes * static_cast<std::size_t>(n_rows) / 2 + 1);
    for (std::uint16_t& v : halves) v = static_cast<std::uint16_t>(numbers.byte() << 8 | numbers.byte());
    for (std::size_t b = 0; b < n_blocks * static_cast<std::size_t>(n_rows); ++b)
      with_qblock(t, [&]<class Block>() { set_scales<Block>(data() + b * s.block_bytes, numbers); });
  }
  std::byte* data() { return reinterpret_cast<std::byte*>(halves.data() + 1); }
  const std::byte* row(int r) const {
    return reinterpret_cast<const std::byte*>(halves.data() + 1) + static_cast<std::size_t>(r) * row_bytes;
  }
  std::vector<Group> groups(int r, int n) const {
    std::vector<Group> out(static_cast<std::size_t>(n / kQ8Group));
    unpack(type, row(r), 0, n / kQ8Group, out.data());
    return out;
  }
};

class QuantsTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(QuantsTest);

TEST_P(QuantsTest, unpacking_gives_the_groups_of_the_reference) {
  Numbers numbers(21);
  for (const DType type : kTypes) {
    const int n = shape_of(type).block_weights * 3;
    const QMatrix m(type, n, 1, numbers);
    const auto all = m.groups(0, n);
    const int n_groups = n / kQ8Group;
    for (int first = 0; first < n_groups; ++first)
      for (int count = 0; first + count <= n_groups; ++count) {
        std::vector<Group> got(static_cast<std::size_t>(count) + 1);
        std::memset(got.data(), 0x5A, got.size() * sizeof(Group));
        const Group guard = got.back();
        k.unpack(type, m.row(0), first, count, got.data());
        ASSERT_EQ(
            std::memcmp(got.data(), all.data() + first, static_cast<std::size_t>(count) * sizeof(Group)), 0)
            << static_cast<int>(type) << " " << first << " " << count;
        ASSERT_EQ(std::memcmp(&got.back(), &guard, sizeof(Group)), 0);
      }
  }
}

TEST_P(QuantsTest, a_row_becomes_the_same_floats_everywhere) {
  Numbers numbers(22);
  for (const DType type : kTypes)
    for (const int n_blocks : {0, 1, 2, 5}) {
      const int n = shape_of(type).block_weights * n_blocks;
      const QMatrix m(type, n, 1, numbers);
      std::vector<float> got(static_cast<std::size_t>(n) + 1, 7.0f);
      k.quants_to_f32(type, got.data(), m.row(0), n);
      const auto groups = m.groups(0, n);
      for (int i = 0; i < n; ++i) {
        const Group& g = groups[static_cast<std::size_t>(i / kQ8Group)];
        const int half = i / 16 % 2;
        const float scaled = g.d[half] * g.q[i % kQ8Group];
        ASSERT_EQ(got[static_cast<std::size_t>(i)], scaled + g.m[half]) << static_cast<int>(type) << " " << i;
      }
      EXPECT_EQ(got.back(), 7.0f);
    }
}

TEST_P(QuantsTest, bf16_becomes_its_float) {
  for (int n = 0; n < 40; ++n) {
    std::vector<bf16> x(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i)
      x[static_cast<std::size_t>(i)].bits = static_cast<std::uint16_t>(i * 1637 + n);
    std::vector<float> got(x.size() + 1, 7.0f);
    k.bf16_to_f32(got.data(), x.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i)
      EXPECT_EQ(std::bit_cast<std::uint32_t>(got[i]), static_cast<std::uint32_t>(x[i].bits) << 16);
    EXPECT_EQ(got.back(), 7.0f);
  }
}

TEST_P(QuantsTest, sums_are_of_sixteen) {
  Numbers numbers(23);
  for (const int n_sums : {0, 1, 2, 3, 36}) {
    std::vector<std::int8_t> q(static_cast<std::size_t>(n_sums * kQ8Sum));
    for (std::int8_t& v : q) v = static_cast<std::int8_t>(numbers.below(255) - 127);
    std::vector<std::int32_t> got(static_cast<std::size_t>(n_sums) + 1, 99);
    k.q8_sums(got.data(), q.data(), n_sums * kQ8Sum);
    for (int i = 0; i < n_sums; ++i) {
      int sum = 0;
      for (int l = 0; l < kQ8Sum; ++l) sum += q[static_cast<std::size_t>(i * kQ8Sum + l)];
      EXPECT_EQ(got[static_cast<std::size_t>(i)], sum);
    }
    EXPECT_EQ(got.back(), 99);
  }
}

// A product with its operands, and guard numbers around the output.
struct Product {
  int n_in, n_out, n_rows, y_stride;
  Shape shape;
  QMatrix w;
  std::vector<std::int8_t> xq;
  std::vector<float> xd, bias, y0;
  std::vector<std::int32_t> xsum;
  std::vector<std::vector<Group>> groups;  // what w says, [n_out][n_in / 32]

  Product(DType type, int in, int out, int rows, Numbers& numbers)
      : n_in(in),
        n_out(out),
        n_rows(rows),
        y_stride(out + 2),
        shape(shape_of(type)),
        w(type, in, out, numbers) {
    const std::size_t n = static_cast<std::size_t>(in * rows);
    const auto x = numbers.floats(n);
    xq.resize(n);
    xd.resize(n / kQ8Group);
    xsum.resize(n / kQ8Sum);
    const Kernels scalar = kernels_for(Isa::scalar);
    scalar.quantize_q8(xq.data(), xd.data(), x.data(), static_cast<int>(n));
    scalar.q8_sums(xsum.data(), xq.data(), static_cast<int>(n));
    for (int c = 0; c < out; ++c) groups.push_back(w.groups(c, in));
    bias = numbers.floats(static_cast<std::size_t>(out));
    y0 = numbers.floats(static_cast<std::size_t>(rows * y_stride));
  }
  Matmul task(std::vector<float>& y) const {
    Matmul t;
    t.w = w.row(0);
    t.w_row_bytes = w.row_bytes;
    t.n_in = n_in;
    t.out_end = n_out;
    t.n_rows = n_rows;
    t.xq = xq.data();
    t.xd = xd.data();
    t.xsum = xsum.data();
    t.bias = bias.data();
    t.y = y.data();
    t.y_stride = y_stride;
    return t;
  }
  double exact(int r, int c, double& magnitude) const {
    double sum = bias[static_cast<std::size_t>(c)];
    magnitude = std::abs(sum);
    for (int i = 0; i < n_in; ++i) {
      const Group& g = groups[static_cast<std::size_t>(c)][static_cast<std::size_t>(i / kQ8Group)];
      const int half = i / 16 % 2;
      const double weight =
          static_cast<double>(g.d[half]) * g.q[i % kQ8Group] + static_cast<double>(g.m[half]);
      const std::size_t at = static_cast<std::size_t>(r * n_in + i);
      sum += weight * xq[at] * static_cast<double>(xd[at / kQ8Group]);
      // a group's products and its minimums are summed apart
      magnitude += (std::abs(static_cast<double>(g.d[half]) * g.q[i % kQ8Group]) +
                    std::abs(static_cast<double>(g.m[half]))) *
                   std::abs(xq[at] * static_cast<double>(xd[at / kQ8Group]));
    }
    return sum;
  }
  // The very order that kernels.hpp promises.
  float in_order(int r, int c) const {
    float sum = 0;
    for (int g = 0; g < n_in / kQ8Group; ++g) {
      const Group& group = groups[static_cast<std::size_t>(c)][static_cast<std::size_t>(g)];
      const std::size_t at = static_cast<std::size_t>(r * n_in / kQ8Group + g);
      int dot[2] = {}, n = 0;
      for (int i = 0; i < kQ8Group; ++i) {
        const int q = xq[at * kQ8Group + static_cast<std::size_t>(i)];
        dot[i / 16] += q * group.q[i];
        n += q;
      }
      if (shape.two_scales) {
        for (int half = 0; half < 2; ++half)
          sum = std::fma(static_cast<float>(dot[half]), group.d[half] * xd[at], sum);
      } else {
        sum = std::fma(static_cast<float>(dot[0] + dot[1]), group.d[0] * xd[at], sum);
        if (shape.minimum) sum = std::fma(group.m[0], xd[at] * static_cast<float>(n), sum);
      }
    }
    return sum + bias[static_cast<std::size_t>(c)];
  }
};

template <class Body>
void for_each_product(Body body) {
  Numbers numbers(31);
  for (const DType type : kTypes)
    for (const int n_blocks : {1, 2, 5})
      for (const int n_out : {1, 3, 4, 8, 9, 15})
        for (const int n_rows : {1, 2, 4, 7})
          body(type, Product(type, shape_of(type).block_weights * n_blocks, n_out, n_rows, numbers));
}

TEST_P(QuantsTest, products_are_near_the_exact_ones_and_nothing_else_is_written) {
  for_each_product([&](DType type, const Product& p) {
    std::vector<float> y = p.y0;
    k.matmul_quants(type, p.task(y));
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
            << static_cast<int>(type) << " in " << p.n_in << " out " << p.n_out << " rows " << p.n_rows;
      }
  });
}

TEST_P(QuantsTest, vector_sets_sum_in_the_promised_order) {
  if (GetParam() == Isa::scalar) return;  // which has no fma to spend
  for_each_product([&](DType type, const Product& p) {
    std::vector<float> y = p.y0;
    k.matmul_quants(type, p.task(y));
    for (int r = 0; r < p.n_rows; ++r)
      for (int c = 0; c < p.n_out; ++c)
        ASSERT_EQ(y[static_cast<std::size_t>(r * p.y_stride + c)], p.in_order(r, c))
            << static_cast<int>(type) << " in " << p.n_in << " out " << c << " row " << r;
  });
}

TEST_P(QuantsTest, accumulating_adds_to_what_is_there_and_a_bias_may_be_missing) {
  for_each_product([&](DType type, const Product& p) {
    std::vector<float> fresh = p.y0, added = p.y0;
    Matmul task = p.task(fresh);
    task.bias = nullptr;
    k.matmul_quants(type, task);
    task = p.task(added);
    task.bias = nullptr;
    task.accumulate = true;
    k.matmul_quants(type, task);
    for (int r = 0; r < p.n_rows; ++r)
      for (int c = 0; c < p.n_out; ++c) {
        const auto at = static_cast<std::size_t>(r * p.y_stride + c);
        ASSERT_EQ(added[at], p.y0[at] + fresh[at]);
      }
  });
}

// Any cut of rows and outputs gives the same bits: so do threads and chunks of any number.
TEST_P(QuantsTest, cuts_change_no_bit) {
  Numbers numbers(9);
  for (const DType type : kTypes) {
    const Product p(type, shape_of(type).block_weights * 3, 29, 37, numbers);
    std::vector<float> whole = p.y0;
    k.matmul_quants(type, p.task(whole));
    for (int round = 0; round < 10; ++round) {
      std::vector<float> pieces = p.y0;
      for (int row = 0; row < p.n_rows;) {
        const int n_rows = std::min(1 + numbers.below(9), p.n_rows - row);
        for (int out = 0; out < p.n_out;) {
          const int n_out = std::min(1 + numbers.below(12), p.n_out - out);
          Matmul task = p.task(pieces);
          task.xq += row * p.n_in;
          task.xd += row * p.n_in / kQ8Group;
          task.xsum += row * p.n_in / kQ8Sum;
          task.y += row * p.y_stride;
          task.n_rows = n_rows;
          task.out_begin = out;
          task.out_end = out + n_out;
          k.matmul_quants(type, task);
          out += n_out;
        }
        row += n_rows;
      }
      ASSERT_EQ(pieces, whole) << static_cast<int>(type);
    }
  }
}

// The largest quants there are, all of one sign or taking turns, with the largest activations.
TEST_P(QuantsTest, extreme_integers_do_not_overflow) {
  Numbers numbers(1);
  for (const DType type : kTypes)
    for (const int fill : {0x00, 0xFF, 0x0F, 0xF0, 0x80, 0x7F})
      for (const int activation : {-127, 127}) {
        Product p(type, shape_of(type).block_weights * 2, 9, 5, numbers);
        std::memset(p.w.data(), fill, p.w.row_bytes * 9);
        for (std::size_t b = 0; b < p.w.row_bytes * 9; b += p.shape.block_bytes)
          with_qblock(type, [&]<class Block>() { set_scales<Block>(p.w.data() + b, numbers); });
        for (int c = 0; c < p.n_out; ++c) p.groups[static_cast<std::size_t>(c)] = p.w.groups(c, p.n_in);
        std::fill(p.xq.begin(), p.xq.end(), static_cast<std::int8_t>(activation));
        kernels_for(Isa::scalar).q8_sums(p.xsum.data(), p.xq.data(), static_cast<int>(p.xq.size()));
        std::vector<float> y = p.y0;
        k.matmul_quants(type, p.task(y));
        for (int c = 0; c < p.n_out; ++c) {
          double magnitude = 0;
          const double exact = p.exact(4, c, magnitude);
          ASSERT_NEAR(y[static_cast<std::size_t>(4 * p.y_stride + c)], exact, 1e-5 * magnitude)
              << static_cast<int>(type) << " " << fill;
        }
      }
}

TEST_P(QuantsTest, nothing_asked_nothing_written) {
  Numbers numbers(5);
  const Product p(DType::q4_0, 64, 6, 3, numbers);
  std::vector<float> y = p.y0;
  Matmul task = p.task(y);
  task.out_begin = task.out_end = 4;
  k.matmul_quants(DType::q4_0, task);
  task.out_begin = 0;
  task.n_rows = 0;
  k.matmul_quants(DType::q4_0, task);
  EXPECT_EQ(y, p.y0);
}

}  // namespace
}  // namespace shrike
