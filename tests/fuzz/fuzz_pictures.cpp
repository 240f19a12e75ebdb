// Any rules of a vision file and pictures of any size: what they are cut into stays within what was planned, and
// making it writes nothing beside its planes.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "camera/preprocess.hpp"
#include "core/limits.hpp"
#include "core/model/config.hpp"

using namespace shrike;

namespace {

// Reads numbers until the bytes are used up, then zeros.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  int number(int min, int max) {
    std::uint16_t raw = 0;
    const std::size_t n = size_ < sizeof(raw) ? size_ : sizeof(raw);
    std::memcpy(&raw, data_, n);
    data_ += n;
    size_ -= n;
    return min + raw % (max - min + 1);
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

void expect(bool holds) {
  if (!holds) std::abort();
}

VisionConfig rules_of(Bytes& bytes) {
  VisionConfig c;
  c.patch_size = bytes.number(1, 16);
  c.shuffle = bytes.number(1, 4);
  c.image_size = c.patch_size * c.shuffle * bytes.number(1, 16);
  c.picturing.cutting = static_cast<Cutting>(bytes.number(0, 4));
  c.picturing.filter = static_cast<Filter>(bytes.number(0, 2));
  c.picturing.letterbox = c.picturing.cutting == Cutting::whole && bytes.number(0, 1) == 1;
  c.picturing.longest_edge = bytes.number(1, limits::kFrameSideMax);
  c.picturing.tiles_max = bytes.number(1, limits::kTilesMax);
  c.picturing.tiles_min = bytes.number(1, c.picturing.tiles_max);
  c.picturing.cells_max = bytes.number(1, limits::kPatchesMax / (c.shuffle * c.shuffle));
  c.picturing.cells_min = bytes.number(1, c.picturing.cells_max);
  return c;
}

void expect_within(const TileGrid& grid, const TileLimits& limits, int patch_size) {
  expect(grid.rows >= 0 && grid.columns >= 0 && (grid.rows == 0) == (grid.columns == 0));
  expect(grid.rows <= limits.across_max && grid.columns <= limits.across_max);
  expect(grid.n_tiles() <= limits.n_tiles_max);
  expect(limits.tokens_of(grid) <= limits.picture_tokens_max());
  for (const int tile : {0, grid.n_tiles() - 1}) {
    const int width = limits.width_of(grid, tile), height = limits.height_of(grid, tile);
    expect(width > 0 && width % limits.cell == 0 && width <= limits.side_max());
    expect(height > 0 && height % limits.cell == 0 && height <= limits.side_max());
    expect(width == limits.side || width >= limits.side_min());
    expect(width / patch_size * (height / patch_size) <= limits.patches_max(patch_size));
    expect(width / limits.cell <= kCellsAcrossMax || width == limits.side);
  }
}

void make(int width, int height, TileGrid grid, const TileLimits& limits, const VisionConfig& c) {
  const Kernels& kernels = [] {
    static const Kernels best = kernels_for(runnable_isas().front());
    return best;
  }();
  const Preprocessor::Whole whole{limits.side_min(), limits.side_max()};
  const int across = std::max(1, std::max(grid.rows, grid.columns));
  const std::size_t n_bytes =
      Preprocessor::bytes_needed(width, height, limits.side, c.picturing.filter, across, whole);
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::aligned_alloc(64, n_bytes)), &std::free);
  Preprocessor preprocess(kernels, memory.get(), width, height, limits.side, c.picturing.filter, across,
                          whole);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * width * height));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  for (const int tile : {0, grid.n_tiles() - 1}) {
    const auto n = static_cast<std::size_t>(3 * limits.width_of(grid, tile) * limits.height_of(grid, tile));
    std::vector<float> planes(n, -1.0f);
    ImageInput out;
    out.planes = planes.data();
    out.side = limits.side;
    out.letterbox = limits.letterbox;
    for (float& scale : out.scale) scale = 1;
    const Frame frame{pixels.data(), width, height, 3 * static_cast<std::size_t>(width), 0, 0};
    expect(preprocess(frame, out, grid, tile));
    for (const float value : planes) expect(value >= 0 && value <= 255);  // every one was written
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  const VisionConfig c = rules_of(bytes);
  const int wanted = bytes.number(0, 1) == 1 ? bytes.number(0, 65535) : 0;
  const TileLimits limits = tile_limits(c, wanted, bytes.number(0, 16));
  const int width = bytes.number(1, limits::kFrameSideMax), height = bytes.number(1, limits::kFrameSideMax);
  const TileGrid grid = tiles_of(width, height, limits);
  expect_within(grid, limits, c.patch_size);
  const int small_width = 1 + width % 97, small_height = 1 + height % 61;
  const TileGrid small = tiles_of(small_width, small_height, limits);
  expect_within(small, limits, c.patch_size);
  if (limits.patches_max(c.patch_size) * c.patch_size * c.patch_size <= 96 * 96)
    make(small_width, small_height, small, limits, c);
  return 0;
}
