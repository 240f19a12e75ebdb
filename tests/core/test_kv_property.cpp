// What holds for every composition of parts, whatever the budget, the stream and the questions.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

#include "tests/core/kv_desk.hpp"
#include "tests/core/kv_fixture.hpp"
#include "tests/support/alloc_guard.hpp"

namespace shrike::kv {
namespace {

using test::Fixture;

// Numbers from a seed, the same on every machine.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  int between(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }
  bool one_in(int n) { return between(1, n) == 1; }
  template <class Span>
  auto any(const Span& all) {
    return all[static_cast<std::size_t>(between(0, static_cast<int>(all.size()) - 1))];
  }

 private:
  std::mt19937 random_;
};

// A composition that is no contradiction.
std::string random_policy(Dice& dice) {
  for (;;) {
    std::string text;
    const auto add = [&](const char* key, std::string_view name) {
      text.append(text.empty() ? "" : ", ").append(key).append("=").append(name);
    };
    add("when", dice.one_in(3)   ? std::string_view("every(frames=3, low=60)")
                : dice.one_in(4) ? "review(frames=2)"
                                 : "full");
    add("score", dice.any(catalogue<ScorePart>())->name);
    add("layers", dice.any(catalogue<LayersPart>())->name);
    add("heads", dice.any(catalogue<HeadsPart>())->name);
    add("select", dice.one_in(3) ? std::string_view("top(sink=2, recent=50%)")
                                 : dice.any(catalogue<SelectPart>())->name);
    add("merge", dice.any(catalogue<MergePart>())->name);
    add("place", dice.any(catalogue<PlacePart>())->name);
    add("codec", dice.any(codecs())->name);
    if (dice.one_in(2)) add("observe", "proxy");
    if (parse_policy(text)) return text;
  }
}

// What a stream is made of: nothing that is far from real ones, and each way in which they degenerate.
struct Stream {
  Memory::Shape shape;
  int group = 1, n_pinned = 0, n_frame = 0, n_frames = 0;
  bool text = true, images = true;
  float key_size = 1, query_size = 1;
};
Stream random_stream(Dice& dice, const Policy& policy, bool roomy) {
  Stream s;
  s.shape.n_layers = dice.between(1, 3);
  s.shape.n_kv_heads = dice.between(1, 3);
  s.shape.head_dim = 8 * dice.between(1, 4);
  s.shape.reserve = dice.between(12, 40);
  s.group = dice.between(1, 3);
  s.n_pinned = dice.between(0, 9);
  s.n_frame = dice.between(5, 33);
  s.n_frames = dice.between(12, 24);
  s.text = !dice.one_in(5);
  s.images = !s.text || !dice.one_in(5);
  s.key_size = dice.one_in(6) ? 0.0f : 1.0f;
  s.query_size = dice.one_in(6) ? 0.0f : 2.0f;
  s.shape.group = s.group;
  s.shape.serve(policy);
  const int all = s.n_pinned + s.n_frames * s.n_frame + s.shape.reserve;
  if (roomy) {
    s.shape.n_ctx = all;
    s.shape.n_blocks = s.shape.n_tables() * (div_ceil(all, kBlockSlots) + 3);
  } else {
    s.shape.n_ctx = s.n_pinned + s.n_frame + s.shape.reserve + dice.between(0, 150);
    s.shape.n_blocks = Memory::blocks_min(s.shape, s.n_pinned, s.n_frame) + dice.between(0, 40);
  }
  return s;
}

std::vector<TokenFacts> frame_tokens(const Stream& s, std::int32_t frame, int n) {
  std::vector<TokenFacts> tokens;
  for (int i = 0; i < n; ++i) {
    const bool text = s.text && (!s.images || i < 3);
    tokens.push_back({frame, static_cast<std::uint8_t>(i / 8), static_cast<std::uint8_t>(i % 8),
                      text ? Modality::text : Modality::image, 0});
  }
  return tokens;
}

// Every table: no token twice, the opening words all there, numbers that are numbers.
void expect_whole(const Fixture& f, int n_pinned) {
  const Pool& pool = f.memory.pool();
  for (int layer = 0; layer < f.shape.n_layers; ++layer)
    for (int head = 0; head < f.shape.n_kv_heads; ++head) {
      std::set<std::tuple<int, int, int>> seen;
      int pinned = 0;
      for (const BlockRef& ref : f.memory.table(layer, head))
        for (int slot = ref.first; slot < ref.end; ++slot) {
          const SlotFacts& facts = pool.facts(ref.block, slot);
          EXPECT_TRUE(seen.insert({facts.token.frame, facts.token.i, facts.token.j}).second)
              << "a slot twice";
          EXPECT_GE(facts.merged, 1);
          pinned += (facts.token.flags & kPinned) != 0 ? 1 : 0;
          for (const float mark : pool.marks(ref.block, slot)) EXPECT_GE(mark, 0.0f);  // and no NaN
        }
      EXPECT_EQ(pinned, n_pinned);
    }
}

struct Outcome {
  std::vector<std::uint8_t> memory;
  std::vector<float> outputs;
  std::int64_t n_evicted = 0;
};

class Play {
 public:
  Play(const Stream& stream, const Policy& policy, std::uint32_t seed, int n_threads)
      : s_(stream),
        policy_(policy),
        dice_(seed),
        f_(stream.shape, stream.group, std::max(stream.n_frame, stream.shape.reserve), n_threads, 0, seed,
           test::best_kernels()) {
    f_.key_size = s_.key_size;
    f_.query_size = s_.query_size;
  }

  Outcome run() {
    if (s_.n_pinned > 0) {
      std::vector<TokenFacts> opening;
      for (int i = 0; i < s_.n_pinned; ++i)
        opening.push_back({kNoFrame, 0, static_cast<std::uint8_t>(i), Modality::text, kPinned});
      see(opening);
    }
    for (int frame = 0; frame < s_.n_frames && !testing::Test::HasFailure(); ++frame) {
      see(frame_tokens(s_, frame, dice_.between(1, s_.n_frame)));
      if (dice_.one_in(4)) ask();
    }
    outcome_.memory = f_.bytes();
    outcome_.n_evicted = f_.memory.n_evicted();
    return outcome_;
  }

 private:
  // As Session::see does it.
  void see(const std::vector<TokenFacts>& tokens) {
    const int n = static_cast<int>(tokens.size());
    if (policy_.observe != Observe::frame && !f_.memory.has_room(n)) observe();
    const std::uint64_t before = shrike::test::allocations();
    const Room room = f_.memory.make_room(n, policy_);
    EXPECT_EQ(shrike::test::allocations(), before) << "making room allocates";
    ASSERT_NE(room, Room::full);
    ASSERT_TRUE(f_.memory.has_room(n));
    test::expect_sound(f_.memory);
    f_.append(tokens);
    Look look = window_of(n);
    look.window = policy_.observe == Observe::frame;
    remember(f_.attend(policy_.needs & kNeedEvidence ? &look : nullptr));
    test::expect_sound(f_.memory);
    expect_whole(f_, s_.n_pinned);
  }
  void observe() {
    f_.memory.mark();
    const int n = std::min(f_.shape.reserve, 12);
    f_.append(question(n));
    Look look = window_of(n);
    look.grows = false;
    f_.attend(&look);
    f_.memory.roll_back();
    expect_whole(f_, s_.n_pinned);
  }
  void ask() {
    const std::vector<std::uint8_t> before = f_.bytes();
    f_.memory.mark();
    f_.append(question(f_.shape.reserve - 1));
    remember(f_.attend(nullptr));
    f_.append(question(1));
    remember(f_.attend(nullptr));
    f_.memory.roll_back();
    EXPECT_EQ(f_.bytes(), before) << "a question left something behind";
  }

  Look window_of(int n) const {
    Look look;
    look.window_first = std::max(0, n - policy_.window);
    return look;
  }
  static std::vector<TokenFacts> question(int n) {
    return std::vector<TokenFacts>(static_cast<std::size_t>(n));
  }
  void remember(const std::vector<float>& out) {
    for (const float x : out) ASSERT_TRUE(std::isfinite(x));
    outcome_.outputs.insert(outcome_.outputs.end(), out.begin(), out.end());
  }

  Stream s_;
  Policy policy_;
  Dice dice_;
  Fixture f_;
  Outcome outcome_;
};

// An emulator runs a hundredth as fast, a sanitizer a tenth.
#ifdef SHRIKE_SLOW_MACHINE
constexpr int kRounds = 15;
#else
constexpr int kRounds = 150;
#endif

// Every named policy once and many made up, on streams of their own.
template <class Check>
void for_many_policies(std::uint32_t first_seed, bool roomy, Check check) {
  const int n_named = static_cast<int>(named_policies().size());
  for (int round = 0; round < kRounds + n_named && !testing::Test::HasFailure(); ++round) {
    const std::uint32_t seed = first_seed + static_cast<std::uint32_t>(round);
    Dice dice(seed);
    const std::string text = round < n_named
                                 ? std::string(named_policies()[static_cast<std::size_t>(round)].name)
                                 : random_policy(dice);
    SCOPED_TRACE(text + "; seed " + std::to_string(seed));
    const Policy policy = parse_policy(text).value();
    if (!policy.evicts() && !roomy) continue;
    check(policy, random_stream(dice, policy, roomy), seed);
  }
}

TEST(EveryPolicy, keeps_its_budget_its_pinned_slots_and_its_numbers_at_every_event) {
  std::int64_t n_evicted = 0;
  for_many_policies(1000, false, [&](const Policy& policy, const Stream& stream, std::uint32_t seed) {
    n_evicted += Play(stream, policy, seed, 1).run().n_evicted;
  });
  EXPECT_GT(n_evicted, 1000) << "the streams are too short to say anything";
}

TEST(EveryPolicy, keeps_the_same_slots_for_any_number_of_threads) {
  for_many_policies(2000, false, [](const Policy& policy, const Stream& stream, std::uint32_t seed) {
    const Outcome one = Play(stream, policy, seed, 1).run(), three = Play(stream, policy, seed, 3).run();
    EXPECT_EQ(one.memory, three.memory);
    EXPECT_EQ(one.outputs, three.outputs);
  });
}

// Streams in which a method's numbers say nothing: one modality only, keys of nothing but zeros, scores that are
// all equal, and all of it at once. Every named policy, on each.
TEST(EveryPolicy, takes_streams_that_say_nothing_without_a_number_that_is_none) {
  const struct {
    const char* what;
    bool text, images;
    float key_size, query_size;
  } streams[] = {{"images only", false, true, 1, 2},
                 {"text only", true, false, 1, 2},
                 {"zero keys", true, true, 0, 2},
                 {"equal scores", true, true, 1, 0},
                 {"nothing at all", false, true, 0, 0}};
  std::int64_t n_evicted = 0;
  for (const PolicyRow& row : named_policies())
    for (const auto& degenerate : streams) {
      SCOPED_TRACE(std::string(row.name) + ", " + degenerate.what);
      const Policy policy = parse_policy(row.name).value();
      if (!policy.evicts()) continue;
      Dice dice(7);
      Stream stream = random_stream(dice, policy, false);
      stream.text = degenerate.text;
      stream.images = degenerate.images;
      stream.key_size = degenerate.key_size;
      stream.query_size = degenerate.query_size;
      n_evicted += Play(stream, policy, 7, 1).run().n_evicted;
    }
  EXPECT_GT(n_evicted, 1000);
}

TEST(EveryPolicy, with_room_for_all_is_as_if_there_were_none) {
  const Policy full = parse_policy("full").value();
  for_many_policies(3000, true, [&](const Policy& policy, const Stream& stream, std::uint32_t seed) {
    // These do what they do.
    if (policy.when.run != parts::when_full.run || policy.codec != &parts::codec_f16) return;
    Stream plain = stream;
    plain.shape.serve(full);
    const Outcome with = Play(stream, policy, seed, 1).run(), without = Play(plain, full, seed, 1).run();
    EXPECT_EQ(with.n_evicted, 0);
    ASSERT_EQ(with.outputs.size(), without.outputs.size());
    for (std::size_t i = 0; i < with.outputs.size(); ++i)
      ASSERT_NEAR(with.outputs[i], without.outputs[i], 1e-3)
          << i;  // a step of a weight in 13 bits, 2.4e-4, times a value of about 3
  });
}

}  // namespace
}  // namespace shrike::kv
