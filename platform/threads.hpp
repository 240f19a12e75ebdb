#pragma once

#include <memory>
#include <type_traits>

namespace shrike {

// A fixed crew. The caller is thread 0; count - 1 workers wait beside it, spinning briefly and then asleep.
//
// parallel_for(n, fn) runs fn(task, thread) once for each task in [0, n) and returns when all are done.
// Tasks are handed out in order to whoever is free, so a result may depend on `task` but never on
// `thread`, which is only good for choosing scratch memory: that is what keeps results equal for any count.
// Tasks may wait for each other where there are no more of them than threads: all those run side by side.
// Neither allocates, throws nor logs. One caller at a time; not from inside a task.
class Threads {
 public:
  explicit Threads(int count);  // clamped to [1, 64]
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const noexcept { return count_; }

  template <class Fn>
  void parallel_for(int n_tasks, Fn&& fn) noexcept {
    using F = std::remove_reference_t<Fn>;
    run(
        n_tasks, [](void* context, int task, int thread) { (*static_cast<F*>(context))(task, thread); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  using Task = void (*)(void* context, int task, int thread);
  void run(int n_tasks, Task task, void* context) noexcept;
  struct State;
  std::unique_ptr<State> state_;
  int count_ = 1;
};

}  // namespace shrike
