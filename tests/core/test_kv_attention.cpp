#include "core/kv/attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/core/kv_fixture.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/machine.hpp"

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

// Sixteen rows and more go over panels of integers of 13 or 8 bits, where the set has them. There a number is off by
// half a step at most, which is the largest number of its block over 2 * 4095 or 2 * 127; taking the largest of more
// than the block only makes the bounds below wider.
double half_step_of(const Fixture& f) { return f.in_bytes && f.kernels.narrow.fast ? 1.0 / 254 : 1.0 / 8190; }
bool in_panels(const Fixture& f, int n_rows) {
  return (f.in_bytes && f.kernels.narrow.fast ? f.kernels.narrow : f.kernels.wide).fast && n_rows >= 16;
}

double largest(const std::vector<double>& a) {
  double most = 0;
  for (const double x : a) most = std::max(most, std::abs(x));
  return most;
}
double magnitude(const std::vector<double>& a) {
  double sum = 0;
  for (const double x : a) sum += std::abs(x);
  return sum;
}
// (a + da) . (b + db) - a . b, where no number of da is larger than da_max, nor of db than db_max.
double dot_off(const std::vector<double>& a, const std::vector<double>& b, double half_step) {
  const double da_max = largest(a) * half_step, db_max = largest(b) * half_step;
  return magnitude(a) * db_max + magnitude(b) * da_max + static_cast<double>(a.size()) * da_max * db_max;
}

// Softmax weights of a row, and what they may be off by. With scores off by d at most, p' = p e^d1 / sum p e^d2
// lies within p e^-2d and p e^2d.
struct Weights {
  std::vector<double> p;  // [slots]
  double score_off = 0;
  double share_off() const { return std::exp(2 * score_off) - 1; }  // of each p
  double entropy_off(double entropy) const {                        // sum |dp| |ln p| + sum p' |d ln p|
    return share_off() * entropy + 2 * score_off;
  }
  // Half a step of the weights as integers.
  double half_step(const Fixture& f) const { return largest(p) * (1 + share_off()) * half_step_of(f); }
};

// The obvious version: a query turned to its position, every key at its own, softmax in double. 0 for what comes
// later than the row.
Weights row_weights(const Fixture& f, const std::vector<Fixture::Slot>& slots, const std::vector<float>& q,
                    int n_rows, int row, int head) {
  const int hd = f.shape.head_dim;
  const int at = (row * f.shape.n_kv_heads * f.group + head) * hd;
  std::vector<double> query(q.begin() + at, q.begin() + at + hd);
  const int position = f.memory.next_position() - n_rows + row;
  f.turn(query, position);
  Weights w;
  double total = 0;
  for (const auto& s : slots) {
    const bool seen = s.position <= position;
    w.p.push_back(seen ? std::exp(dot(query, s.key) / std::sqrt(hd)) : 0.0);
    if (seen && in_panels(f, n_rows))
      w.score_off = std::max(w.score_off, dot_off(query, s.key, half_step_of(f)) / std::sqrt(hd));
    total += w.p.back();
  }
  for (double& x : w.p) x /= total;
  return w;
}

struct Oracle {
  std::vector<double> out;                // [n_rows][n_heads * head_dim]
  std::vector<std::vector<double>> mass;  // [n_kv_heads][slots]
  double entropy[2][2] = {};              // [kv head][query class], sums
  double class_entropy[2][2][2] = {};     // [kv head][query class][key class]
  // What each may be off by beyond the rounding of f32, and outputs of the same rows from one way of summing up
  // weights to another: a last bit may be a step of an integer.
  std::vector<double> out_off, step_off;
  std::vector<std::vector<double>> mass_off;
  double entropy_off[2][2] = {}, class_entropy_off[2][2][2] = {};
};

// sum over slots of p' v' - p v: weights are off by their shares and as integers, values as integers.
void add_out_off(Oracle& o, const Fixture& f, const Weights& w, const std::vector<Fixture::Slot>& slots,
                 std::size_t at) {
  const double share_off = w.share_off(), half_step = w.half_step(f);
  const int hd = f.shape.head_dim;
  for (std::size_t i = 0; i < static_cast<std::size_t>(hd); ++i) {
    double value_max = 0, n_seen = 0;
    for (std::size_t j = 0; j < slots.size(); ++j) {
      if (w.p[j] == 0) continue;
      const double value = std::abs(slots[j].value[i]);
      o.out_off[at + i] += (share_off * w.p[j] + half_step) * value;
      o.step_off[at + i] += 2 * half_step * value;
      value_max = std::max(value_max, value);
      ++n_seen;
    }
    o.out_off[at + i] += (1 + n_seen * half_step) * value_max * half_step_of(f);
  }
}

Oracle oracle(const Fixture& f, int layer, const std::vector<float>& q, int n_rows) {
  const int hd = f.shape.head_dim;
  const int n_heads = f.shape.n_kv_heads * f.group;
  Oracle o;
  o.out.assign(static_cast<std::size_t>(n_rows * n_heads * hd), 0.0);
  o.out_off = o.step_off = o.out;
  for (int kv = 0; kv < f.shape.n_kv_heads; ++kv) {
    const auto slots = f.slots(layer, kv);
    o.mass.emplace_back(slots.size(), 0.0);
    o.mass_off.emplace_back(slots.size(), 0.0);
    for (int row = 0; row < n_rows; ++row)
      for (int g = 0; g < f.group; ++g) {
        const int at = (row * n_heads + kv * f.group + g) * hd;
        const Weights w = row_weights(f, slots, q, n_rows, row, kv * f.group + g);
        const std::vector<double>& p = w.p;
        if (in_panels(f, n_rows)) add_out_off(o, f, w, slots, static_cast<std::size_t>(at));
        double entropy = 0, class_entropy[2] = {}, z[2] = {};
        for (std::size_t j = 0; j < p.size(); ++j) z[static_cast<int>(slots[j].token.modality)] += p[j];
        const int query_class =
            static_cast<int>(slots[slots.size() - static_cast<std::size_t>(n_rows - row)].token.modality);
        for (std::size_t j = 0; j < p.size(); ++j) {
          if (p[j] == 0) continue;
          const int c = static_cast<int>(slots[j].token.modality);
          entropy -= p[j] * std::log(p[j]);
          class_entropy[c] -= p[j] / z[c] * std::log(p[j] / z[c]);
          o.mass[static_cast<std::size_t>(kv)][j] += p[j];
          o.mass_off[static_cast<std::size_t>(kv)][j] += w.share_off() * p[j];
          for (int i = 0; i < hd; ++i)
            o.out[static_cast<std::size_t>(at + i)] += p[j] * slots[j].value[static_cast<std::size_t>(i)];
        }
        if (!is_counted(static_cast<Modality>(query_class), row, n_rows)) continue;
        o.entropy[kv][query_class] += entropy;
        o.entropy_off[kv][query_class] += w.entropy_off(entropy);
        for (int c = 0; c < 2; ++c) {
          o.class_entropy[kv][query_class][c] += class_entropy[c];
          o.class_entropy_off[kv][query_class][c] += w.entropy_off(class_entropy[c]);
        }
      }
  }
  return o;
}

void expect_obvious(const Kernels& k, const Codec& codec, int head_dim, int group, int n_rows,
                    bool in_bytes) {
  Memory::Shape shape = shape_of(head_dim);
  shape.codec = &codec;
  Fixture f(shape, group, 32, 1, test::kShown, 7, k, in_bytes);
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
  f.attention.attend(k, f.threads, f.memory, 1, q.data(), out.data(), n_rows, query_class.data(), &evidence);

  const Oracle o = oracle(f, 1, q, n_rows);
  double square = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    ASSERT_NEAR(out[i], o.out[i], 2e-5 + o.out_off[i]) << i;
    square += (out[i] - o.out[i]) * (out[i] - o.out[i]);
  }
  EXPECT_LE(std::sqrt(square / static_cast<double>(out.size())),
            in_bytes ? 1e-2 : 1e-3);  // values are about 1
  for (int kv = 0; kv < 2; ++kv) {
    const auto head = static_cast<std::size_t>(kv);
    for (std::size_t j = 0; j < o.mass[head].size(); ++j)
      ASSERT_NEAR(mass[head * static_cast<std::size_t>(f.shape.slots_max()) + j], o.mass[head][j],
                  1e-4 + o.mass_off[head][j]);
    for (int c = 0; c < 2; ++c) {
      const RowSums& sums = rows[static_cast<std::size_t>(2 * kv + c)];
      EXPECT_NEAR(sums.entropy, o.entropy[kv][c], 1e-3 + o.entropy_off[kv][c]);
      for (int key_class = 0; key_class < 2; ++key_class)
        EXPECT_NEAR(sums.class_entropy[key_class], o.class_entropy[kv][c][key_class],
                    1e-3 + o.class_entropy_off[kv][c][key_class]);
    }
  }

  // Asking for evidence changes nothing.
  std::vector<float> plain(q.size());
  f.attention.attend(k, f.threads, f.memory, 1, q.data(), plain.data(), n_rows, nullptr, nullptr);
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(plain[i], out[i], 1e-6 + o.step_off[i]);
}

// What a codec rounds is rounded in the obvious version too, so no codec has a tolerance of its own.
TEST_P(KvAttention, equals_the_obvious_version_over_codecs_blocks_evictions_and_odd_sizes) {
  using Sizes = std::vector<int>;
  for (const Codec* codec : codecs())
    for (const int head_dim : shrike::test::kSlow ? Sizes{40, 64} : Sizes{8, 32, 40, 64})
      for (const int group : shrike::test::kSlow ? Sizes{1, 3} : Sizes{1, 2, 3})
        for (const int n_rows : shrike::test::kSlow ? Sizes{1, 17} : Sizes{1, 5, 8, 29}) {
          SCOPED_TRACE(std::string(codec->name) + " " + std::to_string(head_dim) + " " +
                       std::to_string(group) + " " + std::to_string(n_rows));
          for (const bool in_bytes : {false, true})
            if (!in_bytes || (k.narrow.fast && n_rows >= 16))
              expect_obvious(k, *codec, head_dim, group, n_rows, in_bytes);
          if (HasFatalFailure()) return;
        }
}

// What the last `window` rows of a prompt in two chunks leave in the slots' marks.
TEST(KvEvidence, counts_all_text_and_some_of_many_image_rows) {
  for (int n_rows = 1; n_rows <= 128; ++n_rows) {
    int n_text = 0, n_image = 0;
    for (int row = 0; row < n_rows; ++row) {
      n_text += is_counted(Modality::text, row, n_rows);
      n_image += is_counted(Modality::image, row, n_rows);
    }
    EXPECT_EQ(n_text, n_rows);
    if (n_rows < 32) {
      EXPECT_EQ(n_image, n_rows);
    } else {
      EXPECT_GE(n_image, 11) << n_rows;
      EXPECT_LE(n_image, 21) << n_rows;
    }
  }
  for (const int begin : {0, 6}) {  // a picture of 8 x 8 behind so many words
    std::set<int> columns;
    for (int row = begin; row < begin + 64; ++row)
      if (is_counted(Modality::image, row, begin + 64)) columns.insert((row - begin) % 8);
    EXPECT_EQ(columns.size(), 8u);
  }
}

TEST_P(KvAttention, windows_votes_and_the_last_row_equal_the_obvious_version) {
  for (const int window : {1, 5, 20, 29}) {
    Memory::Shape shape = shape_of(32);
    shape.window = window;
    shape.needs = kNeedWindow | need(Mark::last);
    Fixture f(shape, 2, 32, 3, 0, 9, k);
    f.append(40, 0);
    std::vector<std::vector<double>> seen(4), off(4);  // as the marks: window, cross, votes, last
    const int n_rows[2] = {16, 13};
    for (const bool second : {false, true}) {
      const int n = n_rows[second ? 1 : 0];
      f.append(n, 1);
      const std::vector<float> q = f.numbers(n * 4 * 32);
      std::vector<float> out(q.size());
      std::vector<Modality> classes;
      for (int i = 0; i < n; ++i) classes.push_back(i % 3 == 0 ? Modality::text : Modality::image);
      Look look;
      look.window_first = std::clamp(29 - window - (second ? 16 : 0), 0, n);
      look.begins = !second;
      look.ends = second;
      f.attention.attend(k, f.threads, f.memory, 1, q.data(), out.data(), n, classes.data(), &f.evidence,
                         look);
      f.memory.absorb(1, f.evidence, n, look);

      const auto slots = f.slots(1, 1);
      for (auto* all : {&seen, &off})
        for (auto& sums : *all) sums.resize(slots.size());
      for (int row = look.window_first; row < n; ++row)
        for (int head = 2; head < 4; ++head) {
          const Weights w = row_weights(f, slots, q, n, row, head);
          const std::vector<double>& p = w.p;
          const double equal =
              1.0 / static_cast<double>(slots.size() - static_cast<std::size_t>(n - 1 - row));
          for (std::size_t j = 0; j < p.size(); ++j) {
            seen[0][j] += p[j];
            seen[1][j] += slots[j].token.modality != classes[static_cast<std::size_t>(row)] ? p[j] : 0;
            seen[2][j] += p[j] >= equal ? 1 : 0;
            seen[3][j] += second && row == n - 1 ? p[j] : 0;
            for (const std::size_t m : {0, 1, 3}) off[m][j] += w.share_off() * p[j];
            off[2][j] += std::abs(p[j] - equal) < w.share_off() * p[j] ? 1 : 0;  // may go either way
          }
        }
    }
    std::size_t j = 0;
    const Mark marks[] = {Mark::window, Mark::cross, Mark::votes, Mark::last};
    for (const BlockRef& ref : f.memory.table(1, 1))
      for (int slot = ref.first; slot < ref.end; ++slot, ++j)
        for (std::size_t m = 0; m < 4; ++m)
          ASSERT_NEAR(f.memory.pool().mark(ref.block, slot, marks[m]), seen[m][j], 1e-4 + off[m][j])
              << window << " " << m;
  }
}

TEST_P(KvAttention, query_moments_are_those_of_the_rows_before_they_are_turned) {
  Fixture f(shape_of(8), 2, 32, 2, kNeedQueries, 10, k);
  f.append(13, 0);
  const std::vector<float> q = f.numbers(13 * 4 * 8);
  std::vector<float> out(q.size());
  f.attention.attend(k, f.threads, f.memory, 0, q.data(), out.data(), 13, nullptr, &f.evidence);
  EXPECT_EQ(f.evidence.n_query_rows, 13);
  for (std::size_t i = 0; i < 4 * 8; ++i) {
    double sum = 0, square = 0;
    for (std::size_t row = 0; row < 13; ++row) {
      sum += q[row * 32 + i];
      square += static_cast<double>(q[row * 32 + i]) * q[row * 32 + i];
    }
    EXPECT_NEAR(f.evidence.query_sum[i], sum, 1e-4);
    EXPECT_NEAR(f.evidence.query_square[i], square, 1e-4);
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
