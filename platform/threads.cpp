#include "platform/threads.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>

#include "platform/check.hpp"
#include "platform/clock.hpp"
#include "platform/cpu.hpp"

namespace shrike {
namespace {

constexpr int kThreadsMax = 64;
// Long enough to stay awake from one matrix product to the next, short enough to cost an idle board nothing.
constexpr std::int64_t kSpinNs = 50'000;

using Word = std::atomic<std::uint32_t>;

void futex_wait(Word& word, std::uint32_t seen) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}
void futex_wake(Word& word, int n) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, nullptr, nullptr, 0);
}

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // yield is a no-op on most cores
#endif
}

// True as soon as `ready` is, false when it was not for `spin_ns`.
template <class Ready>
bool spin(std::int64_t spin_ns, Ready&& ready) noexcept {
  if (ready()) return true;
  if (spin_ns == 0) return false;
  for (const std::int64_t end = monotonic_ns() + spin_ns; monotonic_ns() < end;)
    for (int i = 0; i < 16; ++i) {
      relax();
      if (ready()) return true;
    }
  return false;
}

}  // namespace

// A run is published as one 64-bit ticket: its number above, the tasks left below. Who takes one off by
// compare-and-swap owns that task, and knows by it that the run's description, read before, was this run's:
// the caller writes the next one only after all tasks of this one are done, and an empty ticket is never
// touched. So a worker that wakes late takes nothing and is waited for by nobody, and a small run need not
// wake the whole crew.
struct Threads::State {
  struct Worker {
    State* state;
    int thread;
    pthread_t handle;
  };

  alignas(64) std::atomic<std::uint64_t> ticket{0};
  alignas(64) Word run_number{0};  // workers sleep on it; follows the ticket's upper half
  alignas(64) Word n_done{0};      // tasks of this run; the caller sleeps on it
  alignas(64) std::atomic<int> n_asleep{0};
  std::atomic<bool> caller_asleep{false};
  std::atomic<bool> stop{false};
  std::atomic<bool> busy{false};
  std::atomic<Task> task{nullptr};  // the run's description
  std::atomic<void*> context{nullptr};
  std::atomic<std::uint32_t> n_tasks{0};

  std::int64_t spin_ns = 0;
  int n_workers = 0;
  Worker workers[kThreadsMax - 1];

  void work(int thread) noexcept;
  void wait_for_all(std::uint32_t n) noexcept;
  void serve(int thread) noexcept;
};

// Takes tasks until none is left, then says how many it did.
void Threads::State::work(int thread) noexcept {
  std::uint32_t n_mine = 0, n = 0;
  std::uint64_t seen = ticket.load(std::memory_order_acquire);
  while (const auto n_left = static_cast<std::uint32_t>(seen)) {
    const Task run_task = task.load(std::memory_order_relaxed);
    void* const run_context = context.load(std::memory_order_relaxed);
    const std::uint32_t run_n = n_tasks.load(std::memory_order_relaxed);
    if (!ticket.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    run_task(run_context, static_cast<int>(run_n - n_left), thread);
    ++n_mine;
    n = run_n;
    --seen;
  }
  if (n_mine == 0) return;
  const bool last = n_done.fetch_add(n_mine, std::memory_order_seq_cst) + n_mine == n;
  if (last && caller_asleep.load(std::memory_order_seq_cst)) futex_wake(n_done, 1);
}

void Threads::State::wait_for_all(std::uint32_t n) noexcept {
  if (spin(spin_ns, [&] { return n_done.load(std::memory_order_acquire) == n; })) return;
  caller_asleep.store(true, std::memory_order_seq_cst);
  for (std::uint32_t done; (done = n_done.load(std::memory_order_seq_cst)) != n;) futex_wait(n_done, done);
  caller_asleep.store(false, std::memory_order_relaxed);
}

void Threads::State::serve(int thread) noexcept {
  for (;;) {
    // The number first: who has seen the last one sees `stop`, and whoever has not is woken by it.
    const std::uint32_t seen = run_number.load(std::memory_order_acquire);
    if (stop.load(std::memory_order_acquire)) return;
    work(thread);
    if (spin(spin_ns, [&] { return run_number.load(std::memory_order_acquire) != seen; })) continue;
    n_asleep.fetch_add(1, std::memory_order_seq_cst);
    while (run_number.load(std::memory_order_seq_cst) == seen) futex_wait(run_number, seen);
    n_asleep.fetch_sub(1, std::memory_order_relaxed);
  }
}

Threads::Threads(int count) : state_(std::make_unique<State>()) {
  count = std::clamp(count, 1, kThreadsMax);
  // With more threads than processors, who spins keeps another from working.
  state_->spin_ns = count <= n_cpus() ? kSpinNs : 0;
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int thread = 1; thread < count; ++thread) {
    State::Worker& worker = state_->workers[state_->n_workers];
    worker.state = state_.get();
    worker.thread = thread;
    const auto serve = [](void* argument) -> void* {
      auto* self = static_cast<State::Worker*>(argument);
      self->state->serve(self->thread);
      return nullptr;
    };
    // Fewer than asked for is slower, never wrong.
    if (pthread_create(&worker.handle, nullptr, serve, &worker) != 0) break;
    ++state_->n_workers;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  count_ = state_->n_workers + 1;
}

Threads::~Threads() {
  state_->stop.store(true, std::memory_order_release);
  state_->run_number.fetch_add(1, std::memory_order_seq_cst);
  futex_wake(state_->run_number, INT_MAX);
  for (int i = 0; i < state_->n_workers; ++i) pthread_join(state_->workers[i].handle, nullptr);
}

void Threads::run(int n_tasks, Task task, void* context) noexcept {
  if (n_tasks <= 0) return;
  State& s = *state_;
  SHRIKE_CHECK(!s.busy.exchange(true, std::memory_order_acquire));
  if (n_tasks == 1 || count_ == 1) {
    for (int i = 0; i < n_tasks; ++i) task(context, i, 0);
  } else {
    const auto n = static_cast<std::uint32_t>(n_tasks);
    s.task.store(task, std::memory_order_relaxed);
    s.context.store(context, std::memory_order_relaxed);
    s.n_tasks.store(n, std::memory_order_relaxed);
    s.n_done.store(0, std::memory_order_relaxed);
    const std::uint32_t number = s.run_number.load(std::memory_order_relaxed) + 1;
    s.ticket.store(static_cast<std::uint64_t>(number) << 32 | n, std::memory_order_release);
    s.run_number.store(number, std::memory_order_seq_cst);
    const int n_asleep = s.n_asleep.load(std::memory_order_seq_cst);
    if (n_asleep > 0) futex_wake(s.run_number, std::min(n_asleep, n_tasks - 1));
    s.work(0);
    s.wait_for_all(n);
  }
  s.busy.store(false, std::memory_order_release);
}

}  // namespace shrike
