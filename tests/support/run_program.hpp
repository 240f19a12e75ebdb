#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace shrike::test {

struct Finished {
  int code = -1;         // as shells count: 128 + the signal that it died of; -1: its time was over
  std::string out, err;  // what it printed
  double seconds = 0;    // that it lived
};

// A program of this build that runs beside the test, in the emulator where it is for another machine. It
// inherits the environment without the SHRIKE_ variables, so that a test means the same everywhere. Its
// stdout is read here, or goes to `out_file`.
//
//   Program program(SHRIKE_PROGRAM, {"watch", "-s", clip}, {"SHRIKE_ISA=scalar"});
//   ASSERT_TRUE(program.prints("a green square"));
//   program.send(SIGINT);
//   EXPECT_EQ(program.finish().code, 130);
class Program {
 public:
  Program(const std::string& path, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {}, const std::string& out_file = "");
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();  // kills it

  pid_t pid() const { return pid_; }
  void send(int signal) const;
  // Waits until it printed `text`, to stdout or stderr. False: it ended without, or the time was over.
  [[nodiscard]] bool prints(const std::string& text, double seconds_max = 60);
  void stop_reading();  // nobody listens to its stdout any more
  Finished finish(double seconds_max = 120);

 private:
  struct Pipe {
    int fd = -1;  // our end; -1 when closed
    std::string text;
  };
  static void read_some(Pipe& pipe);
  bool pump(double until);  // false when both ends are closed or the time is over
  double seconds() const;

  pid_t pid_ = -1;
  Pipe out_, err_;
  double start_ = 0;
};

// From start to end.
Finished run(const std::string& path, const std::vector<std::string>& arguments,
             const std::vector<std::string>& environment = {}, const std::string& out_file = "");

// Those that run a program of that name: a sanitizer has children as well.
[[nodiscard]] std::vector<pid_t> children_of(pid_t parent, const std::string& name);
// No such process, or only its exit code is left.
[[nodiscard]] bool is_gone(pid_t pid);

}  // namespace shrike::test
