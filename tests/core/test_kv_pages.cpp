// Codecs that keep full blocks as pages: their numbers by hand, what every format promises, and what the memory
// makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/kv/catalogue.hpp"
#include "core/kv/parts/qaq.hpp"
#include "core/kv/parts/think.hpp"
#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"
#include "tests/support/numbers.hpp"

namespace shrike::kv {
namespace {

using test::Fixture;

std::vector<const Codec*> page_codecs() {
  std::vector<const Codec*> pages;
  for (const Codec* codec : codecs())
    if (codec->page != nullptr) pages.push_back(codec);
  return pages;
}

// A page written and read again.
struct Page {
  Page(const Codec& codec, int head_dim, const std::vector<float>& keys, const std::vector<float>& values,
       const float* importance = nullptr, const float* query_squares = nullptr, bool neighbours = false)
      : keys(keys.size(), 7.0f), values(values.size(), 7.0f) {
    const PageFormat& format = *codec.page;
    std::vector<std::byte> k(format.key_bytes(head_dim) + 1, std::byte{0x5A});
    std::vector<std::byte> v(format.value_bytes(head_dim) + 1, std::byte{0x5A});
    const Kernels& kernels = test::best_kernels();
    format.seal(kernels, k.data(), v.data(),
                {keys.data(), values.data(), importance, query_squares, head_dim, neighbours});
    format.keys(kernels, this->keys.data(), k.data(), head_dim);
    format.values(kernels, this->values.data(), v.data(), head_dim);
    EXPECT_EQ(k.back(), std::byte{0x5A});
    EXPECT_EQ(v.back(), std::byte{0x5A});
    EXPECT_EQ(format.key_bytes(head_dim) % 2, 0u);
    EXPECT_EQ(format.value_bytes(head_dim) % 2, 0u);
  }
  std::vector<float> keys, values;  // [16][head_dim], as read
};

// --- the sheets' numbers by hand -----------------------------------------------------------------------------

TEST(Kivi, two_bits_of_a_channel_are_four_steps_between_its_least_and_largest) {
  // Channel 0 goes 0, 1, 2, 3.6 over the tokens, channel 1 stays; a row would have mixed the two.
  std::vector<float> keys, values;
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    const float steps[] = {0, 1, 2, 3.6f};
    keys.insert(keys.end(), {steps[slot % 4], 100});
    values.insert(values.end(), {static_cast<float>(slot), static_cast<float>(slot) + 3.6f});
  }
  const Page page(parts::codec_kivi2, 2, keys, values);
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    const float read[] = {0, 1.2f, 2.4f, 3.6f};
    EXPECT_NEAR(page.keys[static_cast<std::size_t>(2 * slot)], read[slot % 4], 2e-3);
    EXPECT_EQ(page.keys[static_cast<std::size_t>(2 * slot + 1)], 100) << "a constant group has no steps";
    EXPECT_NEAR(page.values[static_cast<std::size_t>(2 * slot)], slot, 2e-3) << "values go by token";
    EXPECT_NEAR(page.values[static_cast<std::size_t>(2 * slot + 1)], slot + 3.6, 4e-3);
  }
}

TEST(Kivi, an_outlier_channel_costs_the_others_nothing) {
  const int dim = 32;
  shrike::test::Numbers numbers(1);
  std::vector<float> keys = numbers.floats(static_cast<std::size_t>(kBlockSlots * dim));
  for (int slot = 0; slot < kBlockSlots; ++slot) keys[static_cast<std::size_t>(slot * dim + 5)] *= 100;
  const Page page(parts::codec_kivi4, dim, keys, keys);
  double by_channel = 0, by_token = 0;
  for (int slot = 0; slot < kBlockSlots; ++slot)
    for (int c = 0; c < dim; ++c) {
      const auto at = static_cast<std::size_t>(slot * dim + c);
      if (c == 5) continue;
      by_channel = std::max<double>(by_channel, std::fabs(page.keys[at] - keys[at]));
      by_token = std::max<double>(by_token, std::fabs(page.values[at] - keys[at]));
    }
  EXPECT_LT(by_channel, 0.08);  // half a step of 2 / 15
  EXPECT_GT(by_token, 0.5);
}

TEST(Qaq, bits_by_attention_and_range) {
  const auto bits = [](float weight) { return std::ceil(parts::qaq_bits(1024, 0.1f, weight, 4)); };
  EXPECT_EQ(bits(0.5f), 7);
  EXPECT_EQ(bits(0.1f), 5);
  EXPECT_EQ(bits(0.01f), 2);
  EXPECT_EQ(bits(0.001f), 1);
  EXPECT_EQ(bits(0), 0);
}

TEST(Qaq, what_drew_more_attention_is_nearer_to_what_it_was) {
  const int dim = 64;
  shrike::test::Numbers numbers(2);
  const std::vector<float> rows = numbers.floats(static_cast<std::size_t>(kBlockSlots * dim));
  float importance[kBlockSlots];
  for (int slot = 0; slot < kBlockSlots; ++slot)
    importance[slot] = static_cast<float>((slot * 5) % kBlockSlots);
  const Page page(parts::codec_qaq, dim, rows, rows, importance);
  for (int slot = 0; slot < kBlockSlots; ++slot) {
    float off = 0;
    for (int c = 0; c < dim; ++c) {
      const auto at = static_cast<std::size_t>(slot * dim + c);
      off = std::max({off, std::fabs(page.keys[at] - rows[at]), std::fabs(page.values[at] - rows[at])});
    }
    const float rank = static_cast<float>(kBlockSlots) - 1 - importance[slot];
    if (rank < 2) {
      EXPECT_LT(off, 0.006) << slot;
    } else if (rank < 8) {
      EXPECT_LT(off, 0.07) << slot;
      EXPECT_GT(off, 0.02) << slot;
    } else {
      EXPECT_GT(off, 0.1) << slot;
    }
  }
}

TEST(Think, a_channel_matters_by_its_queries_times_its_keys) {
  // Q = (1, 2, 0, 1), (1, -2, 0, 3)
  const float query_squares[] = {2, 8, 0, 10};
  const float keys[] = {2, 0, 1, 1, 2, 0.1f, 5, 1, 0, 0.2f, 4, 1};
  const float scores[] = {4.0f, 0.632456f, 0, 5.477226f};
  for (int c = 0; c < 4; ++c)
    EXPECT_NEAR(parts::think_score(query_squares[c], keys + c, 3, 4), scores[c], 1e-5) << c;
}

TEST(Think, pairs_that_are_turned_together_leave_together) {
  const int dim = 10;  // five pairs, of which two leave
  for (const bool neighbours : {false, true}) {
    std::vector<float> keys(kBlockSlots * dim, 1.0f), squares(dim, 1.0f);
    const auto pair = [&](int p) {
      return neighbours ? std::pair{2 * p, 2 * p + 1} : std::pair{p, p + dim / 2};
    };
    // Pair 1 has large keys that no query asks for, pair 3 one number that is asked for much.
    for (int slot = 0; slot < kBlockSlots; ++slot)
      keys[static_cast<std::size_t>(slot * dim + pair(1).first)] = 9;
    squares[static_cast<std::size_t>(pair(1).first)] = squares[static_cast<std::size_t>(pair(1).second)] = 0;
    squares[static_cast<std::size_t>(pair(3).second)] = 50;
    squares[static_cast<std::size_t>(pair(4).first)] = 0.5f;
    const Page page(parts::codec_think, dim, keys, keys, nullptr, squares.data(), neighbours);
    for (int slot = 0; slot < kBlockSlots; ++slot)
      for (int p = 0; p < dim / 2; ++p)
        for (const int c : {pair(p).first, pair(p).second}) {
          const auto at = static_cast<std::size_t>(slot * dim + c);
          EXPECT_EQ(page.keys[at], p == 1 || p == 4 ? 0.0f : keys[at]) << neighbours << " " << p;
          EXPECT_EQ(page.values[at], keys[at]);
        }
  }
}

// --- what every format promises ------------------------------------------------------------------------------

TEST(Pages, of_any_width_are_read_as_they_were_written_and_never_as_no_number) {
  for (const Codec* codec : page_codecs())
    for (const int head_dim : {2, 7, 8, 30, 40, 64, 80, 128, 256}) {
      SCOPED_TRACE(std::string(codec->name) + " " + std::to_string(head_dim));
      const auto n = static_cast<std::size_t>(kBlockSlots * head_dim);
      shrike::test::Numbers numbers(static_cast<std::uint32_t>(head_dim));
      const std::vector<float> keys = numbers.floats(n), values = numbers.floats(n);
      const Page page(*codec, head_dim, keys, values);
      const float error = codec == &parts::codec_kivi4 ? 0.07f : 0.4f;  // half a step of 2 / 15, of 2 / 3
      const bool prunes = codec == &parts::codec_think;
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_NEAR(page.values[i], values[i], prunes ? 1e-3 : error) << i;
        if (prunes && page.keys[i] == 0) continue;
        ASSERT_NEAR(page.keys[i], keys[i], prunes ? 1e-3 : error) << i;
      }
      const std::vector<float> zeros(n, 0.0f);
      EXPECT_EQ(Page(*codec, head_dim, zeros, zeros).keys, zeros);
      std::vector<float> wild(n, 1e30f);
      wild[0] = NAN;
      wild[1] = -INFINITY;
      if (prunes) continue;
      for (const float x : Page(*codec, head_dim, wild, wild).keys) ASSERT_TRUE(std::isfinite(x));
    }
}

Memory::Shape shape_with(const Codec& codec, const Policy& policy) {
  Memory::Shape shape;
  shape.n_layers = 2;
  shape.n_kv_heads = 2;
  shape.head_dim = 64;
  shape.n_ctx = 512;
  shape.reserve = 40;
  shape.serve(policy);
  shape.codec = &codec;
  if (codec.page != nullptr) shape.needs |= codec.page->needs;
  shape.n_blocks = 4 * 14;
  return shape;
}

TEST(Pages, hold_more_tokens_in_the_same_bytes) {
  const Policy recent = parse_policy("recent").value();
  const auto bytes = [&](const Codec& codec) {
    return static_cast<double>(shape_with(codec, recent).block_bytes());
  };
  const double f16 = bytes(parts::codec_f16);
  EXPECT_LT(bytes(parts::codec_kivi2), 0.29 * f16);
  EXPECT_LT(bytes(parts::codec_kivi4), 0.40 * f16);
  EXPECT_LT(bytes(parts::codec_qaq), 0.38 * f16);
  EXPECT_LT(bytes(parts::codec_think), 0.83 * f16);
}

// Whole frames leave: nothing is moved between pages, so that every slot is read the same until it leaves, and is
// nearly what went in.
TEST(Pages, of_whole_frames_are_written_once) {
  for (const Codec* codec : page_codecs()) {
    SCOPED_TRACE(std::string(codec->name));
    const Policy policy = parse_policy("recent").value();
    Fixture f(shape_with(*codec, policy), 1, 40, 1, 0, 5, test::best_kernels());
    f.append(7, kNoFrame, kPinned);
    int n_pages_most = 0;
    for (int frame = 0; frame < 60; ++frame) {
      ASSERT_NE(f.memory.make_room(29, policy), Room::full) << frame;  // pages are made here
      test::expect_sound(f.memory);
      const auto before = f.slots(1, 1);
      f.append(29, frame);
      ASSERT_NE(f.memory.make_room(0, policy), Room::full);
      std::size_t b = 0;
      int n_same = 0;
      const auto after = f.slots(1, 1);
      for (const Fixture::Slot& s : after) {
        while (b < before.size() &&
               (before[b].token.frame != s.token.frame || before[b].token.j != s.token.j))
          ++b;
        if (b == before.size()) break;
        n_same += before[b].value == s.value ? 1 : 0;
      }
      EXPECT_GE(n_same + 16,
                std::min<int>(static_cast<int>(before.size()), static_cast<int>(after.size()) - 29));
      int n_pages = 0;
      for (const BlockRef& ref : f.memory.table(1, 1)) n_pages += f.memory.pool().is_page(ref.block) ? 1 : 0;
      n_pages_most = std::max(n_pages_most, n_pages);
    }
    EXPECT_GE(n_pages_most, 8);
  }
}

// Slots leave here and there: pages are made anew out of those that lost some, and room is never short.
TEST(Pages, that_lost_slots_are_made_anew) {
  for (const Codec* codec : page_codecs()) {
    SCOPED_TRACE(std::string(codec->name));
    const Policy policy = parse_policy("score=knorm, select=top(sink=4)").value();
    Fixture f(shape_with(*codec, policy), 1, 40, 1, 0, 6, test::best_kernels());
    f.append(7, kNoFrame, kPinned);
    const int n_max = Memory::stream_tokens_max(f.shape);
    for (int frame = 0; frame < 120; ++frame) {
      ASSERT_NE(f.memory.make_room(29, policy), Room::full) << frame;
      ASSERT_TRUE(f.memory.has_room(29));
      test::expect_sound(f.memory);
      if (frame > 20) {
        EXPECT_GE(f.memory.n_live_mean(), n_max - 3 * kBlockSlots) << frame;
      }
      f.append(29, frame);
      f.memory.mark();
      f.append(f.shape.reserve, kNoFrame);
      f.memory.roll_back();
    }
  }
}

TEST(Pages, are_written_once_so_nothing_is_merged_into_them) {
  const Result<Policy> policy = parse_policy("meda, codec=kivi2");
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().rule, ::testing::HasSubstr("nothing is merged"));
  EXPECT_NE(parse_policy("recent, codec=qaq")->needs & need(Mark::mass), 0u);
  EXPECT_NE(parse_policy("recent, codec=think")->needs & kNeedQueries, 0u);
}

}  // namespace
}  // namespace shrike::kv
