#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "core/arena.hpp"
#include "core/kv/attention.hpp"
#include "core/kv/memory.hpp"
#include "platform/threads.hpp"

namespace shrike::kv::test {

inline constexpr Needs kShown = need(Mark::mass) | kNeedEntropy;

// A memory and its attention in an arena of their own, fed with random keys, values and queries. Keeps what
// went in, unturned and in f32, so that an obvious version can be computed beside it.
class Fixture {
 public:
  // needs: what attention collects and absorb() gets, beside what the shape's policy asks for.
  Fixture(const Memory::Shape& shape, int group, int n_rows_max, int n_threads, Needs needs,
          std::uint32_t seed, const Kernels& kernels, bool in_bytes = false)
      : shape(shape),
        group(group),
        n_threads(n_threads),
        kernels(kernels),
        threads(n_threads),
        in_bytes(in_bytes),
        random(seed),
        needs_(needs | (shape.needs & kNeedEvidence)) {
    this->shape.group = group;
    this->shape.n_fresh = Memory::fresh_blocks(shape, n_rows_max);
    lay_out(measure_, n_rows_max);
    arena_ = Arena::reserve(measure_, {}).value();
    lay_out(arena_, n_rows_max);
    arena_.seal();
    memory.reset();
    make_evidence();
  }

  // Appends n tokens of one frame, the same in every table but with keys and values of its own per (layer,
  // head). Every third is text.
  void append(int n, std::int32_t frame, std::uint8_t flags = 0) {
    std::vector<TokenFacts> facts(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i)
      facts[static_cast<std::size_t>(i)] = {frame, 0, static_cast<std::uint8_t>(i),
                                            i % 3 == 0 ? Modality::text : Modality::image, flags};
    append(facts);
  }
  void append(std::span<const TokenFacts> facts) {
    memory.append(facts);
    classes_.clear();
    for (const TokenFacts& f : facts) classes_.push_back(f.modality);
    for (int layer = 0; layer < shape.n_layers; ++layer)
      for (int head = 0; head < shape.n_kv_heads; ++head)
        for (std::size_t row = 0; row < facts.size(); ++row) {
          std::vector<float> key = numbers(shape.head_dim, key_size);
          const std::vector<float> value = numbers(shape.head_dim);
          memory.store(kernels, layer, head, static_cast<int>(row), key.data(), value.data());
        }
  }

  // Attention of the last append over every layer, with random queries; with a look the memory absorbs what
  // it shows. [n_layers][rows][n_heads * head_dim]
  std::vector<float> attend(const Look* look) {
    const int n_rows = static_cast<int>(classes_.size());
    const int n = n_rows * shape.n_kv_heads * group * shape.head_dim;
    std::vector<float> all;
    for (int layer = 0; layer < shape.n_layers; ++layer) {
      const std::vector<float> q = numbers(n, query_size);
      std::vector<float> out(static_cast<std::size_t>(n));
      attention.attend(kernels, threads, memory, layer, q.data(), out.data(), n_rows, classes_.data(),
                       look != nullptr ? &evidence : nullptr, look != nullptr ? *look : Look{});
      if (look != nullptr) memory.absorb(layer, evidence, n_rows, *look);
      all.insert(all.end(), out.begin(), out.end());
    }
    return all;
  }

  std::vector<float> numbers(int n, float size = 1) {
    std::vector<float> out(static_cast<std::size_t>(n));
    for (float& x : out) x = normal(random) * size;
    return out;
  }

  // What a slot's key is at its present position, from what is stored: turned on by its block's base.
  struct Slot {
    int position;
    TokenFacts token;
    std::vector<double> key, value;
  };
  std::vector<Slot> slots(int layer, int head) const {
    std::vector<Slot> out;
    for (const BlockRef& ref : memory.table(layer, head))
      for (int slot = ref.first; slot < ref.end; ++slot) {
        const SlotFacts& facts = memory.pool().facts(ref.block, slot);
        Slot s{ref.base + facts.offset, facts.token, {}, {}};
        std::vector<float> row(static_cast<std::size_t>(shape.head_dim));
        const Pool& pool = memory.pool();
        memory.read_keys(kernels, row.data(), layer, ref, slot, 1);
        s.key.assign(row.begin(), row.end());
        pool.read_values(kernels, row.data(), ref.block, slot, 1);
        s.value.assign(row.begin(), row.end());
        turn(s.key, ref.base, base_of(layer));
        out.push_back(std::move(s));
      }
    return out;
  }
  void turn(std::vector<double>& x, int position, double base = kBase) const {
    for (int pair = 0; pair < shape.head_dim / 2; ++pair) {
      const double angle = position * std::pow(base, -2.0 * pair / shape.head_dim);
      const double a = x[static_cast<std::size_t>(2 * pair)], b = x[static_cast<std::size_t>(2 * pair + 1)];
      x[static_cast<std::size_t>(2 * pair)] = a * std::cos(angle) - b * std::sin(angle);
      x[static_cast<std::size_t>(2 * pair + 1)] = a * std::sin(angle) + b * std::cos(angle);
    }
  }

  // Every byte of every slot, in order, with positions and marks: equal bytes are equal memories.
  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> out;
    const auto add = [&](const void* from, std::size_t n) {
      const auto* b = static_cast<const std::uint8_t*>(from);
      out.insert(out.end(), b, b + n);
    };
    const Pool& pool = memory.pool();
    for (int layer = 0; layer < shape.n_layers; ++layer)
      for (int head = 0; head < shape.n_kv_heads; ++head)
        for (const BlockRef& ref : memory.table(layer, head)) {
          add(&ref.base, sizeof(ref.base));
          if (pool.is_page(ref.block)) {
            add(pool.page_keys(ref.block), pool.codec().page->key_bytes(shape.head_dim));
            add(pool.page_values(ref.block), pool.codec().page->value_bytes(shape.head_dim));
          }
          for (int slot = ref.first; slot < ref.end; ++slot) {
            add(&pool.facts(ref.block, slot), sizeof(SlotFacts));
            add(pool.marks(ref.block, slot).data(), pool.marks(ref.block, slot).size_bytes());
            if (pool.is_page(ref.block)) continue;
            add(pool.key_row(ref.block, slot), pool.row_bytes());
            add(pool.value_row(ref.block, slot), pool.row_bytes());
          }
        }
    const int position = memory.next_position(), n_free = pool.n_free() + pool.n_free_pages();
    add(&position, sizeof(position));
    add(&n_free, sizeof(n_free));
    return out;
  }

  double base_of(int layer) const { return shape.is_near(layer) ? kNearBase : kBase; }

  static constexpr float kBase = 10000.0f, kNearBase = 500.0f;
  Memory::Shape shape;
  int group;
  int n_threads;
  const Kernels& kernels;
  Threads threads;
  bool in_bytes;
  std::mt19937 random;
  std::normal_distribution<float> normal{0.0f, 1.0f};
  float key_size = 1, query_size = 1;  // 0: keys, queries of nothing but zeros
  RopeTable rope, near_rope;
  Memory memory;
  Attention attention;
  Evidence evidence;

 private:
  void lay_out(Arena& arena, int n_rows_max) {
    Rotation rotation{shape.head_dim, kBase};
    if (shape.grids) rotation.sections = {shape.head_dim / 8, shape.head_dim / 4, shape.head_dim / 8};
    rope.lay_out(arena, Memory::rope_positions(shape.n_ctx), rotation, kernels.rope_neighbours);
    if (shape.sight > 0)
      near_rope.lay_out(arena, Memory::rope_positions(shape.n_ctx), {shape.head_dim, kNearBase},
                        kernels.rope_neighbours);
    memory.lay_out(arena, shape, rope, kernels, shape.sight > 0 ? &near_rope : nullptr);
    attention.lay_out(arena, kernels, shape, group, n_rows_max, n_threads, needs_, in_bytes);
  }
  void make_evidence() {
    const auto floats = [&](Needs needs, int n) {
      if ((needs_ & needs) == 0) return static_cast<float*>(nullptr);
      buffers_.push_back(std::make_unique<float[]>(static_cast<std::size_t>(n)));
      return buffers_.back().get();
    };
    const int columns = shape.n_kv_heads * shape.slots_max();
    const int queries = shape.n_kv_heads * group * shape.head_dim;
    rows_.resize(static_cast<std::size_t>(2 * shape.n_kv_heads));
    if ((needs_ & kNeedEntropy) != 0) evidence.rows = rows_.data();
    evidence.mass = floats(need(Mark::mass), columns);
    evidence.window_text = floats(kNeedWindow, columns);
    evidence.window_image = floats(kNeedWindow, columns);
    evidence.votes = floats(need(Mark::votes), columns);
    evidence.last = floats(need(Mark::last), columns);
    evidence.query_sum = floats(kNeedQueries, queries);
    evidence.query_square = floats(kNeedQueries, queries);
  }

  Needs needs_;
  std::vector<Modality> classes_;
  std::vector<RowSums> rows_;
  std::vector<std::unique_ptr<float[]>> buffers_;
  Arena measure_, arena_;
};

// What must hold after every event, whatever the policy.
inline void expect_sound(const Memory& memory) {
  std::set<std::uint32_t> blocks;
  int n_used = 0;
  for (int layer = 0; layer < memory.shape().n_layers; ++layer)
    for (int head = 0; head < memory.shape().n_kv_heads; ++head) {
      int last = -1;
      for (const BlockRef& ref : memory.table(layer, head)) {
        ++n_used;
        EXPECT_TRUE(blocks.insert(ref.block).second) << "block twice";
        EXPECT_GT(ref.n_live(), 0);
        for (int slot = ref.first; slot < ref.end; ++slot) {
          const SlotFacts& facts = memory.pool().facts(ref.block, slot);
          EXPECT_LE(facts.offset, Memory::kOffsetMax);
          const int position = ref.base + facts.offset;
          EXPECT_GE(position, memory.shape().grids ? last : last + 1) << "order";
          last = position;
        }
      }
      EXPECT_LT(last, memory.next_position());
    }
  EXPECT_EQ(n_used + memory.pool().n_free() + memory.pool().n_free_pages(), memory.pool().n_blocks())
      << "a block is lost";
  EXPECT_LE(memory.next_position() + memory.shape().reserve, memory.shape().n_ctx);
}

}  // namespace shrike::kv::test
