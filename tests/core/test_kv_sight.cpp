// Layers that see only what is near and turn keys by frequencies of their own, and pictures whose rows see each other:
// what attention makes of them, and where keys stand when what lay between has left.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/core/kv_fixture.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/machine.hpp"

namespace shrike::kv {
namespace {

using test::expect_sound;
using test::Fixture;

constexpr int kFrame = 29;

// Layers 0 and 2 are near, 1 sees all.
Memory::Shape sight_shape(int sight, int head_dim = 8) {
  Memory::Shape shape;
  shape.n_layers = 3;
  shape.n_kv_heads = 2;
  shape.head_dim = head_dim;
  shape.n_blocks = 6 * 30;
  shape.n_ctx = 400;
  shape.reserve = 20;
  shape.sight = sight;
  shape.far_every = 2;
  return shape;
}

std::vector<Modality> classes_of(int n_rows) {
  std::vector<Modality> classes;
  for (int i = 0; i < n_rows; ++i) classes.push_back(i % 3 == 0 ? Modality::text : Modality::image);
  return classes;
}

// A row of text, and then pictures of `side` rows with one between them; 0: no pictures.
std::vector<RowRange> pictures_of(int n_rows, int side) {
  std::vector<RowRange> pictures;
  for (int row = 0; row < n_rows; ++row) {
    const int first = row - (row - 1) % (side + 1);
    const bool text = side == 0 || row == 0 || row - first == side;
    pictures.push_back(text ? RowRange{row, row + 1} : RowRange{first, std::min(first + side, n_rows)});
  }
  return pictures;
}

// Softmax weights of a row over the slots, in double: near by position, or of its own picture.
std::vector<double> weights(const Fixture& f, int layer, const std::vector<Fixture::Slot>& slots,
                            const std::vector<float>& q, int n_rows, int row, int head, RowRange picture) {
  const auto hd = static_cast<std::size_t>(f.shape.head_dim);
  const std::size_t at = static_cast<std::size_t>(row * f.shape.n_kv_heads * f.group + head) * hd;
  const int before = static_cast<int>(slots.size()) - n_rows;
  const int position = slots[static_cast<std::size_t>(before + row)].position;
  std::vector<double> query(q.begin() + static_cast<std::ptrdiff_t>(at),
                            q.begin() + static_cast<std::ptrdiff_t>(at + hd));
  f.turn(query, position, f.base_of(layer));
  std::vector<double> p;
  double total = 0;
  for (int j = 0; j < std::ssize(slots); ++j) {
    const Fixture::Slot& slot = slots[static_cast<std::size_t>(j)];
    const int distance = position - slot.position;
    const bool in_sight = distance >= 0 && (!f.shape.is_near(layer) || distance < f.shape.sight);
    const bool beside = j >= before + picture.first && j < before + picture.end;
    double dot = 0;
    for (std::size_t i = 0; i < hd; ++i) dot += query[i] * slot.key[i];
    p.push_back(in_sight || beside ? std::exp(dot / std::sqrt(f.shape.head_dim)) : 0.0);
    total += p.back();
  }
  for (double& x : p) x /= total;
  return p;
}

void expect_obvious(Fixture& f, int layer, int n_rows, const std::vector<RowRange>* pictures, bool shows) {
  const int hd = f.shape.head_dim, n_heads = f.shape.n_kv_heads * f.group;
  const std::vector<float> q = f.numbers(n_rows * n_heads * hd);
  std::vector<float> out(q.size());
  const std::vector<Modality> classes = classes_of(n_rows);
  f.attention.attend(f.kernels, f.threads, f.memory, layer, q.data(), out.data(), n_rows, classes.data(),
                     shows ? &f.evidence : nullptr, {}, pictures != nullptr ? pictures->data() : nullptr);
  // Many rows go over panels of integers of 13 bits.
  const double tolerance = f.kernels.wide.fast && n_rows >= 16 ? 6e-3 : 2e-5;
  for (int kv = 0; kv < f.shape.n_kv_heads; ++kv) {
    const auto slots = f.slots(layer, kv);
    std::vector<double> mass(slots.size());
    double entropy[2] = {};
    for (int row = 0; row < n_rows; ++row)
      for (int g = 0; g < f.group; ++g) {
        const int head = kv * f.group + g;
        const RowRange picture =
            pictures != nullptr ? (*pictures)[static_cast<std::size_t>(row)] : RowRange{};
        const std::vector<double> p = weights(f, layer, slots, q, n_rows, row, head, picture);
        for (int i = 0; i < hd; ++i) {
          double want = 0;
          for (std::size_t j = 0; j < p.size(); ++j)
            want += p[j] * slots[j].value[static_cast<std::size_t>(i)];
          ASSERT_NEAR(out[static_cast<std::size_t>((row * n_heads + head) * hd + i)], want, tolerance)
              << "row " << row << ", head " << head;
        }
        const Modality query_class = classes[static_cast<std::size_t>(row)];
        const bool counted = is_counted(query_class, row, n_rows);
        for (std::size_t j = 0; j < p.size(); ++j) {
          mass[j] += p[j];
          if (counted && p[j] > 0) entropy[static_cast<int>(query_class)] -= p[j] * std::log(p[j]);
        }
      }
    if (!shows) continue;
    const float* shown = f.evidence.mass + static_cast<std::ptrdiff_t>(kv) * f.shape.slots_max();
    for (std::size_t j = 0; j < mass.size(); ++j) {
      ASSERT_NEAR(shown[j], mass[j], n_rows * tolerance) << j;
      ASSERT_EQ(shown[j] == 0.0f, mass[j] == 0) << j;
    }
    for (int c = 0; c < 2; ++c)
      ASSERT_NEAR(f.evidence.rows[2 * kv + c].entropy, entropy[c], 20 * n_rows * tolerance);
  }
}

class KvSight : public shrike::test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(KvSight);

// One row, few rows and many go three ways; blocks have lost slots in front and between.
TEST_P(KvSight, equals_the_obvious_version_near_and_far_with_pictures_and_without) {
  for (const char* codec : {"f16", "q4", "kivi2"})
    for (const int sight : {40, 1, 100'000})
      for (const int n_rows : {1, 5, 32})
        for (const int side : {0, 9, 40}) {
          if (codec != std::string_view("f16") && (sight != 40 || side == 40)) continue;
          if (shrike::test::kSlow && n_rows == 5) continue;
          SCOPED_TRACE(std::string(codec) + ", sight " + std::to_string(sight) + ", " +
                       std::to_string(n_rows) + " rows, pictures of " + std::to_string(side));
          const Policy policy = parse_policy("score=random select=top codec=" + std::string(codec)).value();
          Memory::Shape shape = sight_shape(sight, 32);
          shape.serve(policy);
          Fixture f(shape, 2, 32, 2, test::kShown, 7, k);
          f.append(7, kNoFrame, kPinned);
          for (int frame = 0; frame < 15; ++frame) {
            ASSERT_NE(f.memory.make_room(kFrame, policy), Room::full);
            f.append(kFrame, frame);
          }
          ASSERT_NE(f.memory.make_room(n_rows, policy), Room::full);
          f.append(n_rows, 20);
          const std::vector<RowRange> pictures = pictures_of(n_rows, side);
          for (const int layer : {0, 1, 2})
            for (const bool shows : {false, true}) {
              expect_obvious(f, layer, n_rows, side > 0 ? &pictures : nullptr, shows);
              if (HasFatalFailure()) return;
            }
        }
}

TEST_P(KvSight, is_the_same_bits_for_one_two_and_four_threads) {
  for (const int n_rows : {1, 5, 32}) {
    std::vector<float> first, first_mass;
    for (const int n_threads : {1, 2, 4}) {
      Fixture f(sight_shape(40, 32), 2, 32, n_threads, test::kShown, 8, k);
      f.append(100, 0);
      f.append(n_rows, 1);
      const std::vector<float> q = f.numbers(n_rows * 4 * 32);
      const std::vector<Modality> classes = classes_of(n_rows);
      const std::vector<RowRange> pictures = pictures_of(n_rows, 9);
      std::vector<float> out(q.size());
      for (Evidence* evidence : {static_cast<Evidence*>(nullptr), &f.evidence}) {
        f.attention.attend(k, f.threads, f.memory, 0, q.data(), out.data(), n_rows, classes.data(), evidence,
                           {}, pictures.data());
        if (n_threads == 1) first.insert(first.end(), out.begin(), out.end());
        const auto from = first.begin() + (evidence != nullptr ? std::ssize(out) : 0);
        EXPECT_TRUE(std::equal(out.begin(), out.end(), from)) << n_rows << " " << n_threads;
      }
      const std::vector<float> mass(f.evidence.mass, f.evidence.mass + f.memory.n_live(0, 0));
      if (n_threads == 1) first_mass = mass;
      EXPECT_EQ(mass, first_mass);
    }
  }
}

TEST(Sight, what_was_too_far_comes_back_when_what_lay_between_has_left) {
  const Kernels kernels = kernels_for(Isa::scalar);
  const Policy policy = parse_policy("recent").value();
  Memory::Shape shape = sight_shape(100);
  shape.serve(policy);
  Fixture f(shape, 1, 32, 1, 0, 1, kernels);
  f.append(10, kNoFrame, kPinned);
  for (int frame = 0; frame < 5; ++frame) f.append(kFrame, frame);
  // 155 positions, of which the last row sees 100, and the row before it one that is older.
  for (const int layer : {0, 2}) {
    EXPECT_EQ(f.memory.n_unseen(layer, 0, kFrame - 1), 55);
    EXPECT_EQ(f.memory.n_unseen(layer, 1, kFrame - 2), 54);
  }
  EXPECT_EQ(f.memory.n_unseen(1, 0, kFrame - 1), 0);
  ASSERT_EQ(f.memory.make_room(240, policy), Room::compressed);
  f.append(1, 9);
  const int n_held = f.memory.n_live(0, 0);
  ASSERT_LT(n_held, 155 + 1);
  EXPECT_EQ(f.memory.next_position(), n_held);  // closed up
  EXPECT_EQ(f.memory.n_unseen(0, 0, 0), std::max(0, n_held - 100));
}

// Keys that hang on nothing but the token, turned to where it stands by the frequencies of its layer.
TEST(Sight, keys_of_near_and_far_layers_move_when_others_leave) {
  const Kernels kernels = kernels_for(Isa::scalar);
  const auto key_of = [](const TokenFacts& token) {
    std::mt19937 random(static_cast<std::uint32_t>((token.frame + 1) * 256 + token.j));
    std::normal_distribution<float> normal;
    std::vector<float> key(8);
    for (float& x : key) x = normal(random);
    return key;
  };
  const std::pair<const char*, double> kPolicies[] = {
      {"recent", 2e-3}, {"random", 4e-3}, {"score=random select=top codec=kivi4", 0.25}};
  for (const auto& [name, tolerance] : kPolicies) {
    SCOPED_TRACE(name);
    const Policy policy = parse_policy(name).value();
    Memory::Shape shape = sight_shape(50);
    shape.n_ctx = 230;
    shape.n_blocks = 6 * 12;
    shape.serve(policy);
    Fixture f(shape, 1, kFrame, 1, 0, 2, kernels);
    for (int frame = 0; frame < 60; ++frame) {
      ASSERT_NE(f.memory.make_room(kFrame, policy), Room::full);
      std::vector<TokenFacts> facts;
      for (int i = 0; i < kFrame; ++i) facts.push_back({frame, 0, static_cast<std::uint8_t>(i)});
      f.memory.append(facts);
      for (int t = 0; t < 6; ++t)
        for (int row = 0; row < kFrame; ++row) {
          std::vector<float> key = key_of(facts[static_cast<std::size_t>(row)]);
          const std::vector<float> value = key;
          f.memory.store(kernels, t / 2, t % 2, row, key.data(), value.data());
        }
      expect_sound(f.memory);
    }
    for (int t = 0; t < 6; ++t) {
      double off = 0;  // squares
      int n = 0;
      for (const Fixture::Slot& slot : f.slots(t / 2, t % 2)) {
        const std::vector<float> key = key_of(slot.token);
        std::vector<double> want(key.begin(), key.end());
        f.turn(want, slot.position, f.base_of(t / 2));
        for (std::size_t i = 0; i < want.size(); ++i, ++n)
          off += (slot.key[i] - want[i]) * (slot.key[i] - want[i]);
      }
      EXPECT_LE(std::sqrt(off / n), tolerance) << "layer " << t / 2;
    }
  }
}

}  // namespace
}  // namespace shrike::kv
