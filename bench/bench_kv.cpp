// What the memory costs, for a decoder of the shape below, on one thread and that thread's own time, but for row/:
//
//   frame/<policy>                      making room for one frame, as a share of all other work on the frame
//   decode/<codec>/<policy>/<percent>   attention of one token over what is left of a long stream
//   row/<way>/<threads>                 attention of one token over a long stream, by ranges or by kv heads
//   evidence/<what>                     attention of a frame that shows so much of itself
//   codec/<codec>/<isa>/<what>          rows of keys and values
//   merge/<isa>/<what>                  keys as directions, and the nearest of them
//
// Every rate comes with the share of what this machine can do, measured in the same run.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/begin.hpp"
#include "core/arena.hpp"
#include "core/kv/attention.hpp"
#include "core/kv/catalogue.hpp"
#include "core/kv/memory.hpp"
#include "platform/clock.hpp"
#include "platform/kernels/q8.hpp"
#include "platform/threads.hpp"

namespace shrike::bench {
namespace {

using namespace kv;

// A decoder of 256 million parameters, six of its thirty layers: shares are the same for any number of them.
constexpr int kLayers = 6, kKvHeads = 3, kGroup = 3, kHeadDim = 64, kWidth = 576, kForward = 1536;
constexpr int kFrame = 72;     // 64 image tokens and the words around them
constexpr int kStream = 8192;  // tokens of a long stream
constexpr int kReserve = 64;
constexpr int kHeads = kKvHeads * kGroup;

Machine machine;
Kernels kernels;

class Numbers {
 public:
  float next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<float>(state_ >> 8) * 0x1p-23f - 1.0f;
  }
  void fill(std::vector<float>& x) {
    for (float& v : x) v = next();
  }

 private:
  std::uint32_t state_ = 1;
};

// A memory in an arena of its own, and a stream that feeds it.
class World {
 public:
  World(const Policy& policy, int n_tokens, Needs extra = 0, int n_threads = 1)
      : policy(policy), threads_(n_threads) {
    shape_.n_layers = kLayers;
    shape_.n_kv_heads = kKvHeads;
    shape_.head_dim = kHeadDim;
    shape_.group = kGroup;
    shape_.reserve = kReserve;
    shape_.n_ctx = kStream + 2 * kReserve;
    shape_.n_blocks = shape_.n_tables() * (div_ceil(n_tokens + kReserve, kBlockSlots) + 2);
    shape_.serve(policy);
    shape_.n_fresh = Memory::fresh_blocks(shape_, kFrame);
    needs_ = (policy.needs | extra) & kNeedEvidence;
    lay_out(measure_);
    arena_ = Arena::reserve(measure_, {}).value();
    lay_out(arena_);
    arena_.seal();
    memory.reset();
    const auto columns = static_cast<std::size_t>(kKvHeads * shape_.slots_max());
    const auto give = [&](float*& to, Needs needs, std::size_t n) {
      if ((needs_ & needs) != 0) to = buffers_.emplace_back(n).data();
    };
    rows_.resize(2 * kKvHeads);
    if ((needs_ & kNeedEntropy) != 0) evidence.rows = rows_.data();
    give(evidence.mass, need(Mark::mass), columns);
    give(evidence.window_text, kNeedWindow, columns);
    give(evidence.window_image, kNeedWindow, columns);
    give(evidence.votes, need(Mark::votes), columns);
    give(evidence.last, need(Mark::last), columns);
    give(evidence.query_sum, kNeedQueries, kHeads * kHeadDim);
    give(evidence.query_square, kNeedQueries, kHeads * kHeadDim);
    numbers_.fill(q_);
  }

  void append(int n, std::int32_t frame) {
    std::vector<TokenFacts> facts;
    for (int i = 0; i < n; ++i)
      facts.push_back({frame, static_cast<std::uint8_t>(i / 8), static_cast<std::uint8_t>(i % 8),
                       i < 8 ? Modality::text : Modality::image, 0});
    memory.append(facts);
    std::vector<float> key(kHeadDim), value(kHeadDim);
    for (int layer = 0; layer < kLayers; ++layer)
      for (int head = 0; head < kKvHeads; ++head)
        for (int row = 0; row < n; ++row) {
          numbers_.fill(key);
          numbers_.fill(value);
          memory.store(kernels, layer, head, row, key.data(), value.data());
        }
  }

  void attend(int n_rows, bool shown) {
    Look look;
    look.window_first = std::max(0, n_rows - policy.window);
    const bool asked = shown && needs_ != 0;
    for (int layer = 0; layer < kLayers; ++layer) {
      attention.attend(kernels, threads_, memory, layer, q_.data(), out_.data(), n_rows, classes_.data(),
                       asked ? &evidence : nullptr, look);
      if (asked && absorbs) memory.absorb(layer, evidence, n_rows, look);
    }
    benchmark::DoNotOptimize(out_.data());
  }

  // One row. An evidence that asks for nothing keeps it from going by ranges.
  void attend_row(bool by_ranges) {
    Evidence nothing;
    for (int layer = 0; layer < kLayers; ++layer)
      attention.attend(kernels, threads_, memory, layer, q_.data(), out_.data(), 1, classes_.data(),
                       by_ranges ? nullptr : &nothing);
    benchmark::DoNotOptimize(out_.data());
  }

  // A stream of so many tokens, in frames.
  void feed(int n_tokens) {
    for (int frame = 0; n_tokens > 0; ++frame, n_tokens -= kFrame) {
      const int n = std::min(n_tokens, kFrame);
      if (memory.make_room(n, policy) == Room::full) std::abort();
      append(n, frame);
      if ((policy.needs & kNeedEvidence) != 0) attend(n, true);
    }
  }

  Policy policy;
  Memory memory;
  Attention attention;
  Evidence evidence;
  bool absorbs = true;

 private:
  void lay_out(Arena& arena) {
    rope_.lay_out(arena, Memory::rope_positions(shape_.n_ctx), {kHeadDim, 1e5f}, kernels.rope_halves);
    memory.lay_out(arena, shape_, rope_, kernels);
    attention.lay_out(arena, kernels, shape_, kGroup, kFrame, threads_.count(), needs_);
  }

  Memory::Shape shape_;
  Needs needs_ = 0;
  RopeTable rope_;
  Threads threads_;
  Numbers numbers_;
  std::vector<float> q_ = std::vector<float>(kFrame * kHeads * kHeadDim), out_ = q_;
  std::vector<Modality> classes_ = std::vector<Modality>(kFrame, Modality::image);
  std::vector<RowSums> rows_;
  std::vector<std::vector<float>> buffers_;
  Arena measure_, arena_;
};

// The products of a frame with the weights of kLayers layers in q8_0: what the model itself costs, beside
// attention and without its eyes.
class Products {
 public:
  void run() {
    for (int layer = 0; layer < kLayers; ++layer) {
      one(kWidth, kWidth + 2 * kKvHeads * kHeadDim);
      one(kWidth, kWidth);
      one(kWidth, 2 * kForward);
      one(kForward, kWidth);
    }
  }

 private:
  void one(int n_in, int n_out) {
    kernels.quantize_q8(xq_.data(), xd_.data(), x_.data(), kFrame * n_in);
    Matmul task;
    task.w = w_.data();
    task.w_row_bytes = static_cast<std::size_t>(n_in / kQ8Group) * sizeof(QBlockQ8_0);
    task.n_in = task.x_stride = n_in;
    task.out_end = task.y_stride = n_out;
    task.n_rows = kFrame;
    task.xq = xq_.data();
    task.xd = xd_.data();
    task.y = y_.data();
    kernels.matmul_q8_0(task);
    benchmark::DoNotOptimize(y_.data());
  }

  std::vector<std::byte> w_ = std::vector<std::byte>(kWidth * 2 * kForward * 34 / 32);
  std::vector<float> x_ = std::vector<float>(kFrame * kForward, 0.5f), xd_ = x_;
  std::vector<float> y_ = std::vector<float>(kFrame * 2 * kForward);
  std::vector<std::int8_t> xq_ = std::vector<std::int8_t>(kFrame * kForward);
};

// A stream, and n_words of an answer behind it. Worlds are kept: a benchmark is called many times until it knows how
// often to run.
World& world_of(const std::string& name, const std::string& policy, int n_tokens, int n_fed, int n_words) {
  static std::map<std::string, std::unique_ptr<World>> worlds;
  std::unique_ptr<World>& world = worlds[name];
  if (!world) {
    world = std::make_unique<World>(parse_policy(policy).value(), n_tokens);
    world->feed(n_fed);
    if (n_words > 0) world->append(n_words, kNoFrame);
  }
  return *world;
}

void frame(benchmark::State& state, const std::string& policy) {
  static Products products;
  constexpr int kTokens = kStream / 10;
  World& world = world_of("frame/" + policy, policy, kTokens, 2 * kTokens, 0);
  std::int32_t number = 1 << 20;
  double room = 0, rest = 0;
  for (auto _ : state) {
    const double begin = thread_seconds();
    const Room made = world.memory.make_room(kFrame, world.policy);
    const double end = thread_seconds();
    state.PauseTiming();
    if (made == Room::full) std::abort();
    world.append(kFrame, number++);
    state.ResumeTiming();
    const double again = thread_seconds();
    products.run();
    world.attend(kFrame, false);
    rest += thread_seconds() - again;
    room += end - begin;
    state.PauseTiming();
    if ((world.policy.needs & kNeedEvidence) != 0) world.attend(kFrame, true);
    state.ResumeTiming();
  }
  const auto n = static_cast<double>(state.iterations());
  state.counters["room_ms"] = 1e3 * room / n;
  state.counters["frame_ms"] = 1e3 * rest / n;
  state.counters["room/frame%"] = 100 * room / rest;
}

void decode(benchmark::State& state, const std::string& codec, const std::string& policy, int percent) {
  static std::map<std::string, double> whole;  // seconds with everything kept
  const int n_tokens = kStream * percent / 100;
  World& world = world_of("decode/" + codec + policy + std::to_string(percent), policy + ", codec=" + codec,
                          n_tokens, kStream, 1);
  double seconds = 1e9;  // the least: others may use the machine too, and its caches
  for (auto _ : state) {
    const double begin = thread_seconds();
    world.attend(1, false);
    seconds = std::min(seconds, thread_seconds() - begin);
  }
  if (percent == 100) whole[codec] = seconds;
  const double slots = world.memory.n_live_mean() * kLayers * kKvHeads;
  const PageFormat* page = world.memory.pool().codec().page;
  const double row =
      page == nullptr
          ? 2.0 * static_cast<double>(world.memory.pool().row_bytes())
          : static_cast<double>(page->key_bytes(kHeadDim) + page->value_bytes(kHeadDim)) / kBlockSlots;
  const double bytes = slots * row;
  state.counters["slots"] = world.memory.n_live_mean();
  const Pool& pool = world.memory.pool();
  const double in_blocks =
      static_cast<double>(pool.n_blocks() - pool.n_free() - pool.n_free_pages()) * kBlockSlots;
  state.counters["fill%"] = 100 * slots / in_blocks;
  state.counters["us"] = 1e6 * seconds;
  state.counters["B/s"] = bytes / seconds;
  state.counters["share%"] = 100 * bytes / seconds / machine.bytes_per_s;
  if (whole.contains(codec)) state.counters["times"] = whole[codec] / seconds;
  if (whole.contains("f16")) state.counters["times_f16"] = whole["f16"] / seconds;
}

// The least time: of one thread its own, of more that on the wall, which says something where nothing else had the
// processors.
void one_row(benchmark::State& state, bool by_ranges, int n_threads) {
  static std::map<int, std::unique_ptr<World>> worlds;
  static std::map<int, double> by_heads;
  std::unique_ptr<World>& world = worlds[n_threads];
  if (!world) {
    world = std::make_unique<World>(parse_policy("full").value(), kStream, 0, n_threads);
    world->feed(kStream);
    world->append(1, kNoFrame);
  }
  const auto now = [&] {
    return n_threads == 1 ? thread_seconds() : static_cast<double>(monotonic_ns()) * 1e-9;
  };
  double seconds = 1e9;
  for (auto _ : state) {
    const double begin = now();
    world->attend_row(by_ranges);
    seconds = std::min(seconds, now() - begin);
  }
  if (!by_ranges) by_heads[n_threads] = seconds;
  state.counters["us"] = 1e6 * seconds;
  if (by_heads.contains(n_threads)) state.counters["times"] = by_heads[n_threads] / seconds;
}

void show(benchmark::State& state, Needs needs) {
  static std::map<Needs, std::unique_ptr<World>> worlds;
  static double plain = 0;
  std::unique_ptr<World>& world = worlds[needs];
  if (!world) {
    world = std::make_unique<World>(parse_policy("full").value(), 2048, needs);
    world->policy.window = 32;
    world->absorbs = false;
    world->feed(2016);
  }
  const double begin = thread_seconds();
  for (auto _ : state) world->attend(kFrame, needs != 0);
  const double seconds = (thread_seconds() - begin) / static_cast<double>(state.iterations());
  if (needs == 0) plain = seconds;
  const double flop = 4.0 * kLayers * kHeads * kHeadDim * kFrame * world->memory.n_live_mean();
  state.counters["ms"] = 1e3 * seconds;
  state.counters["FLOP/s"] = flop / seconds;
  state.counters["share%"] = 100 * flop / seconds / machine.flop_per_s;
  if (plain > 0) state.counters["more%"] = 100 * (seconds / plain - 1);
}

template <class Body>
void rows(benchmark::State& state, double bytes, double flop, Body body) {
  const double begin = thread_seconds();
  for (auto _ : state) body();
  const double seconds = (thread_seconds() - begin) / static_cast<double>(state.iterations());
  state.counters["B/s"] = bytes / seconds;
  state.counters["numbers/s"] = flop / 2 / seconds;
  state.counters["share%"] = 100 * flop / seconds / machine.flop_per_s;
}

void register_codec(const Codec& codec, const Kernels& k) {
  static std::vector<float> numbers(16 * kHeadDim * kGroup), out(16 * kHeadDim * kGroup);
  static std::vector<std::byte> row(16 * kHeadDim * 2);
  Numbers().fill(numbers);
  const std::size_t bytes = codec.row_bytes(kHeadDim);
  for (int i = 0; i < kBlockSlots; ++i)
    codec.encode(k, row.data() + static_cast<std::size_t>(i) * bytes, numbers.data() + i * kHeadDim,
                 kHeadDim);
  const auto add = [&](const char* what, double n_bytes, double flop, auto body) {
    const std::string name = "codec/" + std::string(codec.name) + "/" + isa_name(k.isa) + "/" + what;
    benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State& state) { rows(state, n_bytes, flop, [&] { body(); }); });
  };
  const auto block = static_cast<double>(kBlockSlots * bytes);
  const double each = 2.0 * kHeadDim;
  add("encode", static_cast<double>(bytes), each,
      [&codec, &k] { codec.encode(k, row.data(), numbers.data(), kHeadDim); });
  add("decode", static_cast<double>(bytes), each, [&codec, &k] {
    codec.decode(k, out.data(), row.data(), 1, kHeadDim);
    benchmark::DoNotOptimize(out.data());
  });
  for (const int n_q : {1, 3}) {
    add(n_q == 1 ? "scores_1x16x64" : "scores_3x16x64", block, each * kBlockSlots * n_q, [&codec, &k, n_q] {
      codec.scores(k, out.data(), kBlockSlots, numbers.data(), n_q, row.data(), kBlockSlots, kHeadDim, 0.1f);
      benchmark::DoNotOptimize(out.data());
    });
    add(n_q == 1 ? "mix_1x16x64" : "mix_3x16x64", block, each * kBlockSlots * n_q, [&codec, &k, n_q] {
      codec.mix(k, out.data(), numbers.data(), kBlockSlots, n_q, row.data(), kBlockSlots, kHeadDim);
      benchmark::DoNotOptimize(out.data());
    });
  }
}

// What leaves for a frame against what stays of a tenth of a long stream.
void register_merge(const Kernels& k) {
  constexpr int kKept = kStream / 10 - kFrame, kPairs = kHeadDim / 2;
  static std::vector<float> numbers(kKept * kHeadDim), inverse(kKept, 0.001f);
  static std::vector<std::int16_t> panel(static_cast<std::size_t>(align_up(kKept, kPanelKeys) * kHeadDim), 5);
  static std::vector<std::int16_t> leaving(kFrame * kHeadDim, -3);
  static std::vector<std::int32_t> best(kFrame);
  Numbers().fill(numbers);
  const std::string name = std::string("merge/") + isa_name(k.isa);
  benchmark::RegisterBenchmark((name + "/direction_64").c_str(), [&k](benchmark::State& state) {
    rows(state, 6.0 * kHeadDim, 2.0 * kHeadDim,
         [&k] { benchmark::DoNotOptimize(k.direction(leaving.data(), numbers.data(), kHeadDim)); });
  });
  benchmark::RegisterBenchmark((name + "/nearest_72x747x64").c_str(), [&k](benchmark::State& state) {
    const double products = 1.0 * kFrame * kKept * kHeadDim;
    rows(state, 2.0 * kKept * kHeadDim, 2 * products, [&k] {
      k.nearest(best.data(), leaving.data(), kFrame, panel.data(), inverse.data(), kKept, kPairs);
      benchmark::DoNotOptimize(best.data());
    });
  });
}

void register_all(const std::vector<Kernels>& tables) {
  for (const PolicyRow& row : named_policies()) {
    const std::string name(row.name);
    if (!parse_policy(name)->evicts()) continue;
    benchmark::RegisterBenchmark(("frame/" + name).c_str(),
                                 [name](benchmark::State& state) { frame(state, name); });
  }
  for (const Codec* codec : codecs())
    for (const char* policy : {"recent", "knorm"})
      for (const int percent : {100, 28, 10}) {
        if (percent == 100 && policy != std::string("recent")) continue;  // nothing has left
        const std::string name(codec->name), by(policy);
        benchmark::RegisterBenchmark(("decode/" + name + "/" + by + "/" + std::to_string(percent)).c_str(),
                                     [=](benchmark::State& state) { decode(state, name, by, percent); });
      }
  for (const int n_threads : {1, 2, 4})
    for (const bool by_ranges : {false, true})
      benchmark::RegisterBenchmark(
          ((by_ranges ? "row/ranges/" : "row/heads/") + std::to_string(n_threads)).c_str(),
          [=](benchmark::State& state) { one_row(state, by_ranges, n_threads); });
  const std::pair<const char*, Needs> shown[] = {{"none", 0},
                                                 {"mass", need(Mark::mass)},
                                                 {"entropy", kNeedEntropy},
                                                 {"mass+entropy", need(Mark::mass) | kNeedEntropy},
                                                 {"window", kNeedWindow},
                                                 {"last", need(Mark::last)},
                                                 {"queries", kNeedQueries},
                                                 {"all", kNeedEvidence}};
  for (const auto& [name, needs] : shown)
    benchmark::RegisterBenchmark((std::string("evidence/") + name).c_str(),
                                 [n = needs](benchmark::State& state) { show(state, n); });
  for (const Codec* codec : codecs())
    for (const Kernels& k : tables)
      if (codec->page == nullptr) register_codec(*codec, k);
  for (const Kernels& k : tables) register_merge(k);
}

}  // namespace
}  // namespace shrike::bench

int main(int argc, char** argv) {
  using namespace shrike;
  bench::machine = bench::begin(argc, argv);
  const std::vector<Kernels> tables = bench::all_kernels();
  bench::kernels = tables.front();
  bench::register_all(tables);
  benchmark::RunSpecifiedBenchmarks();
}
