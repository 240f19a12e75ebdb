#pragma once

#include <string>
#include <vector>

#include "platform/result.hpp"

namespace shrike {

inline constexpr int kArgumentBytesMax = 4096;  // fits into a pipe, so that writing it never waits

// The program shrike-capture, started and ended.
//
// The ring is its descriptor 3. What to open comes over its standard input, since the list of processes is no
// place for a password; that pipe then stays open for as long as we live, and its end tells the capture
// process that we are gone.
class CaptureProcess {
 public:
  // Looks for the program: `program` if given, else $SHRIKE_CAPTURE, else beside this one, where it is installed
  // (../libexec/shrike), or in PATH.
  // Errors   missing
  [[nodiscard]] static Result<CaptureProcess> prepare(const std::string& program,
                                                      const std::string& argument);
  CaptureProcess() = default;
  CaptureProcess(CaptureProcess&& other) noexcept;
  CaptureProcess& operator=(CaptureProcess&& other) noexcept;
  ~CaptureProcess();  // kills it and waits, but not for ever

  [[nodiscard]] int start(int ring_fd) noexcept;  // 0 or an errno; only when none runs
  void kill() noexcept;                           // also the processes that it started
  // True when none runs (any more); `status` is then what waitpid() said of the last one, 0 for nothing.
  [[nodiscard]] bool gone(int& status) noexcept;

  int pid() const noexcept { return pid_; }  // -1 when none runs
  const std::string& program() const noexcept { return program_; }

 private:
  std::string program_;
  std::string argument_;  // with its terminator
  std::string shown_;     // argument for the list of processes
  std::vector<std::string> environment_;
  std::vector<char*> environment_pointers_;
  int pid_ = -1;
  int status_ = 0;
  int lifeline_ = -1;  // our end of the pipe
};

}  // namespace shrike
