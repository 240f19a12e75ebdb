// Every type against values worked out by hand from the layouts, and unpack against itself in pieces.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "platform/kernels/groups.hpp"
#include "tests/support/numbers.hpp"

namespace shrike {
namespace {

constexpr DType kTypes[] = {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,  DType::q8_0,
                            DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl};

constexpr f16 kOne = 0x3C00, kTwo = 0x4000, kHalf = 0x3800, kMinusThree = 0xC200;

template <class Block>
std::vector<Group> groups(DType type, const Block& block) {
  std::vector<Group> out(QType<Block>::kGroups);
  unpack(type, reinterpret_cast<const std::byte*>(&block), 0, QType<Block>::kGroups, out.data());
  return out;
}

void expect_scale(const Group& group, float d, float m) {
  EXPECT_EQ(group.d[0], d);
  EXPECT_EQ(group.d[1], d);
  EXPECT_EQ(group.m[0], m);
  EXPECT_EQ(group.m[1], m);
}

TEST(Groups, q4_0_is_a_nibble_less_eight) {
  QBlockQ4_0 block{kTwo, {}};
  block.q[0] = 0xF0;  // weight 0: 0, weight 16: 15
  block.q[1] = 0x08;
  block.q[15] = 0x9A;  // weight 15: 10, weight 31: 9
  const Group group = groups(DType::q4_0, block)[0];
  expect_scale(group, 2, 0);
  EXPECT_EQ(group.q[0], -8);
  EXPECT_EQ(group.q[16], 7);
  EXPECT_EQ(group.q[1], 0);
  EXPECT_EQ(group.q[17], -8);
  EXPECT_EQ(group.q[15], 2);
  EXPECT_EQ(group.q[31], 1);
}

TEST(Groups, q4_1_is_a_nibble_over_a_minimum) {
  QBlockQ4_1 block{kHalf, kMinusThree, {}};
  block.q[2] = 0xF1;
  const Group group = groups(DType::q4_1, block)[0];
  expect_scale(group, 0.5f, -3);
  EXPECT_EQ(group.q[2], 1);
  EXPECT_EQ(group.q[18], 15);
  EXPECT_EQ(group.q[0], 0);
}

TEST(Groups, q5_0_has_its_fifth_bits_in_a_word) {
  QBlockQ5_0 block{kOne, {0x01, 0x00, 0x02, 0x80}, {}};  // bits 0, 17 and 31
  block.q[0] = 0x3F;
  block.q[1] = 0x40;
  block.q[15] = 0xF2;
  const Group group = groups(DType::q5_0, block)[0];
  expect_scale(group, 1, 0);
  EXPECT_EQ(group.q[0], 15);    // 15 + 16 - 16
  EXPECT_EQ(group.q[16], -13);  // 3 - 16
  EXPECT_EQ(group.q[1], -16);
  EXPECT_EQ(group.q[17], 4);
  EXPECT_EQ(group.q[15], -14);
  EXPECT_EQ(group.q[31], 15);
}

TEST(Groups, q5_1_has_both) {
  QBlockQ5_1 block{kTwo, kMinusThree, {0x00, 0x01, 0x01, 0x00}, {}};  // bits 8 and 16
  block.q[0] = 0x5A;
  block.q[8] = 0x07;
  const Group group = groups(DType::q5_1, block)[0];
  expect_scale(group, 2, -3);
  EXPECT_EQ(group.q[0], 10);
  EXPECT_EQ(group.q[16], 21);
  EXPECT_EQ(group.q[8], 23);
  EXPECT_EQ(group.q[24], 0);
}

TEST(Groups, q8_0_is_as_it_lies) {
  QBlockQ8_0 block{kHalf, {}};
  for (int i = 0; i < 32; ++i) block.q[i] = static_cast<std::int8_t>(-128 + 8 * i);
  const Group group = groups(DType::q8_0, block)[0];
  expect_scale(group, 0.5f, 0);
  for (int i = 0; i < 32; ++i) EXPECT_EQ(group.q[i], -128 + 8 * i);
}

TEST(Groups, iq4_nl_looks_its_nibbles_up) {
  QBlockIQ4_NL block{kOne, {}};
  block.q[0] = 0xF0;
  block.q[7] = 0x87;
  const Group group = groups(DType::iq4_nl, block)[0];
  expect_scale(group, 1, 0);
  EXPECT_EQ(group.q[0], -127);
  EXPECT_EQ(group.q[16], 113);
  EXPECT_EQ(group.q[7], -10);
  EXPECT_EQ(group.q[23], 1);
}

// Scales 1..8 with a high part in the last four, minimums 33..40 (6 bits), set by hand:
//   s_j = j + 1 for j < 4, 49 + j for j >= 4 (bits 4, 5 set: 53 = 0x35 ..)   m_j = 33 + j
constexpr std::uint8_t kScaleBytes[12] = {
    0xC1, 0xC2, 0xC3, 0xC4,  // s_0..s_3 = 1..4, above them the upper bits of s_4..s_7: 3
    0xA1, 0xA2, 0xA3, 0xA4,  // m_0..m_3 = 33..36, above them the upper bits of m_4..m_7: 2
    0x55, 0x66, 0x77, 0x88,  // low halves: s = 5..8 (+ 48), high halves: m = 5..8 (+ 32)
};

TEST(Groups, k_scales_are_six_bits_in_twelve_bytes) {
  for (int j = 0; j < 8; ++j) {
    const KScale s = k_scale(kScaleBytes, j);
    EXPECT_EQ(s.scale, j < 4 ? j + 1 : 49 + j) << j;
    EXPECT_EQ(s.minimum, 33 + j) << j;
  }
}

TEST(Groups, q4_k_has_eight_groups_of_their_own_scale_and_minimum) {
  QBlockQ4_K block{kHalf, kTwo, {}, {}};
  std::copy(std::begin(kScaleBytes), std::end(kScaleBytes), block.scales);
  block.q[0] = 0xE3;        // group 0 weight 0: 3, group 1 weight 0: 14
  block.q[32 + 31] = 0x5C;  // group 2 weight 31: 12, group 3 weight 31: 5
  block.q[96 + 7] = 0x1F;   // group 6 weight 7: 15, group 7 weight 7: 1
  const auto g = groups(DType::q4_k, block);
  expect_scale(g[0], 0.5f * 1, -2.0f * 33);
  expect_scale(g[1], 0.5f * 2, -2.0f * 34);
  expect_scale(g[7], 0.5f * 56, -2.0f * 40);
  EXPECT_EQ(g[0].q[0], 3);
  EXPECT_EQ(g[1].q[0], 14);
  EXPECT_EQ(g[2].q[31], 12);
  EXPECT_EQ(g[3].q[31], 5);
  EXPECT_EQ(g[6].q[7], 15);
  EXPECT_EQ(g[7].q[7], 1);
  EXPECT_EQ(g[4].q[7], 0);
}

TEST(Groups, q5_k_has_a_bit_of_each_high_byte_for_each_group) {
  QBlockQ5_K block{kOne, kHalf, {}, {}, {}};
  std::copy(std::begin(kScaleBytes), std::end(kScaleBytes), block.scales);
  block.high[0] = 0x02;   // group 1 weight 0
  block.high[31] = 0x84;  // groups 2 and 7, weight 31
  block.q[0] = 0xE3;
  block.q[32 + 31] = 0x5C;
  const auto g = groups(DType::q5_k, block);
  expect_scale(g[4], 53, -0.5f * 37);
  EXPECT_EQ(g[0].q[0], 3);
  EXPECT_EQ(g[1].q[0], 30);
  EXPECT_EQ(g[2].q[31], 28);
  EXPECT_EQ(g[3].q[31], 5);
  EXPECT_EQ(g[7].q[31], 16);
  EXPECT_EQ(g[6].q[31], 0);
}

TEST(Groups, q6_k_has_a_scale_for_sixteen) {
  QBlockQ6_K block{};
  block.d = kHalf;
  for (int i = 0; i < 16; ++i) block.scales[i] = static_cast<std::int8_t>(10 * i - 70);
  block.low[5] = 0xA7;               // weight 5 and 69 of half 0
  block.low[64 + 32 + 20] = 0x3C;    // weight 52 and 116 of half 1
  block.high[5] = 0b11100100;        // quarters 0..3 of weight 5: 0, 1, 2, 3
  block.high[32 + 20] = 0b01001000;  // of weight 20: 0, 2, 0, 1
  const auto g = groups(DType::q6_k, block);
  for (int j = 0; j < 8; ++j)
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(g[static_cast<std::size_t>(j)].d[i], 0.5f * static_cast<float>(20 * j + 10 * i - 70));
      EXPECT_EQ(g[static_cast<std::size_t>(j)].m[i], 0);
    }
  EXPECT_EQ(g[0].q[5], 7 - 32);
  EXPECT_EQ(g[1].q[5], 0 + 16 - 32);
  EXPECT_EQ(g[2].q[5], 10 + 32 - 32);
  EXPECT_EQ(g[3].q[5], 0 + 48 - 32);
  EXPECT_EQ(g[5].q[20], 12 + 32 - 32);
  EXPECT_EQ(g[7].q[20], 3 + 16 - 32);
  EXPECT_EQ(g[4].q[20], -32);
}

TEST(Groups, any_stretch_of_a_row_is_a_stretch_of_its_groups) {
  test::Numbers numbers(11);
  for (const DType type : kTypes) {
    constexpr int kGroups = 24;
    std::vector<std::byte> row;
    ASSERT_TRUE(with_qblock(
        type, [&]<class Block>() { row.resize(sizeof(Block) * kGroups / QType<Block>::kGroups); }));
    for (std::byte& b : row) b = static_cast<std::byte>(numbers.byte());
    std::vector<Group> whole(kGroups);
    unpack(type, row.data(), 0, kGroups, whole.data());
    for (int first = 0; first < kGroups; ++first)
      for (const int n : {0, 1, 2, 7, 8, 9}) {
        if (first + n > kGroups) continue;
        std::vector<Group> some(static_cast<std::size_t>(n) + 1);
        std::memset(some.data(), 0x55, some.size() * sizeof(Group));
        const Group guard = some.back();
        unpack(type, row.data(), first, n, some.data());
        EXPECT_EQ(std::memcmp(some.data(), whole.data() + first, static_cast<std::size_t>(n) * sizeof(Group)),
                  0);
        EXPECT_EQ(std::memcmp(&some.back(), &guard, sizeof(Group)), 0);
      }
  }
}

TEST(Groups, a_type_without_groups_is_told) {
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q2_k, DType::iq4_xs})
    EXPECT_FALSE(with_qblock(type, []<class Block>() {}));
}

}  // namespace
}  // namespace shrike
