#include "camera/preprocess.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <vector>

#include "tests/support/alloc_guard.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

using test::Numbers;

// Memory of exactly the size asked for, so that a sanitizer sees the first byte too many; filled with junk.
struct Memory {
  explicit Memory(std::size_t bytes) : data(static_cast<std::byte*>(std::aligned_alloc(64, bytes))) {
    for (std::size_t i = 0; i < bytes; ++i) data.get()[i] = std::byte{0xA5};
  }
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data;
};

struct Picture {
  int width, height;
  std::vector<std::uint8_t> pixels;

  // The formula of pillow_golden.py: left half noise, right half a slope with hard edges.
  Picture(int w, int h) : width(w), height(h) {
    for (std::uint32_t y = 0; y < static_cast<std::uint32_t>(h); ++y)
      for (std::uint32_t x = 0; x < static_cast<std::uint32_t>(w); ++x)
        for (std::uint32_t c = 0; c < 3; ++c) {
          const std::uint32_t noise =
              ((x * 73856093u) ^ (y * 19349663u) ^ (c * 83492791u)) * 2654435761u >> 24;
          const std::uint32_t slope = x * (c + 1) + y * 2;
          pixels.push_back(static_cast<std::uint8_t>(2 * x < static_cast<std::uint32_t>(w) ? noise : slope));
        }
  }
  Frame frame() const {
    return {.pixels = pixels.data(),
            .width = width,
            .height = height,
            .stride = 3 * static_cast<std::size_t>(width)};
  }
};

// A preprocessor with its memory and its output, whose values are the resampled bytes themselves.
struct Bench {
  Memory memory;
  Preprocessor preprocess;
  std::vector<float> planes;
  ImageInput out;

  Bench(const Kernels& k, int width_max, int height_max, int side, Filter filter, int across_max = 1)
      : memory(Preprocessor::bytes_needed(width_max, height_max, side, filter, across_max)),
        preprocess(k, memory.data.get(), width_max, height_max, side, filter, across_max),
        planes(static_cast<std::size_t>(3 * side * side), -1.0f),
        out{.planes = planes.data(), .side = side, .scale = {1, 1, 1}, .shift = {0, 0, 0}} {}

  std::vector<std::uint8_t> bytes() const {  // [side][side][3], as Pillow has them
    const std::size_t n = planes.size() / 3;
    std::vector<std::uint8_t> rgb;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t c = 0; c < 3; ++c) rgb.push_back(static_cast<std::uint8_t>(planes[c * n + i]));
    return rgb;
  }
};

std::uint64_t fnv1a(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t value = 0xCBF29CE484222325u;
  for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001B3u;
  return value;
}

class PreprocessTest : public test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(PreprocessTest);

constexpr Filter kFilters[] = {Filter::bilinear, Filter::bicubic, Filter::lanczos};

TEST_P(PreprocessTest, gives_the_bytes_of_pillow) {
  const Picture picture(5, 3);
  const std::vector<std::uint8_t> expected[] = {
      {84, 98, 143, 32, 17, 23, 139, 108, 93, 46, 43, 33},
      {84, 100, 152, 30, 10, 14, 149, 111, 93, 42, 42, 30},
      {83, 99, 155, 32, 8, 8, 153, 112, 92, 42, 47, 30},
  };
  for (const Filter filter : kFilters) {
    Bench bench(k, 5, 3, 2, filter);
    ASSERT_TRUE(bench.preprocess(picture.frame(), bench.out));
    EXPECT_EQ(bench.bytes(), expected[static_cast<int>(filter)]) << static_cast<int>(filter);
  }
}

struct Golden {
  int width, height, side;
  Filter filter;
  std::uint64_t hash;
};
constexpr Golden kGolden[] = {
    // clang-format off
    {1, 1, 8, Filter::bilinear, 0x444490e3dfee9a65},
    {1, 1, 8, Filter::bicubic, 0x444490e3dfee9a65},
    {1, 1, 8, Filter::lanczos, 0x444490e3dfee9a65},
    {2, 1, 3, Filter::bilinear, 0xad050bd13c4776f4},
    {2, 1, 3, Filter::bicubic, 0x3a74b54fdc669550},
    {2, 1, 3, Filter::lanczos, 0x7a3a37ee66c2d497},
    {5, 3, 4, Filter::bilinear, 0x4c3b8d781c7d82af},
    {5, 3, 4, Filter::bicubic, 0x029eb99c9822776b},
    {5, 3, 4, Filter::lanczos, 0x9af9705bd4707566},
    {8, 8, 8, Filter::bilinear, 0xfed8da09539b4639},
    {8, 8, 8, Filter::bicubic, 0xfed8da09539b4639},
    {8, 8, 8, Filter::lanczos, 0xfed8da09539b4639},
    {13, 11, 8, Filter::bilinear, 0x527c3297f9297b29},
    {13, 11, 8, Filter::bicubic, 0xda33f197b21a19a4},
    {13, 11, 8, Filter::lanczos, 0x52ff657013fb43c4},
    {7, 40, 16, Filter::bilinear, 0x21d4c036f06a78b5},
    {7, 40, 16, Filter::bicubic, 0x0dd50d3a85b0b80f},
    {7, 40, 16, Filter::lanczos, 0xdf4b0fa3c91285e5},
    {100, 37, 96, Filter::bilinear, 0x971c3fd46f9ba82a},
    {100, 37, 96, Filter::bicubic, 0x0b344e67b3a71fd9},
    {100, 37, 96, Filter::lanczos, 0x3ffee77ef526cca2},
    {64, 48, 16, Filter::bilinear, 0x99c1ba26d7699dec},
    {64, 48, 16, Filter::bicubic, 0x08ad0e19c4e1fb81},
    {64, 48, 16, Filter::lanczos, 0x941cf047792143f2},
    {320, 240, 64, Filter::bilinear, 0xddec8a84905d301b},
    {320, 240, 64, Filter::bicubic, 0xc3c36a52d64a07af},
    {320, 240, 64, Filter::lanczos, 0x1bba0e80dd354d4f},
    {641, 479, 224, Filter::bilinear, 0xd3457966ceaebefb},
    {641, 479, 224, Filter::bicubic, 0x5daaea1c22adc0fb},
    {641, 479, 224, Filter::lanczos, 0x4a0fe3e655455bb3},
    {1280, 720, 512, Filter::bilinear, 0xcfca95c35976f7c4},
    {1280, 720, 512, Filter::bicubic, 0xa1d6fb6647382f7d},
    {1280, 720, 512, Filter::lanczos, 0x42790408ea668f66},
    {1919, 1080, 384, Filter::bilinear, 0x7c64d9572a3c6e99},
    {1919, 1080, 384, Filter::bicubic, 0xb2751dc24d4d7379},
    {1919, 1080, 384, Filter::lanczos, 0x71967e5edfdd739d},
    // clang-format on
};

TEST_P(PreprocessTest, gives_the_bytes_of_pillow_at_every_shape) {
  for (const Golden& golden : kGolden) {
    const Picture picture(golden.width, golden.height);
    Bench bench(k, golden.width, golden.height, golden.side, golden.filter);
    ASSERT_TRUE(bench.preprocess(picture.frame(), bench.out));
    EXPECT_EQ(fnv1a(bench.bytes()), golden.hash)
        << golden.width << " x " << golden.height << " to " << golden.side << ", filter "
        << static_cast<int>(golden.filter);
  }
}

TEST_P(PreprocessTest, follows_frames_of_changing_size) {
  constexpr int kSizes[][2] = {{64, 48}, {1, 1},     {200, 3},  {3, 150},
                               {64, 48}, {200, 150}, {33, 150}, {64, 48}};
  for (const Filter filter : kFilters) {
    Bench bench(k, 200, 150, 24, filter);
    for (const auto& size : kSizes) {
      const Picture picture(size[0], size[1]);
      Bench fresh(k, size[0], size[1], 24, filter);
      ASSERT_TRUE(bench.preprocess(picture.frame(), bench.out));
      ASSERT_TRUE(fresh.preprocess(picture.frame(), fresh.out));
      EXPECT_EQ(bench.planes, fresh.planes) << size[0] << " x " << size[1];
    }
  }
}

TEST_P(PreprocessTest, reads_rows_at_their_stride) {
  const Picture picture(37, 29);
  const std::size_t dense = 37 * 3, stride = dense + 13;
  std::vector<std::uint8_t> padded(28 * stride + dense, 0xEE);
  for (std::size_t y = 0; y < 29; ++y)
    std::copy_n(picture.pixels.begin() + static_cast<std::ptrdiff_t>(y * dense), dense,
                padded.begin() + static_cast<std::ptrdiff_t>(y * stride));
  Bench expected(k, 64, 64, 16, Filter::bicubic), got(k, 64, 64, 16, Filter::bicubic);
  ASSERT_TRUE(expected.preprocess(picture.frame(), expected.out));
  Frame frame = picture.frame();
  frame.pixels = padded.data();
  frame.stride = stride;
  ASSERT_TRUE(got.preprocess(frame, got.out));
  EXPECT_EQ(got.planes, expected.planes);
}

TEST_P(PreprocessTest, normalises_each_channel) {
  const Picture picture(40, 30);
  Bench raw(k, 40, 30, 16, Filter::lanczos), scaled(k, 40, 30, 16, Filter::lanczos);
  ASSERT_TRUE(raw.preprocess(picture.frame(), raw.out));
  const float scale[3] = {0.5f, 0.25f, 2.0f}, shift[3] = {-1.0f, 0.5f, 3.0f};
  std::copy_n(scale, 3, scaled.out.scale);
  std::copy_n(shift, 3, scaled.out.shift);
  ASSERT_TRUE(scaled.preprocess(picture.frame(), scaled.out));
  for (std::size_t i = 0; i < raw.planes.size(); ++i) {
    const std::size_t c = i / 256;
    ASSERT_EQ(scaled.planes[i], raw.planes[i] * scale[c] + shift[c]) << i;
  }
}

// Whatever comes within the plan, on memory of exactly the planned size; a sanitizer watches.
TEST_P(PreprocessTest, stays_in_its_memory_for_every_frame_within_the_plan) {
  Numbers numbers(21);
  for (int plan = 0; plan < 40; ++plan) {
    const int width_max = 1 + numbers.below(90), height_max = 1 + numbers.below(90),
              side = 1 + numbers.below(40);
    Bench bench(k, width_max, height_max, side, kFilters[plan % 3]);
    for (int i = 0; i < 8; ++i) {
      const bool largest = i == 0;
      Picture picture(largest ? width_max : 1 + numbers.below(width_max),
                      largest ? height_max : 1 + numbers.below(height_max));
      std::fill(picture.pixels.begin(), picture.pixels.end(), std::uint8_t{200});
      ASSERT_TRUE(bench.preprocess(picture.frame(), bench.out));
      // A flat picture stays flat: the weights of every output sum to one.
      for (const float v : bench.planes) ASSERT_EQ(v, 200.0f) << plan << " " << i;
    }
  }
}

TEST_P(PreprocessTest, refuses_what_is_no_frame_and_writes_nothing) {
  const Picture picture(40, 30);
  Bench bench(k, 40, 30, 16, Filter::bicubic);
  const auto refused = [&](auto change) {
    Frame frame = picture.frame();
    change(frame);
    return !bench.preprocess(frame, bench.out);
  };
  EXPECT_TRUE(refused([](Frame& f) { f.pixels = nullptr; }));
  EXPECT_TRUE(refused([](Frame& f) { f.width = 0; }));
  EXPECT_TRUE(refused([](Frame& f) { f.height = 0; }));
  EXPECT_TRUE(refused([](Frame& f) { f.width = -40; }));
  EXPECT_TRUE(refused([](Frame& f) { f.height = -1; }));
  EXPECT_TRUE(refused([](Frame& f) {
    f.width = 41;
    f.stride = 123;
  }));
  EXPECT_TRUE(refused([](Frame& f) { f.height = 31; }));
  EXPECT_TRUE(refused([](Frame& f) { f.stride = 119; }));
  for (const float v : bench.planes) ASSERT_EQ(v, -1.0f);
  EXPECT_FALSE(refused([](Frame&) {}));
}

TEST_P(PreprocessTest, allocates_nothing_even_when_the_size_changes) {
  if (!test::alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  const Picture small(20, 30), large(80, 60);
  Bench bench(k, 80, 60, 16, Filter::lanczos);
  const test::AllocGuard guard;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(bench.preprocess((i % 2 == 0 ? small : large).frame(), bench.out));
  EXPECT_EQ(guard.made(), 0u);
}

TEST_P(PreprocessTest, tiles_are_pieces_of_the_picture_stretched_as_a_whole) {
  const auto tile_of = [](const std::vector<std::uint8_t>& whole, int n, int row, int column, int side) {
    std::vector<std::uint8_t> piece;
    for (int y = row * side; y < (row + 1) * side; ++y) {
      const auto from = whole.begin() + 3 * (static_cast<std::ptrdiff_t>(y) * n * side + column * side);
      piece.insert(piece.end(), from, from + 3 * side);
    }
    return piece;
  };
  constexpr int kSide = 8;
  for (const auto& [width, height] : {std::pair(50, 37), std::pair(9, 70), std::pair(3, 2)})
    for (const Filter filter : kFilters) {
      const Picture picture(width, height);
      Bench tiles(k, 80, 80, kSide, filter, 3);
      for (const int n : {3, 2}) {
        Bench large(k, 80, 80, n * kSide, filter), small(k, 80, 80, kSide, filter);
        ASSERT_TRUE(large.preprocess(picture.frame(), large.out));
        ASSERT_TRUE(small.preprocess(picture.frame(), small.out));
        const TileGrid grid{n, n};
        for (int tile = 0; tile < n * n; ++tile) {
          ASSERT_TRUE(tiles.preprocess(picture.frame(), tiles.out, grid, tile));
          EXPECT_EQ(tiles.bytes(), tile_of(large.bytes(), n, tile / n, tile % n, kSide)) << n << " " << tile;
        }
        ASSERT_TRUE(tiles.preprocess(picture.frame(), tiles.out, grid, n * n));
        EXPECT_EQ(tiles.bytes(), small.bytes()) << "the last is the whole picture";
      }
    }
}

// A picture of its own size in strips of a tile's width is what its tiles are, put together.
TEST_P(PreprocessTest, a_picture_of_its_own_size_is_its_tiles_put_together) {
  constexpr int kSide = 8, kRows = 2, kColumns = 5, kWidth = kColumns * kSide, kHeight = kRows * kSide;
  const TileGrid own{0, 0, kWidth, kHeight}, cut{kRows, kColumns};
  for (const auto& [width, height] : {std::pair(50, 37), std::pair(9, 70), std::pair(80, 3)})
    for (const Filter filter : kFilters) {
      const Picture picture(width, height);
      Bench tiles(k, 80, 80, kSide, filter, kColumns);
      const Preprocessor::Whole whole{kSide, kWidth};
      const Memory memory(Preprocessor::bytes_needed(80, 80, kSide, filter, 1, whole));
      Preprocessor preprocess(k, memory.data.get(), 80, 80, kSide, filter, 1, whole);
      std::vector<float> planes(std::size_t{3} * kWidth * kHeight, -1.0f);
      ImageInput out = tiles.out;
      out.planes = planes.data();
      ASSERT_TRUE(preprocess(picture.frame(), out, own));
      for (int tile = 0; tile < kRows * kColumns; ++tile) {
        ASSERT_TRUE(tiles.preprocess(picture.frame(), tiles.out, cut, tile));
        const int left = tile % kColumns * kSide, top = tile / kColumns * kSide;
        for (int c = 0; c < 3; ++c)
          for (int y = 0; y < kSide; ++y)
            for (int x = 0; x < kSide; ++x)
              ASSERT_EQ(planes[static_cast<std::size_t>((c * kHeight + top + y) * kWidth + left + x)],
                        tiles.planes[static_cast<std::size_t>((c * kSide + y) * kSide + x)])
                  << width << " x " << height << " tile " << tile;
      }
    }
}

// In a letterbox the picture is what it would be alone at that size, in the middle of a margin.
TEST_P(PreprocessTest, a_letterbox_keeps_the_pictures_ratio) {
  constexpr int kSide = 16;
  struct Case {
    int width, height, inner_width, inner_height;
  };
  for (const Case& c : {Case{40, 20, 16, 8}, Case{20, 40, 8, 16}, Case{30, 30, 16, 16}, Case{80, 1, 16, 1},
                        Case{3, 2, 16, 11}}) {
    const Picture picture(c.width, c.height);
    const Preprocessor::Whole whole{1, kSide};
    const Memory memory(Preprocessor::bytes_needed(80, 80, kSide, Filter::bicubic, 1, whole));
    Preprocessor preprocess(k, memory.data.get(), 80, 80, kSide, Filter::bicubic, 1, whole);
    std::vector<float> planes(std::size_t{3} * kSide * kSide, -1.0f);
    std::vector<float> alone(static_cast<std::size_t>(3 * c.inner_width * c.inner_height));
    ImageInput out{.planes = planes.data(), .side = kSide, .scale = {1, 1, 1}, .margin = {122, 116, 104}};
    out.letterbox = true;
    ASSERT_TRUE(preprocess(picture.frame(), out));
    out.letterbox = false;
    out.planes = alone.data();
    ASSERT_TRUE(preprocess(picture.frame(), out, {0, 0, c.inner_width, c.inner_height}));
    const int left = (kSide - c.inner_width) / 2, top = (kSide - c.inner_height) / 2;
    for (int channel = 0; channel < 3; ++channel)
      for (int y = 0; y < kSide; ++y)
        for (int x = 0; x < kSide; ++x) {
          const int from_left = x - left, from_top = y - top;
          const bool inside =
              from_left >= 0 && from_left < c.inner_width && from_top >= 0 && from_top < c.inner_height;
          const float want = inside ? alone[static_cast<std::size_t>(
                                          (channel * c.inner_height + from_top) * c.inner_width + from_left)]
                                    : static_cast<float>(out.margin[channel]);
          ASSERT_EQ(planes[static_cast<std::size_t>((channel * kSide + y) * kSide + x)], want)
              << c.width << " x " << c.height << " at " << x << ", " << y;
        }
  }
}

TEST(PreprocessPlanTest, memory_is_a_window_not_a_picture) {
  const std::size_t full_hd = Preprocessor::bytes_needed(1920, 1080, 512, Filter::bicubic);
  EXPECT_LT(full_hd, 256u << 10);
  EXPECT_LE(Preprocessor::bytes_needed(640, 480, 512, Filter::bicubic), full_hd);
}

}  // namespace
}  // namespace shrike
