#include "core/kv/attention.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/kv_fixture.hpp"
#include "tests/support/isas.hpp"

namespace shrike::kv {
namespace {

using test::Fixture;

class KvAttention : public shrike::test::OnEveryIsa {};
SHRIKE_ON_EVERY_ISA(KvAttention);

Memory::Shape shape_of(int head_dim) {
  Memory::Shape shape;
  shape.n_layers = 2;
  shape.n_kv_heads = 2;
  shape.head_dim = head_dim;
  shape.n_blocks = 4 * 30;
  shape.n_ctx = 400;
  shape.reserve = 20;
  return shape;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The obvious version: every query turned to its position, every key at its own, softmax in double.
struct Oracle {
  std::vector<double> out;                // [n_rows][n_heads * head_dim]
  std::vector<std::vector<double>> mass;  // [n_kv_heads][slots]
  double entropy[2][2] = {};              // [kv head][query class], sums
  double class_entropy[2][2][2] = {};     // [kv head][query class][key class]
};
Oracle oracle(const Fixture& f, int layer, const std::vector<float>& q, int n_rows) {
  const int hd = f.shape.head_dim;
  const int n_heads = f.shape.n_kv_heads * f.group;
  Oracle o;
  o.out.assign(static_cast<std::size_t>(n_rows * n_heads * hd), 0.0);
  for (int kv = 0; kv < f.shape.n_kv_heads; ++kv) {
    const auto slots = f.slots(layer, kv);
    o.mass.emplace_back(slots.size(), 0.0);
    for (int row = 0; row < n_rows; ++row)
      for (int g = 0; g < f.group; ++g) {
        const int at = (row * n_heads + kv * f.group + g) * hd;
        std::vector<double> query(q.begin() + at, q.begin() + at + hd);
        const int position = f.memory.next_position() - n_rows + row;
        f.turn(query, position);
        std::vector<double> p;
        double z[2] = {};
        for (const auto& s : slots)
          p.push_back(s.position <= position ? std::exp(dot(query, s.key) / std::sqrt(hd)) : 0.0);
        for (std::size_t j = 0; j < p.size(); ++j) z[static_cast<int>(slots[j].token.modality)] += p[j];
        const double total = z[0] + z[1];
        const int query_class =
            static_cast<int>(slots[slots.size() - static_cast<std::size_t>(n_rows - row)].token.modality);
        for (std::size_t j = 0; j < p.size(); ++j) {
          if (p[j] == 0) continue;
          const int c = static_cast<int>(slots[j].token.modality);
          o.entropy[kv][query_class] -= p[j] / total * std::log(p[j] / total);
          o.class_entropy[kv][query_class][c] -= p[j] / z[c] * std::log(p[j] / z[c]);
          o.mass[static_cast<std::size_t>(kv)][j] += p[j] / total;
          for (int i = 0; i < hd; ++i)
            o.out[static_cast<std::size_t>(at + i)] +=
                p[j] / total * slots[j].value[static_cast<std::size_t>(i)];
        }
      }
  }
  return o;
}

TEST_P(KvAttention, equals_the_obvious_version_over_blocks_evictions_and_odd_sizes) {
  for (int head_dim : {8, 32, 64})
    for (int group : {1, 2, 3})
      for (int n_rows : {1, 5, 8, 29}) {
        Fixture f(shape_of(head_dim), group, 32, 1, test::kShown, 7, k);
        const Policy policy = parse_policy("recent").value();
        f.append(7, kNoFrame, kPinned);
        for (int frame = 0; frame < 20; ++frame) {
          ASSERT_NE(f.memory.make_room(29, policy), Room::full);
          f.append(29, frame);
        }
        ASSERT_NE(f.memory.make_room(n_rows, policy), Room::full);
        f.append(n_rows, 20);
        const int n_heads = f.shape.n_kv_heads * group;
        const std::vector<float> q = f.numbers(n_rows * n_heads * head_dim);
        std::vector<float> out(q.size());
        std::vector<Modality> query_class;
        for (int i = 0; i < n_rows; ++i) query_class.push_back(i % 3 == 0 ? Modality::text : Modality::image);
        std::vector<RowSums> rows(4);
        std::vector<float> mass(static_cast<std::size_t>(2 * f.shape.slots_max()));
        Evidence evidence{rows.data(), mass.data()};
        f.attention.attend(k, f.threads, f.memory, 1, q.data(), out.data(), n_rows, query_class.data(),
                           &evidence);

        const Oracle o = oracle(f, 1, q, n_rows);
        for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], o.out[i], 2e-5) << i;
        for (int kv = 0; kv < 2; ++kv) {
          for (std::size_t j = 0; j < o.mass[static_cast<std::size_t>(kv)].size(); ++j)
            ASSERT_NEAR(mass[static_cast<std::size_t>(kv * f.shape.slots_max()) + j],
                        o.mass[static_cast<std::size_t>(kv)][j], 1e-4);
          for (int c = 0; c < 2; ++c) {
            EXPECT_NEAR(rows[static_cast<std::size_t>(2 * kv + c)].entropy, o.entropy[kv][c], 1e-3);
            for (int key_class = 0; key_class < 2; ++key_class)
              EXPECT_NEAR(rows[static_cast<std::size_t>(2 * kv + c)].class_entropy[key_class],
                          o.class_entropy[kv][c][key_class], 1e-3);
          }
        }

        // Asking for evidence changes nothing.
        std::vector<float> plain(q.size());
        f.attention.attend(k, f.threads, f.memory, 1, q.data(), plain.data(), n_rows, nullptr, nullptr);
        for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(plain[i], out[i], 1e-6);
      }
}

TEST_P(KvAttention, is_the_same_bits_for_one_two_and_four_threads) {
  std::vector<float> first;
  std::vector<float> first_mass;
  for (int n_threads : {1, 2, 4}) {
    Fixture f(shape_of(64), 2, 32, n_threads, test::kShown, 8, k);
    f.append(100, 0);
    f.append(29, 1);
    const std::vector<float> q = f.numbers(29 * 4 * 64);
    std::vector<float> out(q.size());
    std::vector<Modality> query_class(29, Modality::image);
    std::vector<RowSums> rows(4);
    std::vector<float> mass(static_cast<std::size_t>(2 * f.shape.slots_max()));
    Evidence evidence{rows.data(), mass.data()};
    f.attention.attend(k, f.threads, f.memory, 0, q.data(), out.data(), 29, query_class.data(), &evidence);
    if (first.empty()) {
      first = out;
      first_mass = mass;
    }
    EXPECT_EQ(out, first);
    EXPECT_EQ(mass, first_mass);
  }
}

}  // namespace
}  // namespace shrike::kv
