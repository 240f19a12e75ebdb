#pragma once

#include <cstdint>

namespace shrike::test {

// Link shrike_alloc_guard and every malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign of
// the test program and of all its shared libraries is counted. Under a sanitizer, which owns malloc itself,
// nothing is:
//
//   if (!alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
//   AllocGuard guard;
//   step();
//   EXPECT_EQ(guard.made(), 0u);
[[nodiscard]] bool alloc_guard_works() noexcept;

[[nodiscard]] std::uint64_t allocations() noexcept;  // by all threads, since the program started
[[nodiscard]] std::uint64_t allocations_of_this_thread() noexcept;

// What all threads of the process allocate while it lives. The first one prints its backtrace to stderr.
class AllocGuard {
 public:
  AllocGuard() noexcept;
  ~AllocGuard();
  AllocGuard(const AllocGuard&) = delete;
  AllocGuard& operator=(const AllocGuard&) = delete;
  std::uint64_t made() const noexcept { return allocations() - before_; }

 private:
  std::uint64_t before_ = 0;
};

}  // namespace shrike::test
