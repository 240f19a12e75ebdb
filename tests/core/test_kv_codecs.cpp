// What every codec promises to the memory, whatever it is.
#include <gtest/gtest.h>

#include <string>

#include "core/kv/catalogue.hpp"
#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"

namespace shrike::kv {
namespace {

using test::Fixture;

Memory::Shape shape_with(const Codec& codec) {
  Memory::Shape shape;
  shape.n_layers = 2;
  shape.n_kv_heads = 2;
  shape.head_dim = 64;
  shape.n_blocks = 4 * 20;
  shape.n_ctx = 256;
  shape.reserve = 40;
  shape.codec = &codec;
  return shape;
}

// Those without pages; what pages promise is in test_kv_pages.cpp.
std::vector<const Codec*> row_codecs() {
  std::vector<const Codec*> rows;
  for (const Codec* codec : codecs())
    if (codec->page == nullptr) rows.push_back(codec);
  return rows;
}

// Of a number drawn from a normal distribution. Of q4 a whole row's error is bounded, and the largest of many numbers
// is far out.
double error_of(const Codec& codec) {
  return &codec == &parts::codec_f16 ? 2e-3 : &codec == &parts::codec_q8_0 ? 0.025 : 0.9;
}

TEST(Codec, rows_come_back_as_they_were_but_for_rounding) {
  for (const Codec* codec : row_codecs())
    for (const int head_dim : {2, 8, 30, 40, 64, 70, 80, 128, 256}) {
      std::mt19937 random(static_cast<unsigned>(head_dim));
      std::normal_distribution<float> normal;
      const std::size_t bytes = codec->row_bytes(head_dim);
      ASSERT_EQ(bytes % 2, 0u) << codec->name;
      ASSERT_LE(bytes, static_cast<std::size_t>(2 * head_dim) + 4) << codec->name;
      std::vector<float> row(static_cast<std::size_t>(head_dim)), back(row.size());
      for (float& x : row) x = normal(random);
      std::vector<std::byte> encoded(bytes + 1, std::byte{0x5A});
      codec->encode(test::best_kernels(), encoded.data(), row.data(), head_dim);
      codec->decode(test::best_kernels(), back.data(), encoded.data(), 1, head_dim);
      EXPECT_EQ(encoded.back(), std::byte{0x5A});
      for (std::size_t i = 0; i < row.size(); ++i)
        EXPECT_NEAR(back[i], row[i], error_of(*codec)) << codec->name << " " << head_dim;
    }
}

// The same bytes of pool, in tokens.
TEST(Codec, fewer_bits_hold_more_tokens_in_the_same_bytes) {
  const auto tokens = [](const Codec& codec) {
    Memory::Shape shape = shape_with(codec);
    shape.n_ctx = 1 << 20;
    shape.n_blocks = static_cast<int>((std::size_t{16} << 20) / shape.block_bytes());
    return static_cast<double>(Memory::stream_tokens_max(shape));
  };
  const double f16_tokens = tokens(parts::codec_f16);
  EXPECT_GT(tokens(parts::codec_q8_0), 1.75 * f16_tokens);  // 2 x 128 + 16 to 2 x 68 + 16 bytes a slot
  EXPECT_GT(tokens(parts::codec_q4), 3.2 * f16_tokens);     // to 2 x 34 + 16
}

// |e|^2 / |x|^2 over rows drawn by `draw`.
template <class Draw>
double relative_error(const Codec& codec, int head_dim, Draw draw) {
  const Kernels& k = test::best_kernels();
  std::vector<std::byte> encoded(codec.row_bytes(head_dim));
  std::vector<float> row(static_cast<std::size_t>(head_dim)), back(row.size());
  double error = 0, size = 0;
  for (int round = 0; round < 500; ++round) {
    for (float& x : row) x = draw();
    codec.encode(k, encoded.data(), row.data(), head_dim);
    codec.decode(k, back.data(), encoded.data(), 1, head_dim);
    for (std::size_t i = 0; i < row.size(); ++i) {
      error += (back[i] - row[i]) * (back[i] - row[i]);
      size += row[i] * row[i];
    }
  }
  return error / size;
}

// What sixteen levels leave of a normal distribution is 0.0095 of it; of fewer numbers the scale fits better.
TEST(Codec, q4_loses_what_sixteen_levels_must) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (const int head_dim : {48, 64, 80, 128, 256}) {
    const double error = relative_error(parts::codec_q4, head_dim, [&] { return normal(random); });
    EXPECT_GT(error, 0.0075) << head_dim;
    EXPECT_LT(error, 0.0105) << head_dim;
  }
}

// One number in sixty or so far larger than the others, which levels by the largest are lost on: the turn spreads it.
TEST(Codec, q4_keeps_rows_with_numbers_far_out) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  const auto far_out = [&] { return normal(random) * (random() % 64 == 0 ? 30.0f : 1.0f); };
  for (const int head_dim : {64, 128}) EXPECT_LT(relative_error(parts::codec_q4, head_dim, far_out), 0.025);
}

// In place, one query as many: what decoding first gives, but for the order of sums.
TEST(Codec, q4_in_place_is_close_to_decoding_first) {
  const Kernels& k = test::best_kernels();
  const Codec& codec = parts::codec_q4;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (const int head_dim : {8, 30, 48, 64}) {
    const auto dim = static_cast<std::size_t>(head_dim);
    constexpr int kKeys = kBlockSlots, kQueries = 7;
    std::vector<float> rows(kKeys * dim), q(kQueries * dim), p(kQueries * kKeys, 1.0f / kKeys);
    for (auto* numbers : {&rows, &q})
      for (float& x : *numbers) x = normal(random);
    std::vector<std::byte> encoded(kKeys * codec.row_bytes(head_dim));
    for (std::size_t j = 0; j < kKeys; ++j)
      codec.encode(k, encoded.data() + j * codec.row_bytes(head_dim), rows.data() + j * dim, head_dim);
    codec.decode(k, rows.data(), encoded.data(), kKeys, head_dim);
    std::vector<float> got(kQueries * kKeys), first = got, out(kQueries * dim, 0.5f), out_first = out;
    codec.scores(k, got.data(), kKeys, q.data(), kQueries, encoded.data(), kKeys, head_dim, 0.2f);
    k.attn_scores_f32(first.data(), kKeys, q.data(), head_dim, kQueries, rows.data(), head_dim, kKeys,
                      head_dim, 0.2f);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], first[i], 1e-5) << head_dim;
    codec.mix(k, out.data(), p.data(), kKeys, kQueries, encoded.data(), kKeys, head_dim);
    k.attn_mix_f32(out_first.data(), head_dim, p.data(), kKeys, kQueries, rows.data(), head_dim, kKeys,
                   head_dim);
    for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], out_first[i], 2e-6) << head_dim;
    std::vector<float> alone(kKeys);
    codec.scores(k, alone.data(), kKeys, q.data() + 4 * dim, 1, encoded.data(), kKeys, head_dim, 0.2f);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), got.begin() + 4 * kKeys)) << head_dim;
  }
}

// Trimming, squeezing and repacking: values stay as they were encoded; a key that is turned again is rounded
// again, and is a little off.
TEST(Codec, survivors_keep_their_values_and_nearly_their_keys) {
  for (const Codec* codec : row_codecs()) {
    SCOPED_TRACE(std::string(codec->name));
    const Policy policy = parse_policy("score=knorm, select=top(sink=4)").value();
    Memory::Shape shape = shape_with(*codec);
    shape.needs = policy.needs;
    Fixture f(shape, 1, 32, 1, 0, 5, test::best_kernels());
    f.append(7, kNoFrame, kPinned);
    for (int frame = 0; frame < 60; ++frame) {
      const auto before = f.slots(1, 1);
      ASSERT_NE(f.memory.make_room(29, policy), Room::full) << frame;
      test::expect_sound(f.memory);
      std::size_t b = 0;
      for (const Fixture::Slot& s : f.slots(1, 1)) {
        while (b < before.size() &&
               (before[b].token.frame != s.token.frame || before[b].token.j != s.token.j))
          ++b;
        ASSERT_LT(b, before.size()) << "a slot out of nowhere";
        ASSERT_EQ(before[b].value, s.value);
        std::vector<double> key = s.key;
        f.turn(key, before[b].position - s.position);
        for (std::size_t i = 0; i < key.size(); ++i)
          ASSERT_NEAR(key[i], before[b].key[i], 2 * error_of(*codec));
      }
      f.append(29, frame);
    }
  }
}

// Two equal tokens merge into themselves.
TEST(Codec, merging_what_is_equal_changes_no_more_than_rounding) {
  for (const Codec* codec : row_codecs()) {
    SCOPED_TRACE(std::string(codec->name));
    const Policy policy = parse_policy("score=recency, select=top, merge=average").value();
    Memory::Shape shape = shape_with(*codec);
    shape.needs = policy.needs;
    shape.n_blocks = Memory::blocks_min(shape, 0, 32);
    Fixture f(shape, 1, 32, 1, 0, 5, test::best_kernels());
    f.key_size = 0;
    for (int frame = 0; frame < 20; ++frame) {
      ASSERT_NE(f.memory.make_room(32, policy), Room::full) << frame;
      test::expect_sound(f.memory);
      f.append(32, frame);
    }
    for (const Fixture::Slot& s : f.slots(0, 0))
      for (const double x : s.key) ASSERT_EQ(x, 0.0);
  }
}

}  // namespace
}  // namespace shrike::kv
