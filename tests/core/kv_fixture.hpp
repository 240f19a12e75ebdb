#pragma once

#include <cmath>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "core/arena.hpp"
#include "core/kv/attention.hpp"
#include "core/kv/memory.hpp"
#include "platform/threads.hpp"

namespace shrike::kv::test {

// A memory and its attention in an arena of their own, fed with random keys, values and queries. Keeps what
// went in, unturned and in f32, so that an obvious version can be computed beside it.
class Fixture {
 public:
  Fixture(const Memory::Shape& shape, int group, int n_rows_max, int n_threads, bool evidence,
          std::uint32_t seed, const Kernels& kernels)
      : shape(shape), group(group), n_threads(n_threads), kernels(kernels), threads(n_threads), random(seed) {
    const Needs needs = evidence ? need(Mark::mass) | kNeedEntropy : 0;
    lay_out(measure_, n_rows_max, needs);
    arena_ = Arena::reserve(measure_, {}).value();
    lay_out(arena_, n_rows_max, needs);
    arena_.seal();
    memory.reset();
  }

  // Appends n tokens of one frame, the same in every table but with keys and values of its own per (layer,
  // head).
  void append(int n, std::int32_t frame, std::uint8_t flags = 0) {
    std::vector<TokenFacts> facts(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i)
      facts[static_cast<std::size_t>(i)] = {frame, 0, static_cast<std::uint8_t>(i),
                                            i % 3 == 0 ? Modality::text : Modality::image, flags};
    memory.append(facts);
    for (int layer = 0; layer < shape.n_layers; ++layer)
      for (int head = 0; head < shape.n_kv_heads; ++head)
        for (int row = 0; row < n; ++row) {
          std::vector<float> key = numbers(shape.head_dim);
          const std::vector<float> value = numbers(shape.head_dim);
          memory.store(kernels, layer, head, row, key.data(), value.data());
        }
  }

  std::vector<float> numbers(int n) {
    std::vector<float> out(static_cast<std::size_t>(n));
    for (float& x : out) x = normal(random);
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
        for (int i = 0; i < shape.head_dim; ++i) {
          s.key.push_back(f16_to_f32(memory.pool().key(ref.block, slot)[i]));
          s.value.push_back(f16_to_f32(memory.pool().value(ref.block, slot)[i]));
        }
        turn(s.key, ref.base);
        out.push_back(std::move(s));
      }
    return out;
  }
  void turn(std::vector<double>& x, int position) const {
    for (int pair = 0; pair < shape.head_dim / 2; ++pair) {
      const double angle = position * std::pow(kBase, -2.0 * pair / shape.head_dim);
      const double a = x[static_cast<std::size_t>(2 * pair)], b = x[static_cast<std::size_t>(2 * pair + 1)];
      x[static_cast<std::size_t>(2 * pair)] = a * std::cos(angle) - b * std::sin(angle);
      x[static_cast<std::size_t>(2 * pair + 1)] = a * std::sin(angle) + b * std::cos(angle);
    }
  }

  static constexpr float kBase = 10000.0f;
  Memory::Shape shape;
  int group;
  int n_threads;
  const Kernels& kernels;
  Threads threads;
  std::mt19937 random;
  std::normal_distribution<float> normal{0.0f, 1.0f};
  RopeTable rope;
  Memory memory;
  Attention attention;

 private:
  void lay_out(Arena& arena, int n_rows_max, Needs needs) {
    rope.lay_out(arena, Memory::rope_positions(shape.n_ctx), shape.head_dim, kBase, kernels.rope_neighbours);
    memory.lay_out(arena, shape, rope, kernels);
    attention.lay_out(arena, shape, group, n_rows_max, n_threads, needs);
  }
  Arena measure_, arena_;
};

}  // namespace shrike::kv::test
