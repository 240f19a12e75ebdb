// A stream of very many tokens through the tiny model: memory is what it was, and a frame takes no longer at the
// end than at the start. Built twice: a short stream for every day, a million tokens under the label `slow`.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "core/session.hpp"
#include "platform/memory.hpp"
#include "tests/support/alloc_guard.hpp"
#include "tests/support/machine.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/tiny_session.hpp"

namespace shrike {
namespace {

constexpr std::int64_t kTokens = test::kSlow ? SHRIKE_SOAK_TOKENS / 4 : SHRIKE_SOAK_TOKENS;

std::int64_t thread_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

// Times of frames in equal parts of the stream. A low percentile of each: other programs only ever add.
class Times {
 public:
  Times() {
    ns_.resize(kFramesMax);  // touched now, so that it is none of the memory that grows
    ns_.clear();
  }
  void add(std::int64_t ns) {
    if (ns_.size() < ns_.capacity()) ns_.push_back(ns);
  }
  double of_part(std::size_t part, std::size_t parts) {
    const auto at = [&](std::size_t p) {
      return ns_.begin() + static_cast<std::ptrdiff_t>(ns_.size() * p / parts);
    };
    std::vector<std::int64_t> sorted(at(part), at(part + 1));
    std::sort(sorted.begin(), sorted.end());
    return static_cast<double>(sorted[sorted.size() / 4]);
  }

 private:
  static constexpr std::size_t kFramesMax = 400'000;
  std::vector<std::int64_t> ns_;
};

class Soak : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(policies, Soak, ::testing::Values("novel", "recent", "h2o", "meda+adakv"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), '+', '_');
                           return name;
                         });

TEST_P(Soak, memory_and_the_time_of_a_frame_stay_flat) {
  SessionOptions options = test::tiny_options();
  options.kv_policy = GetParam();
  options.kv_budget_bytes = 0;
  options.question_tokens_max = 16;
  options.answer_tokens_max = 8;
  options.kv_budget_bytes = Session::plan(options).value().kv_budget_min_bytes * 3;
  const std::unique_ptr<Session> session = Session::open(options).value();
  const kv::Memory& memory = session->runtime().memory();
  const std::size_t n_numbers = session->encode().size();
  // A few pictures that come again and again, each time with a little noise.
  test::Numbers numbers(1);
  const std::vector<float> pictures = numbers.floats(8 * n_numbers);
  std::vector<float> picture(n_numbers);
  Times times;
  std::int64_t n_tokens = 0, n_slots_least = INT64_MAX;
  const auto see = [&](std::int64_t frame) {
    for (std::size_t i = 0; i < n_numbers; ++i)
      picture[i] =
          pictures[static_cast<std::size_t>(frame % 8) * n_numbers + i] + numbers.between(-0.1f, 0.1f);
    const std::int64_t begin = thread_ns();
    const SeeResult seen = session->see(picture, 0.5 * static_cast<double>(frame % 7200));
    times.add(thread_ns() - begin);
    ASSERT_NE(seen.status, See::memory_full) << frame;
    n_tokens += seen.tokens;
  };
  std::int64_t frame = 0;
  while (frame < 100 && !HasFatalFailure()) see(frame++);  // until it is full
  const ProcessMemory before = process_memory();
  std::uint64_t n_made = 0;
  {
    const test::AllocGuard guard;
    while (n_tokens < kTokens && !HasFatalFailure()) {
      see(frame++);
      ASSERT_LE(memory.next_position() + memory.shape().reserve, memory.shape().n_ctx);
      n_slots_least = std::min<std::int64_t>(n_slots_least, memory.n_live_mean());
      if (frame % 1000 == 0) session->ask("what now", nullptr, nullptr);
    }
    n_made = guard.made();
  }
  if (test::alloc_guard_works()) {
    EXPECT_EQ(n_made, 0u);
    EXPECT_LE(process_memory().anonymous - before.anonymous, 64 * 1024) << "resident memory must stay flat";
  }
  // Means over the heads, rounded down each time that something leaves.
  EXPECT_GE(session->stats().n_tokens_evicted + session->stats().tokens_held + frame, n_tokens);
  EXPECT_GE(n_slots_least * 2, session->stats().tokens_max) << "and nothing is given away little by little";
  const double first = times.of_part(1, 10), last = times.of_part(9, 10);
  std::printf("%s: %lld tokens in %lld frames; a frame took %.1f us in the second tenth, %.1f in the last\n",
              GetParam(), static_cast<long long>(n_tokens), static_cast<long long>(frame), first * 1e-3,
              last * 1e-3);
  if (!test::kSlow) {
    EXPECT_LT(last, 1.5 * first);
  }
}

}  // namespace
}  // namespace shrike
