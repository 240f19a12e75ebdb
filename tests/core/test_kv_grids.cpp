// Pictures whose tokens share one position and are told apart by row and column (M-RoPE): how many positions they
// take up, what becomes of them when others leave, and what attention makes of it.
#include <gtest/gtest.h>

#include "tests/core/kv_fixture.hpp"
#include "tests/support/isas.hpp"

namespace shrike::kv {
namespace {

using test::expect_sound;
using test::Fixture;

constexpr int kRows = 3, kColumns = 4;

Memory::Shape grid_shape() {
  Memory::Shape shape;
  shape.n_layers = 2;
  shape.n_kv_heads = 2;
  shape.head_dim = 8;
  shape.n_blocks = 4 * 12;
  shape.n_ctx = 160;
  shape.reserve = 20;
  shape.grids = true;
  return shape;
}

// A text token, a picture, a text token. Text is told apart by i.
std::vector<TokenFacts> frame_of(int number) {
  std::vector<TokenFacts> facts;
  facts.push_back({number, 100, 0, Modality::text, 0});
  for (int k = 0; k < kRows * kColumns; ++k)
    facts.push_back({number, static_cast<std::uint8_t>(k / kColumns), static_cast<std::uint8_t>(k % kColumns),
                     Modality::image, kGrid});
  facts.push_back({number, 101, 0, Modality::text, 0});
  return facts;
}

// Keys that hang on nothing but the token.
std::vector<float> key_of(const TokenFacts& token, int head_dim) {
  std::mt19937 random(static_cast<std::uint32_t>(token.frame * 65536 + token.i * 256 + token.j));
  std::normal_distribution<float> normal;
  std::vector<float> key(static_cast<std::size_t>(head_dim));
  for (float& x : key) x = normal(random);
  return key;
}

void append(Fixture& f, const std::vector<TokenFacts>& facts) {
  f.memory.append(facts);
  for (int layer = 0; layer < f.shape.n_layers; ++layer)
    for (int head = 0; head < f.shape.n_kv_heads; ++head)
      for (std::size_t row = 0; row < facts.size(); ++row) {
        std::vector<float> key = key_of(facts[row], f.shape.head_dim);
        const std::vector<float> value = key;
        f.memory.store(f.kernels, layer, head, static_cast<int>(row), key.data(), value.data());
      }
}

// Pairs 0, 1 to 2 and 3 by time, row and column: sections {1, 2, 1} of a head of 8.
std::vector<double> turned(const std::vector<float>& x, Place place) {
  const int positions[] = {place.t, place.t + place.row, place.t + place.row, place.t + place.column};
  std::vector<double> out(x.size());
  for (std::size_t pair = 0; pair < 4; ++pair) {
    const double angle = positions[pair] * std::pow(Fixture::kBase, -2.0 * static_cast<double>(pair) / 8);
    const double a = x[2 * pair], b = x[2 * pair + 1];
    out[2 * pair] = a * std::cos(angle) - b * std::sin(angle);
    out[2 * pair + 1] = a * std::sin(angle) + b * std::cos(angle);
  }
  return out;
}

void expect_keys_where_they_stand(const Fixture& f) {
  for (int layer = 0; layer < f.shape.n_layers; ++layer)
    for (int head = 0; head < f.shape.n_kv_heads; ++head)
      for (const Fixture::Slot& slot : f.slots(layer, head)) {
        const std::vector<double> want =
            turned(key_of(slot.token, f.shape.head_dim), place_of(slot.token, slot.position));
        for (std::size_t i = 0; i < want.size(); ++i)
          ASSERT_NEAR(slot.key[i], want[i], 5e-2) << slot.token.frame << " at " << slot.position;
      }
}

TEST(Grids, a_picture_takes_up_as_many_positions_as_its_longer_side) {
  const Kernels kernels = kernels_for(Isa::scalar);
  Fixture f(grid_shape(), 1, 32, 1, 0, 1, kernels);
  append(f, frame_of(0));
  EXPECT_EQ(f.memory.next_position(), 1 + kColumns + 1);
  const auto slots = f.slots(0, 0);
  ASSERT_EQ(slots.size(), 14u);
  EXPECT_EQ(slots[0].position, 0);
  for (std::size_t k = 1; k < 13; ++k) EXPECT_EQ(slots[k].position, 1) << k;
  EXPECT_EQ(slots[13].position, 1 + kColumns);
  // The same when it comes in pieces.
  const std::vector<TokenFacts> next = frame_of(1);
  append(f, {next.begin(), next.begin() + 6});
  append(f, {next.begin() + 6, next.end()});
  EXPECT_EQ(f.memory.next_position(), 2 * (1 + kColumns + 1));
  for (std::size_t k = 15; k < 27; ++k) EXPECT_EQ(f.slots(0, 0)[k].position, 7) << k;
}

TEST(Grids, what_stays_moves_as_a_whole_when_older_pictures_leave_for_ever) {
  const Kernels kernels = kernels_for(Isa::scalar);
  for (const char* name : {"recent", "streamingllm", "knorm", "random"}) {
    SCOPED_TRACE(name);
    const Policy policy = parse_policy(name).value();
    Memory::Shape shape = grid_shape();
    shape.serve(policy);
    Fixture f(shape, 1, 32, 1, 0, 2, kernels);
    ASSERT_EQ(f.memory.make_room(4, policy), Room::ok);
    std::vector<TokenFacts> opening(4);
    for (std::size_t i = 0; i < 4; ++i)
      opening[i] = {kNoFrame, static_cast<std::uint8_t>(i), 0, Modality::text, kPinned};
    append(f, opening);
    int n_compressed = 0;
    for (int frame = 0; frame < 300; ++frame) {
      n_compressed += f.memory.make_room(14, policy) == Room::compressed ? 1 : 0;
      append(f, frame_of(frame));
      expect_sound(f.memory);
      if (frame % 29 == 0) expect_keys_where_they_stand(f);
    }
    EXPECT_GT(n_compressed, 50);
    if (policy.name != "recent") continue;
    // Whole frames, one behind the other.
    const auto slots = f.slots(1, 1);
    for (std::size_t i = 4; i < slots.size(); i += 14) {
      EXPECT_EQ(slots[i].position, 4 + static_cast<int>(i - 4) / 14 * 6);
      EXPECT_EQ(slots[i + 13].position, slots[i].position + 5);
    }
  }
}

class GridAttention : public shrike::test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(GridAttention);

// One row, few rows and many go three ways.
TEST_P(GridAttention, is_that_of_three_positions) {
  const Kernels kernels = kernels_for(GetParam());
  for (const int n_rows : {1, 4, 14, 27}) {
    Memory::Shape shape = grid_shape();
    Fixture f(shape, 1, 32, 2, 0, 3, kernels);
    const Policy policy = parse_policy("recent").value();
    for (int frame = 0; frame < 40; frame += 2) {
      (void)f.memory.make_room(28, policy);
      std::vector<TokenFacts> facts = frame_of(frame);
      const std::vector<TokenFacts> next = frame_of(frame + 1);
      facts.insert(facts.end(), next.begin(), next.end());
      append(f, {facts.begin(), facts.end() - n_rows});
      append(f, {facts.end() - n_rows, facts.end()});
    }
    const int n_heads = shape.n_kv_heads;
    const std::vector<float> q = f.numbers(n_rows * n_heads * 8);
    std::vector<float> out(q.size());
    const std::vector<Modality> classes(static_cast<std::size_t>(n_rows), Modality::text);
    f.attention.attend(kernels, f.threads, f.memory, 1, q.data(), out.data(), n_rows, classes.data(),
                       nullptr);
    for (int head = 0; head < n_heads; ++head) {
      const auto slots = f.slots(1, head);
      for (int row = 0; row < n_rows; ++row) {
        const std::size_t visible = slots.size() - static_cast<std::size_t>(n_rows - 1 - row);
        const Fixture::Slot& own = slots[visible - 1];
        const auto at = static_cast<std::size_t>((row * n_heads + head) * 8);
        const std::vector<double> query = turned(
            {q.begin() + static_cast<std::ptrdiff_t>(at), q.begin() + static_cast<std::ptrdiff_t>(at) + 8},
            place_of(own.token, own.position));
        double sum = 0, mixed[8] = {};
        for (std::size_t s = 0; s < visible; ++s) {
          double dot = 0;
          for (std::size_t i = 0; i < 8; ++i) dot += query[i] * slots[s].key[i];
          const double weight = std::exp(dot / std::sqrt(8.0));
          sum += weight;
          for (std::size_t i = 0; i < 8; ++i) mixed[i] += weight * slots[s].value[i];
        }
        for (std::size_t i = 0; i < 8; ++i)
          ASSERT_NEAR(out[at + i], mixed[i] / sum, 6e-3)
              << n_rows << " rows, row " << row << ", head " << head;
      }
    }
  }
}

}  // namespace
}  // namespace shrike::kv
