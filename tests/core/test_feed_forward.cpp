#include "core/model/feed_forward.hpp"

#include <cmath>
#include <memory>
#include <string>

#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/random_qblocks.hpp"

namespace shrike {
namespace {

constexpr int kDim = 96;  // not a whole block of 128

struct Matrix {
  test::Bytes bytes;
  MatrixView view;
  std::vector<float> numbers;  // [n_rows][n_cols]

  Matrix(DType type, int n_rows, int n_cols, std::uint32_t seed) {
    const std::size_t n = static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(n_cols);
    bytes = test::random_qblocks(type, n, seed);
    view = {bytes.data(), type, n_rows, n_cols, bytes.size() / static_cast<std::size_t>(n_rows)};
    numbers.resize(n);
    const Kernels scalar = kernels_for(Isa::scalar);
    for (int r = 0; r < n_rows; ++r)
      matrix_row(scalar, view, r, numbers.data() + static_cast<std::ptrdiff_t>(r) * n_cols);
  }
  std::vector<double> times(const std::vector<double>& x) const {
    std::vector<double> y(static_cast<std::size_t>(view.n_rows));
    for (std::size_t r = 0; r < y.size(); ++r)
      for (std::size_t i = 0; i < x.size(); ++i) y[r] += numbers[r * x.size() + i] * x[i];
    return y;
  }
};

// A feed-forward of given types, with and without a gate, and as much memory as it was promised.
struct Net {
  Matrix gate, up, down;
  bool gated;
  std::vector<float> bias;

  Net(DType up_type, DType down_type, int n_ff, bool gated)
      : gate(up_type, n_ff, kDim, 1),
        up(up_type, n_ff, kDim, 2),
        down(down_type, kDim, n_ff, 3),
        gated(gated),
        bias(test::Numbers(4).floats(static_cast<std::size_t>(n_ff))) {}

  int n_ff() const { return up.view.n_rows; }

  std::vector<double> obvious(const float* row) const {
    const std::vector<double> x(row, row + kDim);
    std::vector<double> between = up.times(x);
    const std::vector<double> gates = gate.times(x);
    for (std::size_t i = 0; i < between.size(); ++i) {
      if (gated) {
        between[i] *= gates[i] / (1 + std::exp(-gates[i]));
      } else {
        const double v = between[i] + static_cast<double>(bias[i]);
        between[i] = v / (1 + std::exp(-1.702 * v));
      }
    }
    return down.times(between);
  }

  // 1 + feed-forward of x, in a room of at least so many rows of n_ff floats for gate and up.
  std::vector<float> run(const Kernels& k, int n_threads, const std::vector<float>& x, int n_rows,
                         int room_rows) const {
    Threads threads(n_threads);
    Compute compute{k, threads, {}, {}};
    const Compute::Size sizes[] = {{n_rows, kDim}, {room_rows, n_ff()}};
    std::span<float> room;
    const auto lay_out = [&](Arena& arena) {
      const std::size_t n =
          std::max(feed_forward_room(k, n_rows, n_ff()), static_cast<std::size_t>(2 * room_rows * n_ff()));
      room = {arena.take<float>("room", n), n};
      compute.lay_out(arena, "products", sizes);
    };
    Arena measure;
    lay_out(measure);
    Arena arena = Arena::reserve(measure, {}).value();
    lay_out(arena);
    std::vector<float> y(x.size(), 1.0f);
    const FeedForward f{{gated ? gate.view : MatrixView{}, nullptr},
                        {up.view, gated ? nullptr : bias.data()},
                        gated ? Activation::silu : Activation::gelu_quick,
                        {down.view, nullptr, y.data(), true}};
    feed_forward(compute, x.data(), n_rows, f, room);
    return y;
  }
};

class FeedForwardTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(FeedForwardTest);

void expect_obvious(const Kernels& k, const Net& net, int n_rows, int room_rows) {
  const std::vector<float> x = test::Numbers(7).floats(static_cast<std::size_t>(n_rows * kDim), -4.0f, 4.0f);
  const std::vector<float> y = net.run(k, 1, x, n_rows, room_rows);
  double square = 0, wanted = 0;
  for (int row = 0; row < n_rows; ++row) {
    const std::vector<double> want = net.obvious(x.data() + static_cast<std::ptrdiff_t>(row) * kDim);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double off = y[static_cast<std::size_t>(row * kDim) + i] - 1.0 - want[i];
      square += off * off;
      wanted += want[i] * want[i];
    }
  }
  // Bytes are off by about 0.3 % of a block's largest number, twice.
  EXPECT_LE(std::sqrt(square / wanted), is_quantised(net.up.view.type) ? 2e-2 : 2e-3);
}

TEST_P(FeedForwardTest, equals_the_obvious_version_over_types_and_odd_sizes) {
  for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q4_0})
    for (const int n_ff : {32, 160, 416})
      for (const bool gated : {false, true}) {
        const Net net(type, type, n_ff, gated);
        for (const int n_rows : {1, 2, 7, 50}) {
          SCOPED_TRACE(std::string(dtype_info(type).name) + " " + std::to_string(n_ff) + " " +
                       std::to_string(n_rows) + (gated ? " gated" : ""));
          expect_obvious(k, net, n_rows, 25);
        }
      }
}

// More inputs of `down` than go over panels together, and weights of which some are packed as bytes and some not.
TEST_P(FeedForwardTest, takes_long_rows_and_mixed_types) {
  expect_obvious(k, Net(DType::q8_0, DType::q8_0, 3104, true), 3, 2);
  expect_obvious(k, Net(DType::q8_0, DType::f16, 416, true), 9, 5);
  expect_obvious(k, Net(DType::q8_0, DType::q4_0, 416, false), 9, 5);
}

TEST_P(FeedForwardTest, is_the_same_bits_for_any_number_of_threads_and_any_room) {
  for (const DType type : {DType::f16, DType::q8_0}) {
    const Net net(type, type, 416, true);
    constexpr int kRows = 61;
    const std::vector<float> x = test::Numbers(9).floats(static_cast<std::size_t>(kRows * kDim));
    const std::vector<float> one = net.run(k, 1, x, kRows, kRows);
    EXPECT_EQ(net.run(k, 2, x, kRows, kRows), one);
    EXPECT_EQ(net.run(k, 4, x, kRows, 30), one);
    EXPECT_EQ(net.run(k, 1, x, kRows, 20), one);
  }
}

}  // namespace
}  // namespace shrike
