#include "tests/support/alloc_guard.hpp"

#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHRIKE_ALLOC_GUARD 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SHRIKE_ALLOC_GUARD 0
#endif
#endif
#ifndef SHRIKE_ALLOC_GUARD
#define SHRIKE_ALLOC_GUARD 1
#endif

namespace shrike::test {
namespace {

std::atomic<std::uint64_t> n_all{0};
thread_local std::uint64_t n_mine = 0;
std::atomic<bool> armed{false};

// Called by every hook. backtrace() was made to load its library before, so it does not come back here.
[[maybe_unused]] void count() noexcept {
  n_all.fetch_add(1, std::memory_order_relaxed);
  ++n_mine;
  if (!armed.load(std::memory_order_relaxed) || !armed.exchange(false)) return;
  void* frames[32];
  backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
}

}  // namespace

bool alloc_guard_works() noexcept { return SHRIKE_ALLOC_GUARD != 0; }
std::uint64_t allocations() noexcept { return n_all.load(); }
std::uint64_t allocations_of_this_thread() noexcept { return n_mine; }

AllocGuard::AllocGuard() noexcept {
  void* frames[2];
  backtrace(frames, 2);  // its first call allocates
  before_ = allocations();
  armed = true;
}
AllocGuard::~AllocGuard() { armed = false; }

}  // namespace shrike::test

#if SHRIKE_ALLOC_GUARD
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t bytes) {
  shrike::test::count();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) {
  shrike::test::count();
  return __libc_calloc(n, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  shrike::test::count();
  return __libc_realloc(old, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  shrike::test::count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  shrike::test::count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  shrike::test::count();
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void* data = __libc_memalign(alignment, bytes);
  if (data == nullptr) return ENOMEM;
  *out = data;
  return 0;
}
void free(void* data) { __libc_free(data); }
}
#endif
