#include "tests/support/run_program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "platform/clock.hpp"

namespace shrike::test {
namespace {

double now() { return static_cast<double>(monotonic_ns()) * 1e-9; }

// SHRIKE_EMULATOR: the emulator and its options, parted by bars; empty when none is needed.
std::vector<std::string> command(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  std::string_view rest = SHRIKE_EMULATOR;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  words.push_back(path);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

std::vector<std::string> clean_environment(const std::vector<std::string>& added) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("SHRIKE_")) variables.emplace_back(*variable);
  variables.insert(variables.end(), added.begin(), added.end());
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// From /proc/PID/stat: "12 (a name) S 1 ...". State 0: there is none.
struct ProcessState {
  char state = 0;
  pid_t parent = -1;
  std::string name;
};
ProcessState process_state(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/stat");
  std::string text;  // reading fails where the process ends meanwhile, and leaves nothing
  std::getline(in, text);
  const std::size_t name = text.find('(') + 1, name_end = text.rfind(") ");
  if (name_end == text.npos) return {};
  return {text[name_end + 2], static_cast<pid_t>(std::atoi(text.c_str() + name_end + 4)),
          text.substr(name, name_end - name)};
}

}  // namespace

Program::Program(const std::string& path, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment, const std::string& out_file)
    : start_(now()) {
  std::vector<std::string> words = command(path, arguments);
  std::vector<std::string> variables = clean_environment(environment);
  const std::vector<char*> argv = pointers(words), envp = pointers(variables);
  int out[2], err[2];
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
  pid_ = fork();
  if (pid_ == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out_file.empty() ? out[1] : open(out_file.c_str(), O_WRONLY), STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_.fd = out[0];
  err_.fd = err[0];
}

Program::~Program() {
  stop_reading();
  if (err_.fd >= 0) close(err_.fd);
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Program::send(int signal) const { kill(pid_, signal); }

void Program::stop_reading() {
  if (out_.fd >= 0) close(out_.fd);
  out_.fd = -1;
}

double Program::seconds() const { return now() - start_; }

void Program::read_some(Pipe& pipe) {
  char bytes[4096];
  const ssize_t n = read(pipe.fd, bytes, sizeof(bytes));
  if (n > 0) {
    pipe.text.append(bytes, static_cast<std::size_t>(n));
  } else if (n == 0 || errno != EINTR) {
    close(pipe.fd);
    pipe.fd = -1;
  }
}

bool Program::pump(double until) {
  const double left = until - seconds();
  if ((out_.fd < 0 && err_.fd < 0) || left <= 0) return false;
  pollfd both[2] = {{out_.fd, POLLIN, 0}, {err_.fd, POLLIN, 0}};  // poll passes over -1
  if (poll(both, 2, static_cast<int>(left * 1000) + 1) <= 0) return true;
  if (both[0].revents != 0) read_some(out_);
  if (both[1].revents != 0) read_some(err_);
  return true;
}

bool Program::prints(const std::string& text, double seconds_max) {
  const double until = seconds() + seconds_max;
  do {
    if (out_.text.find(text) != out_.text.npos || err_.text.find(text) != err_.text.npos) return true;
  } while (pump(until));
  return false;
}

Finished Program::finish(double seconds_max) {
  const double until = seconds() + seconds_max;
  while (pump(until)) {
  }
  Finished finished;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(pid_, &status, WNOHANG)) == 0 && seconds() < until) sleep_ns(1'000'000);
  finished.seconds = seconds();
  if (ended == pid_) {
    finished.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    pid_ = -1;
  }
  finished.out = out_.text;
  finished.err = err_.text;
  return finished;
}

Finished run(const std::string& path, const std::vector<std::string>& arguments,
             const std::vector<std::string>& environment, const std::string& out_file) {
  return Program(path, arguments, environment, out_file).finish();
}

std::vector<pid_t> children_of(pid_t parent, const std::string& name) {
  std::vector<pid_t> children;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    const ProcessState state = process_state(pid);
    if (state.state != 0 && state.state != 'Z' && state.parent == parent && state.name == name)
      children.push_back(std::stoi(pid));
  }
  return children;
}

bool is_gone(pid_t pid) {
  const char state = process_state(std::to_string(pid)).state;
  return state == 0 || state == 'Z' || state == 'X';
}

}  // namespace shrike::test
