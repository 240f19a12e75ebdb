// Into what pictures are cut, by the rules of each family. Numbers by hand from those of the models' own processors.
#include "core/model/tiles.hpp"

#include <gtest/gtest.h>

#include "core/model/config.hpp"

namespace shrike {
namespace {

std::string text_of(TileGrid grid) {
  std::string text = grid.single() ? "" : std::to_string(grid.rows) + " x " + std::to_string(grid.columns);
  if (grid.width == 0) return grid.single() ? "whole" : text + " and whole";
  if (!grid.single()) text += " and ";
  return text + std::to_string(grid.width) + " by " + std::to_string(grid.height);
}

VisionConfig config_of(int patch, int shuffle, int side, Picturing picturing) {
  VisionConfig c;
  c.patch_size = patch;
  c.shuffle = shuffle;
  c.image_size = side;
  c.picturing = picturing;
  return c;
}
const VisionConfig kQwen =
    config_of(14, 2, 448, {.cutting = Cutting::own_size, .cells_min = 4, .cells_max = 4096});
const VisionConfig kIntern = config_of(14, 2, 448, {.cutting = Cutting::ratio, .tiles_max = 12});
const VisionConfig kLfm2 = config_of(
    16, 2, 512,
    {.cutting = Cutting::ratio_own, .tiles_min = 2, .tiles_max = 10, .cells_min = 64, .cells_max = 256});
constexpr int kAll = INT32_MAX;

TEST(Tiles, of_qwen_keep_the_size_of_the_picture_within_the_tokens_there_are) {
  const TileLimits many = tile_limits(kQwen, 4096, 16);
  EXPECT_EQ(text_of(tiles_of(640, 480, many)), "644 by 476");  // 23 x 17 tokens
  EXPECT_EQ(text_of(tiles_of(28, 28, many)), "56 by 56") << "no fewer than 4 tokens";
  EXPECT_EQ(text_of(tiles_of(1920, 1080, many)), "1932 by 1092");  // 69 x 39 = 2691
  const TileLimits stream = tile_limits(kQwen, 0, 16);
  EXPECT_EQ(stream.whole_tokens_max(), 256);
  EXPECT_EQ(stream.side, 448);
  EXPECT_EQ(text_of(tiles_of(1920, 1080, stream)), "588 by 336");  // 21 x 12 = 252
  EXPECT_EQ(tile_limits(kQwen, kAll, 16).whole_tokens_max(), 1024);
  EXPECT_EQ(tile_limits(kQwen, 70000, 16).whole_tokens_max(), 4096) << "as many as the file says";
  EXPECT_EQ(text_of(tiles_of(8192, 1, many)), "7140 by 28") << "no more than 255 across";
}

TEST(Tiles, of_internvl_are_the_grid_of_the_nearest_ratio) {
  const TileLimits all = tile_limits(kIntern, kAll, 16);
  EXPECT_EQ(all.n_tiles_max, 13);
  EXPECT_EQ(text_of(tiles_of(448, 448, all)), "whole");
  EXPECT_EQ(text_of(tiles_of(800, 400, all)), "1 x 2 and whole");
  EXPECT_EQ(text_of(tiles_of(1600, 800, all)), "2 x 4 and whole") << "a larger picture of that ratio";
  EXPECT_EQ(text_of(tiles_of(300, 900, all)), "3 x 1 and whole");
  EXPECT_EQ(text_of(tiles_of(4000, 100, all)), "1 x 12 and whole");
  EXPECT_EQ(text_of(tiles_of(1600, 800, tile_limits(kIntern, 5 * 256, 16))), "1 x 2 and whole");
  EXPECT_EQ(text_of(tiles_of(1600, 800, tile_limits(kIntern, 0, 16))), "whole") << "a frame of a stream";
}

TEST(Tiles, of_lfm2_are_cut_from_large_pictures_only) {
  const TileLimits all = tile_limits(kLfm2, kAll, 10);
  EXPECT_EQ(text_of(tiles_of(640, 480, all)), "576 by 416");  // 300 tokens would be too many: 18 x 13
  EXPECT_EQ(text_of(tiles_of(100, 100, all)), "256 by 256");
  EXPECT_EQ(text_of(tiles_of(1600, 800, all)), "2 x 4 and 704 by 352");
  EXPECT_EQ(text_of(tiles_of(1600, 800, tile_limits(kLfm2, 0, 10))), "704 by 352");
  EXPECT_EQ(text_of(tiles_of(1600, 800, tile_limits(kLfm2, kAll, 0))), "704 by 352") << "no marks for tiles";
}

}  // namespace
}  // namespace shrike
