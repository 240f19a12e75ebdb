#pragma once

#include <array>
#include <vector>

#include "core/arena.hpp"
#include "core/kv/catalogue.hpp"
#include "tests/support/isas.hpp"

// One table's candidates, or a whole memory's overview, laid on a desk by hand, for the parts.
namespace shrike::kv::test {

inline const Kernels& best_kernels() {
  static const Kernels kernels = kernels_for(runnable_isas().front());
  return kernels;
}

// A table of positions that turns the first n_rope numbers of a head: 0, and nothing is turned.
struct Turns {
  RopeTable table;

  explicit Turns(int n_rope, int n_positions = 4096) {
    const auto lay_out = [&](Arena& arena) {
      arena.take<float>("rope", 1);  // an arena holds something
      table.lay_out(arena, n_positions, {n_rope, 10000.0f}, best_kernels().rope_neighbours);
    };
    lay_out(measure_);
    arena_ = Arena::reserve(measure_, {}).value();
    lay_out(arena_);
  }

 private:
  Arena measure_, arena_;
};

// The slots of one (layer, kv head). Add slots first, then set what the part reads.
struct Desk {
  std::vector<SlotFacts> facts;
  std::vector<std::int32_t> positions, order, target;
  std::vector<std::uint8_t> keep, changed;
  std::vector<float> score, scratch, cosines, count, keys, values;
  std::vector<std::int16_t> directions;
  std::array<std::vector<float>, kMarks> marks;
  std::vector<float> query_mean, query_variance;  // [group][head_dim]; empty: zeros, of one head
  const RopeTable* rope = nullptr;                // null: nothing is turned
  std::array<float, 2> memory = {};
  std::array<float, 2> worth = {1, 1};  // of words, of pictures
  int head_dim = 0, n_window = 0, group = 1;

  void add(std::int32_t frame, int n, std::uint8_t flags = 0, Modality modality = Modality::image) {
    for (int i = 0; i < n; ++i) {
      SlotFacts f;
      f.token = {frame, 0, 0, modality, flags};
      facts.push_back(f);
      positions.push_back(static_cast<std::int32_t>(positions.size()));
    }
    const std::size_t size = facts.size();
    keep.assign(size, 0), changed.assign(size, 0), order.assign(size, 0), target.assign(size, 0);
    score.assign(size, 0), scratch.assign(2 * size, 0), cosines.assign(size, 0), count.assign(size, 1);
  }
  void mark(Mark m, std::vector<float> numbers) { marks[static_cast<std::size_t>(m)] = std::move(numbers); }
  // Rows of `dim` numbers; values are the same.
  void rows(int dim, std::vector<float> numbers) {
    head_dim = dim;
    keys = values = std::move(numbers);
    if (facts.empty()) add(0, static_cast<int>(keys.size()) / dim);
  }

  Candidates candidates() {
    Candidates c;
    c.facts = facts;
    c.positions = positions;
    for (std::size_t m = 0; m < kMarks; ++m) c.marks[m] = marks[m].empty() ? nullptr : marks[m].data();
    c.keys = keys.data();
    c.values = values.data();
    c.head_dim = head_dim;
    c.next_position = static_cast<int>(positions.size());
    c.n_window = n_window;
    c.kernels = &best_kernels();
    std::copy(worth.begin(), worth.end(), c.worth);
    c.scratch = scratch;
    static const Turns no_turns(0);
    c.rope = rope != nullptr ? rope : &no_turns.table;
    c.group = group;
    query_mean.resize(static_cast<std::size_t>(group * head_dim));
    query_variance.resize(static_cast<std::size_t>(group * head_dim));
    c.query_mean = query_mean.data();
    c.query_variance = query_variance.data();
    return c;
  }
  const std::vector<float>& run(const PartRow<ScorePart>& part, Args args) {
    part.run(candidates(), args, score);
    return score;
  }
  const std::vector<float>& run(const PartRow<ScorePart>& part) { return run(part, defaults(part.args)); }
  const std::vector<std::uint8_t>& run(const PartRow<SelectPart>& part, Args args, int budget) {
    part.run(candidates(), args, score, budget, keep, order);
    return keep;
  }
  // keep says who stays.
  void run(const PartRow<MergePart>& part, Args args) {
    const Candidates slots = candidates();
    directions.assign(direction_room(slots.n(), head_dim), 0);
    const Merging merging{slots, keep,   score,   keys.data(), values.data(),     count,        changed,
                          order, target, scratch, cosines,     directions.data(), memory.data()};
    part.run(merging, args);
  }
  void run(const PartRow<MergePart>& part) { run(part, defaults(part.args)); }
  std::vector<float> key(int i) const {
    const auto at = keys.begin() + i * head_dim;
    return {at, at + head_dim};
  }
  std::vector<float> value(int i) const {
    const auto at = values.begin() + i * head_dim;
    return {at, at + head_dim};
  }
};

// All tables: scores[layer * n_kv_heads + kv_head] are its slots.
struct Tables {
  int n_layers, n_kv_heads;
  std::vector<std::vector<float>> scores;
  std::vector<int> n_pinned;
  std::vector<LayerShown> shown;
  std::vector<float> share_before;
  int n_window = 0;

  Tables(int layers, int heads, int n_slots)
      : n_layers(layers),
        n_kv_heads(heads),
        scores(static_cast<std::size_t>(layers * heads),
               std::vector<float>(static_cast<std::size_t>(n_slots))),
        n_pinned(static_cast<std::size_t>(layers * heads)),
        shown(static_cast<std::size_t>(layers)),
        share_before(static_cast<std::size_t>(layers)) {}
  explicit Tables(std::vector<std::vector<float>> heads) : Tables(1, static_cast<int>(heads.size()), 0) {
    scores = std::move(heads);
  }

  std::vector<int> run(const PartRow<LayersPart>& part, Args args, int total) {
    lay();
    std::vector<int> out(static_cast<std::size_t>(n_layers));
    part.run(overview(), args, total, out);
    return out;
  }
  std::vector<int> run(const PartRow<LayersPart>& part, int total) {
    return run(part, defaults(part.args), total);
  }
  std::vector<int> run(const PartRow<HeadsPart>& part, Args args, int total, int layer = 0) {
    lay();
    std::vector<int> out(static_cast<std::size_t>(n_kv_heads));
    part.run(overview(), layer, args, total, out);
    return out;
  }

 private:
  void lay() {
    n_slots_.clear(), first_.clear(), all_.clear();
    for (const std::vector<float>& s : scores) {
      first_.push_back(static_cast<int>(all_.size()));
      n_slots_.push_back(static_cast<int>(s.size()));
      all_.insert(all_.end(), s.begin(), s.end());
    }
    order_.resize(all_.size());
  }
  Overview overview() {
    Overview all{n_layers, n_kv_heads, n_slots_, n_pinned, first_, all_, shown, share_before, order_};
    all.n_window = n_window;
    return all;
  }
  std::vector<int> n_slots_, first_;
  std::vector<float> all_;
  std::vector<std::int32_t> order_;
};

}  // namespace shrike::kv::test
