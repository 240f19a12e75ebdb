#include "camera/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/check.hpp"
#include "platform/numeric.hpp"

namespace shrike {
namespace {

// Half the width of each filter, in source pixels when enlarging.
double support_of(Filter filter) noexcept {
  return filter == Filter::bilinear ? 1.0 : filter == Filter::bicubic ? 2.0 : 3.0;
}

double sinc(double x) noexcept {
  if (x == 0) return 1;
  x *= 3.14159265358979323846;
  return std::sin(x) / x;
}

double filter_at(Filter filter, double x) noexcept {
  x = std::abs(x);
  switch (filter) {
    case Filter::bilinear:
      return x < 1 ? 1 - x : 0;
    case Filter::bicubic: {
      constexpr double a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    }
    case Filter::lanczos:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

// Rows between the passes: room for this many of the largest range of taps.
constexpr int kWindows = 2;

// When shrinking, the filter is as wide as what falls into one output pixel.
struct Geometry {
  double scale;      // source pixels per output pixel
  double support;    // half the range of taps, in source pixels
  double narrowing;  // from source pixels to the filter's own
  int taps_max;

  Geometry(int n_in, int n_out, Filter filter) noexcept : scale(static_cast<double>(n_in) / n_out) {
    const double widening = std::max(scale, 1.0);
    support = support_of(filter) * widening;
    narrowing = 1 / widening;
    taps_max = static_cast<int>(std::ceil(support)) * 2 + 1;
  }
};

// Half away from zero.
std::int32_t to_fixed(double weight) noexcept {
  const double scaled = weight * (1 << kResampleBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Where each table lies in the caller's memory, in bytes.
struct Layout {
  std::size_t used = 0;
  std::size_t first[2], count[2], weight[2];  // across, down
  std::size_t window, row;
  int window_rows = 0;

  Layout(int width_max, int height_max, int side, Filter filter, int across_max,
         Preprocessor::Whole whole) noexcept {
    const auto n = static_cast<std::size_t>(side);
    const int n_in_max[2] = {width_max, height_max};
    int taps_max = 0;  // of what shrinks most
    for (int i = 0; i < 2; ++i) {
      std::size_t n_weights = 0;
      taps_max = 0;
      const auto plan_for = [&](int n_out) {
        const int taps = Geometry(n_in_max[i], n_out, filter).taps_max;
        taps_max = std::max(taps_max, taps);
        n_weights = std::max(n_weights, static_cast<std::size_t>(n_out) * static_cast<std::size_t>(taps));
      };
      for (int across = 1; across <= across_max; ++across) plan_for(across * side);
      for (int n_out = whole.shortest; n_out > 0 && n_out <= whole.longest; ++n_out) plan_for(n_out);
      const auto n_outs = static_cast<std::size_t>(std::max(across_max * side, whole.longest));
      first[i] = take(n_outs * sizeof(std::int32_t));
      count[i] = take(n_outs * sizeof(std::int32_t));
      weight[i] = take(n_weights * sizeof(std::int32_t));
    }
    window_rows = std::min(kWindows * taps_max, std::max(height_max, taps_max));
    window = take(static_cast<std::size_t>(window_rows) * 3 * n);
    row = take(3 * n);
  }

 private:
  std::size_t take(std::size_t bytes) noexcept {
    const std::size_t at = used;
    used += align_up(bytes, std::size_t{64});
    return at;
  }
};

}  // namespace

std::size_t Preprocessor::bytes_needed(int width_max, int height_max, int side, Filter filter, int across_max,
                                       Whole whole) noexcept {
  return Layout(width_max, height_max, side, filter, across_max, whole).used;
}

Preprocessor::Preprocessor(const Kernels& kernels, std::byte* memory, int width_max, int height_max, int side,
                           Filter filter, int across_max, Whole whole) noexcept
    : resample_row_(kernels.resample_row),
      resample_column_(kernels.resample_column),
      normalise_rgb_(kernels.normalise_rgb),
      width_max_(width_max),
      height_max_(height_max),
      side_(side),
      across_max_(across_max),
      whole_(whole),
      filter_(filter) {
  SHRIKE_CHECK(width_max > 0 && height_max > 0, width_max, height_max);
  SHRIKE_CHECK(side > 0 && across_max > 0, side, across_max);
  SHRIKE_CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
  const Layout layout(width_max, height_max, side, filter, across_max, whole);
  window_rows_ = layout.window_rows;
  Axis* const axes[2] = {&across_, &down_};
  for (int i = 0; i < 2; ++i) {
    axes[i]->first = reinterpret_cast<std::int32_t*>(memory + layout.first[i]);
    axes[i]->count = reinterpret_cast<std::int32_t*>(memory + layout.count[i]);
    axes[i]->weight = reinterpret_cast<std::int32_t*>(memory + layout.weight[i]);
  }
  window_ = reinterpret_cast<std::uint8_t*>(memory + layout.window);
  row_ = reinterpret_cast<std::uint8_t*>(memory + layout.row);
}

void Preprocessor::prepare(Axis& axis, int n_in, int n_out) const noexcept {
  if (axis.n_in == n_in && axis.n_out == n_out) return;
  const Geometry geometry(n_in, n_out, filter_);
  axis.n_in = n_in;
  axis.n_out = n_out;
  axis.taps_max = geometry.taps_max;
  for (int i = 0; i < n_out; ++i) {
    const double centre = (i + 0.5) * geometry.scale;
    const int first = std::max(static_cast<int>(centre - geometry.support + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + geometry.support + 0.5), n_in);
    const auto weight_of = [&](int at) {
      return filter_at(filter_, (at - centre + 0.5) * geometry.narrowing);
    };
    double sum = 0;
    for (int at = first; at < end; ++at) sum += weight_of(at);
    std::int32_t* weight = axis.weight + static_cast<std::ptrdiff_t>(i) * axis.taps_max;
    for (int at = first; at < end; ++at) *weight++ = to_fixed(weight_of(at) / sum);
    axis.first[i] = first;
    axis.count[i] = end - first;
  }
}

Preprocessor::Target Preprocessor::target_of(const Frame& frame, const ImageInput& out, TileGrid grid,
                                             int tile) const noexcept {
  Target t;
  t.width = t.height = side_;
  if (tile < grid.n_tiles() - 1) {
    t.inner_width = t.inner_height = side_;
    t.first_column = tile % grid.columns * side_;
    t.first_row = tile / grid.columns * side_;
    t.columns_total = grid.columns * side_;
    t.rows_total = grid.rows * side_;
    return t;
  }
  if (grid.width > 0) t.width = grid.width;
  if (grid.height > 0) t.height = grid.height;
  t.inner_width = t.width;
  t.inner_height = t.height;
  if (out.letterbox) {
    const float scale = std::min(static_cast<float>(t.width) / static_cast<float>(frame.width),
                                 static_cast<float>(t.height) / static_cast<float>(frame.height));
    const auto scaled = [&](int n, int max) {
      return std::clamp(static_cast<int>(std::ceil(static_cast<float>(n) * scale)), 1, max);
    };
    t.inner_width = scaled(frame.width, t.width);
    t.inner_height = scaled(frame.height, t.height);
    t.left = (t.width - t.inner_width) / 2;
    t.top = (t.height - t.inner_height) / 2;
  }
  t.columns_total = t.inner_width;
  t.rows_total = t.inner_height;
  return t;
}

bool Preprocessor::operator()(const Frame& frame, const ImageInput& out, TileGrid grid, int tile) noexcept {
  if (frame.pixels == nullptr || frame.width <= 0 || frame.height <= 0) return false;
  if (frame.width > width_max_ || frame.height > height_max_) return false;
  if (frame.stride < 3 * static_cast<std::size_t>(frame.width)) return false;
  SHRIKE_CHECK(out.side == side_, out.side, side_);
  SHRIKE_CHECK(grid.rows <= across_max_ && grid.columns <= across_max_, grid.rows, grid.columns);
  SHRIKE_CHECK(tile >= 0 && tile < grid.n_tiles(), tile, grid.n_tiles());
  const Target target = target_of(frame, out, grid, tile);
  const int sides[] = {target.inner_width, target.inner_height};
  for (const int n : sides)
    SHRIKE_CHECK(n == side_ || (n >= whole_.shortest && n <= whole_.longest), n, whole_.longest);
  prepare(across_, frame.width, target.columns_total);
  prepare(down_, frame.height, target.rows_total);
  if (out.letterbox) fill_margin(out, target);
  for (int column = 0; column < target.inner_width; column += side_)
    resample(frame, out, target, column, std::min(side_, target.inner_width - column));
  return true;
}

void Preprocessor::fill_margin(const ImageInput& out, const Target& target) noexcept {
  const auto width = static_cast<std::size_t>(target.width);
  const std::size_t plane = width * static_cast<std::size_t>(target.height);
  for (int i = 0; i < 3 * side_; ++i) row_[i] = out.margin[i % 3];
  for (std::size_t at = 0; at < plane; at += static_cast<std::size_t>(side_))
    normalise_rgb_(out.planes + at, plane, row_,
                   static_cast<int>(std::min(static_cast<std::size_t>(side_), plane - at)), out.scale,
                   out.shift);
}

// A strip of n columns. Output rows ask for ascending ranges of input rows that overlap. Each input row is
// resampled across once, into a window of twice the largest range; when its end is reached, the rows still needed
// move to its front.
void Preprocessor::resample(const Frame& frame, const ImageInput& out, const Target& target, int column,
                            int n) noexcept {
  const std::ptrdiff_t from = std::ptrdiff_t{target.first_column} + column;
  const ResampleAxis across{across_.first + from, across_.count + from,
                            across_.weight + from * across_.taps_max, across_.taps_max, n};
  const auto width = static_cast<std::size_t>(target.width);
  const std::size_t plane = width * static_cast<std::size_t>(target.height);
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(n);
  const auto window_row = [&](int row) { return window_ + static_cast<std::size_t>(row) * row_bytes; };
  int window_first = down_.first[target.first_row];  // the input row at the window's front
  int n_ready = window_first;                        // input rows resampled so far
  for (int y = 0; y < target.inner_height; ++y) {
    const int output = target.first_row + y;
    const int first = down_.first[output], end = first + down_.count[output];
    if (end - window_first > window_rows_) {
      const int n_kept = std::max(n_ready - first, 0);
      std::memmove(window_, window_row(first - window_first), static_cast<std::size_t>(n_kept) * row_bytes);
      window_first = first;
    }
    for (n_ready = std::max(n_ready, first); n_ready < end; ++n_ready)
      resample_row_(window_row(n_ready - window_first),
                    frame.pixels + static_cast<std::size_t>(n_ready) * frame.stride, across);
    resample_column_(row_, window_row(first - window_first), row_bytes,
                     down_.weight + static_cast<std::ptrdiff_t>(output) * down_.taps_max, down_.count[output],
                     static_cast<int>(row_bytes));
    normalise_rgb_(out.planes + static_cast<std::size_t>(target.top + y) * width +
                       static_cast<std::size_t>(target.left + column),
                   plane, row_, n, out.scale, out.shift);
  }
}

}  // namespace shrike
