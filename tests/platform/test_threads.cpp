#include "platform/threads.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "platform/check.hpp"
#include "platform/clock.hpp"
#include "tests/support/alloc_guard.hpp"

namespace shrike {
namespace {

using test::alloc_guard_works;
using test::AllocGuard;

TEST(ThreadsTest, count_is_clamped) {
  EXPECT_EQ(Threads(-3).count(), 1);
  EXPECT_EQ(Threads(0).count(), 1);
  EXPECT_EQ(Threads(5).count(), 5);
  EXPECT_EQ(Threads(64).count(), 64);
  EXPECT_EQ(Threads(1000).count(), 64);
}

TEST(ThreadsTest, every_task_runs_exactly_once) {
  for (int count = 1; count <= 8; ++count) {
    Threads threads(count);
    for (const int n : {0, 1, 2, 3, 7, 8, 9, 64, 1000, 20'000}) {
      std::vector<std::atomic<int>> ran(static_cast<std::size_t>(n));
      threads.parallel_for(n, [&](int task, int thread) {
        ASSERT_TRUE(task >= 0 && task < n && thread >= 0 && thread < count);
        ran[static_cast<std::size_t>(task)].fetch_add(1);
      });
      EXPECT_TRUE(std::all_of(ran.begin(), ran.end(), [](const auto& r) { return r.load() == 1; }))
          << count << n;
    }
    threads.parallel_for(-1, [](int, int) { FAIL(); });
  }
}

// Two threads never hold the same number: it is what scratch memory is chosen by.
TEST(ThreadsTest, thread_numbers_are_exclusive) {
  Threads threads(8);
  std::atomic<int> inside[8] = {};
  std::atomic<int> collisions{0};
  for (int round = 0; round < 200; ++round)
    threads.parallel_for(64, [&](int, int thread) {
      if (inside[thread].fetch_add(1) != 0) ++collisions;
      std::this_thread::yield();
      inside[thread].fetch_sub(1);
    });
  EXPECT_EQ(collisions.load(), 0);
}

TEST(ThreadsTest, what_tasks_wrote_is_seen_after_the_call) {
  Threads threads(4);
  std::vector<std::int64_t> plain(512);
  for (std::int64_t round = 1; round <= 2000; ++round) {
    threads.parallel_for(512, [&](int task, int) { plain[static_cast<std::size_t>(task)] += task; });
    for (std::int64_t i = 0; i < 512; ++i) ASSERT_EQ(plain[static_cast<std::size_t>(i)], i * round);
  }
}

TEST(ThreadsTest, workers_take_part) {
  Threads threads(4);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  for (int round = 0; round < 1000 && seen.size() < 4; ++round)
    threads.parallel_for(16, [&](int, int) {
      sleep_ns(100'000);
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  EXPECT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen.count(std::this_thread::get_id()), 1u);
}

TEST(ThreadsTest, results_are_equal_for_any_count) {
  const auto sums = [](int count) {
    Threads threads(count);
    std::vector<float> out(333);
    threads.parallel_for(333, [&](int task, int) {
      float sum = 0;
      for (int i = 1; i < 200; ++i) sum += std::sin(static_cast<float>(task * i));
      out[static_cast<std::size_t>(task)] = sum;
    });
    return out;
  };
  const std::vector<float> expected = sums(1);
  for (const int count : {2, 3, 4, 8, 64}) EXPECT_EQ(sums(count), expected) << count;
}

TEST(ThreadsTest, many_tiny_calls_end) {
  for (const int count : {2, 8, 64}) {
    Threads threads(count);
    std::atomic<std::int64_t> sum{0};
    for (int call = 0; call < 100'000; ++call)
      threads.parallel_for(3, [&](int task, int) { sum.fetch_add(task, std::memory_order_relaxed); });
    EXPECT_EQ(sum.load(), 300'000) << count;
  }
}

TEST(ThreadsTest, as_many_tasks_as_threads_may_wait_for_each_other) {
  for (const int count : {2, 3, 8}) {
    Threads threads(count);
    for (int call = 0; call < 200; ++call) {
      if (call % 20 == 0) sleep_ns(200'000);  // the crew is asleep
      std::atomic<int> n_there{0};
      threads.parallel_for(count, [&](int, int) {
        ++n_there;
        while (n_there < count) std::this_thread::yield();
      });
      EXPECT_EQ(n_there.load(), count);
    }
  }
}

// A crew ends wherever its workers are: being born, at work, awake, or just about to sleep.
TEST(ThreadsTest, crews_end_at_any_time) {
  std::atomic<int> n{0};
  for (int crew = 0; crew < 5000; ++crew) {
    Threads threads(2 + crew % 7);
    for (int call = 0; call < crew % 3; ++call) threads.parallel_for(4, [&](int, int) { ++n; });
  }
  EXPECT_EQ(n.load(), 4 * 4999);
}

// Calls so far apart that the workers are asleep, or just about to be.
TEST(ThreadsTest, calls_with_pauses_end) {
  Threads threads(2);
  std::atomic<int> n{0};
  for (int call = 0; call < 2000; ++call) {
    threads.parallel_for(4, [&](int, int) { ++n; });
    sleep_ns(call % 100 * 1000);
  }
  EXPECT_EQ(n.load(), 8000);
}

TEST(ThreadsTest, calls_allocate_nothing) {
  if (!alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  for (const int count : {1, 2, 8}) {
    Threads threads(count);
    std::atomic<int> n{0};
    AllocGuard guard;
    for (int call = 0; call < 1000; ++call) threads.parallel_for(16, [&](int, int) { ++n; });
    EXPECT_EQ(guard.made(), 0u) << count;
    EXPECT_EQ(n.load(), 16'000);
  }
}

TEST(ThreadsTest, idle_crew_uses_no_processor) {
  const auto cpu_ns = [] {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * std::int64_t{1'000'000'000} +
           (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * std::int64_t{1000};
  };
  for (const int count : {2, 64}) {
    Threads threads(count);
    threads.parallel_for(1000, [](int, int) {});
    sleep_ns(50'000'000);
    const std::int64_t before = cpu_ns();
    sleep_ns(300'000'000);
    EXPECT_LT(cpu_ns() - before, 20'000'000) << count;
  }
}

TEST(ThreadsDeathTest, call_from_inside_a_task_is_a_bug) {
  EXPECT_DEATH(
      {
        Threads threads(2);
        threads.parallel_for(2, [&](int, int) { threads.parallel_for(2, [](int, int) {}); });
      },
      "busy");
}

TEST(AllocGuardTest, counts_every_thread) {
  if (!alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  Threads threads(4);
  AllocGuard guard;
  const std::uint64_t mine = test::allocations_of_this_thread();
  std::atomic<std::uint64_t> by_workers{0};
  threads.parallel_for(8, [&](int, int thread) {
    sleep_ns(1'000'000);
    if (thread == 0) return;
    void* volatile block = std::malloc(100);
    std::free(block);
    ++by_workers;
  });
  EXPECT_EQ(guard.made(), by_workers.load());
  EXPECT_GT(by_workers.load(), 0u);
  EXPECT_EQ(test::allocations_of_this_thread(), mine);
  delete new volatile int(1);
  EXPECT_EQ(guard.made(), by_workers.load() + 1);
}

}  // namespace
}  // namespace shrike
