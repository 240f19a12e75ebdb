#include "apps/shrike/memory_view.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

constexpr int kColumnsMax = 100, kStripMax = 64;
constexpr std::string_view kShades[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

// Nothing is a blank, anything at all is not.
std::string_view shade(double share) {
  constexpr int kFullest = static_cast<int>(std::size(kShades)) - 1;
  if (share <= 0) return kShades[0];
  return kShades[std::clamp(static_cast<int>(std::lround(share * kFullest)), 1, kFullest)];
}

// Slots of a frame's tokens in one table, frame by frame. Frames and slots both ascend.
void count_slots(const kv::Memory& memory, int layer, int kv_head, std::span<const HeldFrame> frames,
                 std::span<int> out) {
  std::size_t f = 0;
  for (const kv::BlockRef& ref : memory.table(layer, kv_head))
    for (int slot = ref.first; slot < ref.end; ++slot) {
      const std::int32_t number = memory.pool().facts(ref.block, slot).token.frame;
      while (f < frames.size() && frames[f].number < number) ++f;
      if (f < frames.size() && frames[f].number == number) ++out[f];
    }
}

std::string strip(const MemoryView& view, int layer, int kv_head, int width) {
  std::vector<double> sums(static_cast<std::size_t>(width));
  const auto column_of = [&](std::int64_t nth) {
    return static_cast<std::size_t>(nth * width / view.n_seen);
  };
  for (std::size_t f = 0; f < view.frames.size(); ++f)
    sums[column_of(view.frames[f].nth)] += view.at(layer, kv_head, f);
  std::vector<int> n_frames(sums.size());
  for (std::int64_t nth = 0; nth < view.n_seen; ++nth) ++n_frames[column_of(nth)];
  std::string text;
  for (std::size_t i = 0; i < sums.size(); ++i)
    text += shade(sums[i] / (std::max(n_frames[i], 1) * view.tokens_per_frame));
  return text;
}

// Of one head's strip, so that a line stays within its columns.
int strip_width(const MemoryView& view, int n_label) {
  const int room = (kColumnsMax - n_label) / std::max(view.n_kv_heads, 1) - 4;  // bars, and two blanks
  return static_cast<int>(std::clamp<std::int64_t>(view.n_seen, 1, std::clamp(room, 1, kStripMax)));
}

}  // namespace

MemoryView look_into(const Session& session) {
  const kv::Memory& memory = session.runtime().memory();
  const SessionStats stats = session.stats();
  MemoryView view;
  view.tokens_per_frame = session.plan().tokens_per_frame;
  view.n_layers = memory.shape().n_layers;
  view.n_kv_heads = memory.shape().n_kv_heads;
  view.blocks_used = stats.blocks_used;
  view.blocks_max = stats.blocks_max;
  view.n_seen = stats.n_frames_seen;
  const std::span<const HeldFrame> frames = session.held_frames();
  for (const HeldFrame& frame : frames) view.frames.push_back({frame.nth, frame.seconds});
  if (!frames.empty()) view.newest_seconds = frames.back().seconds;
  const std::size_t n = frames.size();
  view.slots.resize(static_cast<std::size_t>(view.n_layers * view.n_kv_heads) * n);
  std::span<int> rest = view.slots;
  for (int layer = 0; layer < view.n_layers; ++layer)
    for (int kv_head = 0; kv_head < view.n_kv_heads; ++kv_head, rest = rest.subspan(n))
      count_slots(memory, layer, kv_head, frames, rest.first(n));
  return view;
}

std::string memory_text(const MemoryView& view) {
  std::string text = "remembers " + std::to_string(view.frames.size()) + " of " +
                     std::to_string(view.n_seen) + " frames in " + std::to_string(view.blocks_used) + " of " +
                     std::to_string(view.blocks_max) + " blocks";
  if (view.frames.empty()) return text + "\n";
  text += "; for each head, 00:00 to " + clock_text(view.newest_seconds) + ":\n";
  const std::string last = std::to_string(view.n_layers - 1);
  const int width = strip_width(view, static_cast<int>(std::size("  layer  ") + last.size()));
  for (int layer = 0; layer < view.n_layers; ++layer) {
    const std::string number = std::to_string(layer);
    text += "  layer " + std::string(last.size() - number.size(), ' ') + number;
    for (int kv_head = 0; kv_head < view.n_kv_heads; ++kv_head)
      text += "  |" + strip(view, layer, kv_head, width) + "|";
    text += "\n";
  }
  return text;
}

Json memory_json(const MemoryView& view) {
  Json frames = Json::array(), layers = Json::array();
  for (const MemoryView::Frame& frame : view.frames)
    frames.push_back({{"nth", frame.nth}, {"ts", frame.seconds}});
  for (int layer = 0; layer < view.n_layers; ++layer) {
    Json heads = Json::array();
    for (int kv_head = 0; kv_head < view.n_kv_heads; ++kv_head) {
      Json tokens = Json::array();
      for (std::size_t f = 0; f < view.frames.size(); ++f) tokens.push_back(view.at(layer, kv_head, f));
      heads.push_back(std::move(tokens));
    }
    layers.push_back(std::move(heads));
  }
  return {{"seen", view.n_seen},
          {"tokens_per_frame", view.tokens_per_frame},
          {"kv", {{"used", view.blocks_used}, {"budget", view.blocks_max}}},
          {"frames", frames},
          {"layers", layers}};
}

}  // namespace shrike::cli
