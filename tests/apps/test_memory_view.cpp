// What a session remembers, as people and programs are told.
#include <gtest/gtest.h>

#include <string>

#include "apps/shrike/memory_view.hpp"
#include "tests/support/perch.hpp"
#include "tests/support/tiny_session.hpp"

namespace shrike::cli {
namespace {

using shrike::test::paint;
using shrike::test::tiny_options;

MemoryView small_view() {
  MemoryView view{5, 8, 2, 2, 7, 9, 8.0, {{0, 0.0}, {3, 6.0}, {4, 8.0}}, {}};
  view.slots = {8, 4, 8, 8, 0, 8, 1, 8, 8, 0, 0, 8};
  return view;
}

TEST(MemoryViewTest, text_is_a_line_for_each_layer_and_a_strip_for_each_head) {
  EXPECT_EQ(memory_text(small_view()),
            "remembers 3 of 5 frames in 7 of 9 blocks; for each head, 00:00 to 00:08:\n"
            "  layer 0  |█  ▄█|  |█   █|\n"
            "  layer 1  |▁  ██|  |    █|\n");
}

TEST(MemoryViewTest, lines_stay_within_a_hundred_columns) {
  for (const int n_heads : {1, 2, 3, 8, 16})
    for (const int n_seen : {1, 30, 1000}) {
      MemoryView view;
      view.n_seen = n_seen;
      view.n_layers = 30;
      view.n_kv_heads = n_heads;
      view.tokens_per_frame = 8;
      view.frames = {{0, 0.0}, {n_seen - 1, 2.0 * n_seen}};
      view.slots.assign(static_cast<std::size_t>(30 * n_heads * 2), 8);
      const std::string text = memory_text(view);
      std::size_t columns = 0, widest = 0, lines = 0;
      for (const char c : text) {
        columns += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u ? 1 : 0;
        if (c != '\n') continue;
        widest = std::max(widest, columns - 1);
        columns = 0;
        ++lines;
      }
      EXPECT_LE(widest, 100u) << text;
      EXPECT_EQ(lines, 31u);
    }
}

TEST(MemoryViewTest, json_has_the_tokens_of_each_frame_by_layer_and_head) {
  const Json json = memory_json(small_view());
  EXPECT_EQ(json["layers"].dump(), "[[[8,4,8],[8,0,8]],[[1,8,8],[0,0,8]]]");
  EXPECT_EQ(json["frames"][1]["nth"], 3);
  EXPECT_EQ(json["kv"]["used"], 7);
}

TEST(MemoryViewTest, counts_what_a_session_holds) {
  SessionOptions options = tiny_options();
  options.kv_policy = "recent";
  options.kv_budget_bytes = Session::plan(options).value().kv_budget_min_bytes * 2;
  const auto session = Session::open(options).value();
  EXPECT_EQ(look_into(*session).frames.size(), 0u);
  EXPECT_EQ(memory_text(look_into(*session)).substr(0, 24), "remembers 0 of 0 frames ");
  for (int k = 0; k < 40; ++k) {
    paint(session->image_input(), k);
    session->see(2.0 * k);
  }
  const MemoryView view = look_into(*session);
  EXPECT_EQ(view.n_seen, 40);
  ASSERT_EQ(static_cast<int>(view.frames.size()), session->stats().frames_held);
  ASSERT_LT(view.frames.size(), 40u) << "or nothing is tested";
  EXPECT_EQ(view.frames.back().nth, 39);
  for (int layer = 0; layer < view.n_layers; ++layer)
    for (int kv_head = 0; kv_head < view.n_kv_heads; ++kv_head)
      for (std::size_t f = 0; f < view.frames.size(); ++f)
        EXPECT_EQ(view.at(layer, kv_head, f), view.tokens_per_frame) << "recent keeps whole frames";
}

}  // namespace
}  // namespace shrike::cli
